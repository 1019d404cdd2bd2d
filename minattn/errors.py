"""The two kinds of failure that the command line turns into one sentence and an exit code."""

LONGEST = 900
"""Characters of a sentence; a name or a value in it, which comes from a user or a file, may be of any length."""


class _Sentence(Exception):
    """An error whose message is shown by its beginning and its end where it is too long to be read."""

    def __str__(self) -> str:
        message = super().__str__()
        return message if len(message) <= LONGEST else f"{message[: LONGEST * 2 // 3]} … {message[-LONGEST // 3 :]}"


class InputError(_Sentence, ValueError):
    """What the user gave cannot be used: one sentence, exit code 2."""


class RunError(_Sentence, RuntimeError):
    """What was asked for was understood but failed on the way: one sentence, exit code 1."""
