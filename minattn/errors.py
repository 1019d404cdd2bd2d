"""The two kinds of failure that the command line turns into one sentence and an exit code."""


class InputError(ValueError):
    """What the user gave cannot be used: one sentence, exit code 2."""


class RunError(RuntimeError):
    """What was asked for was understood but failed on the way: one sentence, exit code 1."""
