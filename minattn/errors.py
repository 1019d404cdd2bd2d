"""The two kinds of failure that the command line turns into one sentence and an exit code, and what may end one."""

from collections.abc import Iterable


class InputError(ValueError):
    """What the user gave cannot be used: one sentence, exit code 2."""


class RunError(RuntimeError):
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
