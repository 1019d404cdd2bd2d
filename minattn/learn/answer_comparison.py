"""Compares what a learner's function returned with what is right: first its form, then its numbers."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .sandbox.messages import NotData

TOLERANCE = 1e-11
"""Largest error as a share of the largest number.

Right answers differ by up to 5e-12: layer norm of two numbers, where what is left of a difference is ε. Slopes from two
points are off by more where forward is not linear; those from four by 1e-14 to 1e-11, so that no limit parts them.
"""

LEAST = 1e-3
"""Numbers that are all smaller are held to the same error: beside them, rounding of what they were made of is large."""

NOT_COMPARABLE = ("no_gradient", "wrong_count", "not_an_array", "dtype", "not_finite")
"""Kinds of what `form_error` finds, of which there is nothing more to say."""


class WorstEntry(NamedTuple):
    """Where an array differs most from what is right.

    Args:
        where, place: what the array is called, and the index of its worst entry
        got, expected: the number that is there, and the right one
        wrong, entries: how many entries are wrong, and how many there are
        share: the error, divided by the largest number that is right
    """

    where: str
    place: tuple[int, ...]
    got: Any
    expected: Any
    wrong: int
    entries: int
    share: float = 1.0

    def __str__(self) -> str:
        place = f" at [{', '.join(map(str, self.place))}]" if self.place else ""
        verb = "is" if self.wrong == 1 else "are"
        share = f"; {self.wrong} of {self.entries} entries {verb} wrong" if self.entries > 1 else ""
        return f"{short_number(self.got)} instead of {short_number(self.expected)}{place}{share}"


def short_number(number: Any) -> str:
    """Write a number with four digits."""
    return f"{number + 0.0:.4g}" if isinstance(number, (float, np.floating)) else str(number)


def kind_of(value: Any) -> str:
    """Say what a value is, for a message."""
    if isinstance(value, NotData):
        article = "an" if value.kind[:1].lower() in "aeiou" else "a"
        return f"{article} {value.kind}"
    if value is None:
        return "None"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    if isinstance(value, (bool, int, float, np.generic)):
        return f"the number {short_number(value)}" if not isinstance(value, (bool, np.bool_)) else f"{value}"
    return f"a {type(value).__name__}" + (f" of {len(value)}" if isinstance(value, (list, tuple, dict)) else "")


def form_error(
    answer: Any, expected: Any, function: str, names: tuple[str, ...], arguments: tuple[str, ...] = ()
) -> tuple[str, str] | None:
    """Say why an answer cannot even be compared with what is expected.

    Args:
        answer, expected: what the learner's function returned, and what the solution's
        function, names: the name of the function, and those of what it returns
        arguments: the names of the arguments of the same shapes, to be named in messages

    Returns:
        A kind and a sentence; None where it can be compared.
    """
    same_shape_as = dict(zip(names, arguments, strict=False))
    if not isinstance(expected, tuple):
        if isinstance(answer, tuple) and len(answer) == 1:
            return "shape", f"{names[0]} came in a tuple of one; is there a comma too many?"
        return _form_error_of_part(answer, expected, names[0], same_shape_as.get(names[0]))
    listed = ", ".join(names)
    if answer is None:
        return "no_gradient", f"{function} returned None; is its `return {listed}` gone?"
    if not isinstance(answer, (tuple, list)):
        return "wrong_count", f"{function} must return {len(expected)} things ({listed}); it gave {kind_of(answer)}"
    if len(answer) != len(expected):
        return "wrong_count", f"{function} must return {len(expected)} things ({listed}); it gave {len(answer)}"
    for name, part, right in zip(names, answer, expected, strict=True):
        # ids and masks have no gradient, whatever is returned for them
        if right is not None and (said := _form_error_of_part(part, right, name, same_shape_as.get(name))):
            return said
    return None


def _form_error_of_part(answer: Any, expected: Any, name: str, like: str | None) -> tuple[str, str] | None:
    if answer is None:
        return "no_gradient", f"{name} is None; nothing was returned for it"
    if isinstance(expected, dict):
        if not isinstance(answer, dict):
            return "shape", f"{name} must be a dict, it is {kind_of(answer)}"
        if answer.keys() != expected.keys():
            keys = ", ".join(map(repr, expected))
            return "shape", f"{name} must have the keys {keys}; it has {', '.join(map(repr, answer)) or 'none'}"
    elif isinstance(expected, (list, tuple)):
        if not isinstance(answer, (list, tuple)):
            return "shape", f"{name} must be a {type(expected).__name__}, it is {kind_of(answer)}"
        if len(answer) != len(expected):
            items = "1 item" if len(expected) == 1 else f"{len(expected)} items"
            return "shape", f"{name} must have {items}, it has {len(answer)}"
    elif isinstance(expected, str):
        return None if isinstance(answer, str) else ("shape", f"{name} must be a text, it is {kind_of(answer)}")
    else:
        return _form_error_of_array(answer, np.asarray(expected), name, like)
    return next(filter(None, (_form_error_of_part(*part, None) for part in _parts(answer, expected, name))), None)


def _parts(answer: Any, expected: Any, name: str) -> list[tuple[Any, Any, str]]:
    """What is in a dict, a list or a tuple, each with what is right and its name; no part that nothing is right for."""
    keys = expected if isinstance(expected, dict) else range(len(expected))
    return [(answer[key], expected[key], f"{name}[{key!r}]") for key in keys if expected[key] is not None]


def _form_error_of_array(answer: Any, expected: Any, name: str, like: str | None) -> tuple[str, str] | None:
    if not isinstance(answer, (np.ndarray, np.generic, float, int)):
        mend = f"; np.array({name}) makes one of it" if isinstance(answer, (list, tuple)) else ""
        return "not_an_array", f"{name} must be an array of shape {expected.shape}, it is {kind_of(answer)}{mend}"
    array = np.asarray(answer)
    if array.shape != expected.shape:
        whose = f", which is that of {like}" if like else ""
        return "shape", f"{name} must have shape {expected.shape}{whose}; it has shape {array.shape}"
    if expected.dtype.kind == "f" and array.dtype.kind != "f":
        return "dtype", f"{name} must hold floating-point numbers; its dtype is {array.dtype}"
    if expected.dtype.kind == "f" and array.dtype.itemsize < 8:
        return "dtype", f"{name} has dtype {array.dtype}, what came in has float64: digits were lost on the way"
    if array.dtype.kind == "f" and np.isfinite(expected).all() and not np.isfinite(array).all():
        bad = ~np.isfinite(array)
        what = "NaN" if np.isnan(array).any() else "Inf"
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        place = f", first at [{', '.join(map(str, first))}]" if first else ""
        return "not_finite", f"{name} has {what} in {int(bad.sum())} of {array.size} entries{place}"
    return None


def wrong_numbers(
    answer: Any, expected: Any, names: tuple[str, ...], close: float = TOLERANCE, least: float = LEAST
) -> Iterator[WorstEntry]:
    """The worst entry of each part of an answer that differs from what is right; its form is right.

    Args:
        answer, expected, names: as for `form_error`
        close: the largest error, as a share of the largest number
        least: what that number is taken to be where it is smaller
    """
    if isinstance(expected, tuple) and len(names) == len(expected):
        for name, part, right in zip(names, answer, expected, strict=True):
            if right is not None:
                yield from wrong_numbers(part, right, (name,), close, least)
    elif isinstance(expected, (dict, list, tuple)):
        for part, right, name in _parts(answer, expected, names[0]):
            yield from wrong_numbers(part, right, (name,), close, least)
    elif isinstance(expected, str):
        if answer != expected:
            yield WorstEntry(names[0], (), repr(answer), repr(expected), 1, 1)
    elif found := worst_entry(np.asarray(answer), np.asarray(expected), names[0], close, least):
        yield found


def wrong_parts(answer: Any, expected: Any, names: tuple[str, ...]) -> set[str]:
    """The names of those parts of an answer whose form or numbers are not right; the rest may be right all the same."""
    if not isinstance(expected, tuple):
        answer, expected = (answer,), (expected,)
    if not isinstance(answer, (tuple, list)) or len(answer) != len(expected) or len(names) != len(expected):
        return set(names)
    return {
        name
        for name, part, right in zip(names, answer, expected, strict=True)
        if right is not None
        and (_form_error_of_part(part, right, name, None) or list(wrong_numbers(part, right, (name,))))
    }


def worst_entry(
    array: Any, expected: Any, name: str, close: float = TOLERANCE, least: float = LEAST
) -> WorstEntry | None:
    """The worst entry of an array of the right shape; None where it is right."""
    if expected.dtype.kind != "f":
        error, limit = (array != expected).astype(float), 0.0
    else:
        with np.errstate(invalid="ignore"):
            same = (array == expected) | (np.isnan(array) & np.isnan(expected))  # -inf beside -inf is right
            error = np.where(same, 0.0, np.abs(array - expected))
        finite = np.abs(expected[np.isfinite(expected)])
        limit = close * max(float(finite.max(initial=0.0)), least)
    wrong = ~(error <= limit)
    if not wrong.any():
        return None
    worst = np.unravel_index(int(np.nanargmax(np.where(wrong, np.nan_to_num(error, nan=np.inf), -1.0))), error.shape)
    index = tuple(int(i) for i in worst)
    share = float(error[index] / limit * close) if limit else 1.0
    return WorstEntry(name, index, array[index], expected[index], int(wrong.sum()), wrong.size, share)


def accepts_repair(ops: tuple[str, ...]) -> Callable[[tuple[Any, ...], Any, Any], str | None]:
    """Make the `accepts` of an exercise whose answer is (name of the wrong op, the model's gradients with a repair).

    What it says about an answer tells what is wrong, not what is right. ops: the names that there are.
    """

    def accepts(arguments: tuple[Any, ...], answer: Any, expected: Any) -> str | None:
        if not isinstance(answer, tuple) or len(answer) != 2 or not isinstance(answer[0], str):
            return "WRONG must be a name in quotes"
        name, gradients = answer
        if name not in ops:
            return f"WRONG is {name!r}; the names are {', '.join(ops)}"
        if name != expected[0]:
            return (
                f"the backward of {name} is right: check_backward finds nothing wrong with it. Ask it about the others"
            )
        if error := form_error(gradients, expected[1], "repaired", ("gradients",)):
            return f"{name} it is; but with your repair {error[1]}"
        for found in wrong_numbers(gradients, expected[1], ("gradients",)):
            return f"{name} it is; but your repair is not right yet: {found.where} has {found}"
        return None

    return accepts
