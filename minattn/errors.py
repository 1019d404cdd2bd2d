"""The two kinds of failure that the command line turns into one sentence and an exit code, and what may end one."""

from collections.abc import Iterable

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


def nearest_name(word: str, known: Iterable[str]) -> str | None:
    """The one of the known names that was probably meant, in whatever case; None where none is near.

    >>> [nearest_name(word, ["train", "layer_norm"]) for word in ("trian", "Norm", "x")]
    ['train', 'layer_norm', None]
    """
    import difflib  # needed for errors alone

    wanted, by_lower = word.lower(), {name.lower(): name for name in known}
    near = difflib.get_close_matches(wanted, by_lower, n=1) or [
        name for name in by_lower if min(len(name), len(wanted)) > 2 and (wanted in name or name in wanted)
    ]
    return by_lower[near[0]] if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about a name that is not known.

    >>> did_you_mean("trian", ["train", "check", "fill"])
    '; did you mean train?'
    """
    near = nearest_name(word, known)
    return "" if near is None else f"; did you mean {near}?"
