"""A factor, and what in a problem is equal to it."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ...backend import Array
from ..problem import Problem
from .measurements import Measurements

LengthFormula = Callable[[float], float]

_KNOWN_NUMBERS = {
    **{2.0: "2", 3.0: "3", 4.0: "4", math.pi: "π", math.sqrt(2): "√2", math.log(10): "ln 10", math.log(2): "ln 2"},
    **{math.sqrt(math.pi): "√π", math.sqrt(2 * math.pi): "√(2π)", math.sqrt(2 / math.pi): "√(2/π)"},
}
_LENGTH_FORMULAS: dict[str, LengthFormula] = {
    "{}": lambda n: n,
    "1/{}": lambda n: 1 / n,
    "√{}": math.sqrt,
    "1/√{}": lambda n: 1 / math.sqrt(n),
    "2/{}": lambda n: 2 / n,
    "{}/2": lambda n: n / 2,
    "({0} - 1)/{0}": lambda n: (n - 1) / n,
    "{0}/({0} - 1)": lambda n: n / (n - 1) if n > 1 else math.inf,
    "{} - 1": lambda n: n - 1,
    "1/({} - 1)": lambda n: 1 / (n - 1) if n > 1 else math.inf,
}


class Length(NamedTuple):
    """A number of elements in a problem. Two of the same value are one: `what` names the first."""

    n: int
    what: str
    is_axis: bool


def factor_between(a: Array, b: Array) -> float | None:
    """c, if a = c b everywhere (and neither is zero)."""
    size = float((b * b).sum())
    if a.shape != b.shape or size == 0:
        return None
    c = float((a * b).sum()) / size
    return c if c != 0 and (np.abs(a - c * b) <= 1e-6 * np.abs(a).max()).all() else None


def describe_factor(measured: Measurements, c: float, again: Callable[[Problem], float | None] | None = None) -> str:
    """The value of a factor, and what in this problem is equal to it, if anything.

    again: measures the factor in another problem; with it, the lengths of axes are changed to see which one it is
    """
    text, size = f"{c:.6g}", abs(c)
    matching = [
        (form, function, length)
        for form, function in _LENGTH_FORMULAS.items()  # a length before a length minus 1
        for length in lengths(measured.problem)
        if _equal(function(length.n), size)
    ]
    if again is not None:
        for form, function, length in matching:
            shorter = _with_length(measured.problem, length.n, length.n - 1) if length.is_axis else None
            changed = None if shorter is None else again(shorter)
            if changed is not None and _equal(function(length.n - 1), abs(changed)):
                proof = f"with one element less there it is {changed:.6g}"
                return f"{_equation(text, form, length)} ({proof})"
    for value, name in _KNOWN_NUMBERS.items():
        for number, fixed in ((value, name), (1 / value, f"1/{name}")):
            if _equal(number, size) and not (matching and again is None):
                return text if fixed == text else f"{text} = {fixed}"
    if matching:
        return _equation(text, matching[0][0], matching[0][2])
    return text


def _equation(text: str, form: str, length: Length) -> str:
    if form == "{}":
        return f"{text}, {length.what}"
    return f"{text} = {form.format(length.n)}, where {length.n} is {length.what}"


def lengths(problem: Problem) -> list[Length]:
    """The lengths of axes, the sizes of arrays and numbers of rows, and how many entries of a mask or of ids count."""
    axes = [(name, axis, n) for name, x in problem.arrays for axis, n in enumerate(x.shape)]
    found = [Length(n, f"the length of axis {axis} of {name}", True) for name, axis, n in axes]
    for name, x in problem.arrays:
        found.append(Length(math.prod(x.shape[:-1]), f"the number of rows of {name}", False))
        found.append(Length(x.size, f"the size of {name}", False))
        if x.dtype.kind == "b":
            found.append(Length(int(x.sum()), f"how many entries of {name} are True", False))
        if x.dtype.kind == "i":
            found.append(Length(int((x >= 0).sum()), f"how many entries of {name} are not negative", False))
    first = {length.n: length for length in reversed(found)}
    return [length for length in found if length.n > 1 and length is first[length.n]]


def _with_length(problem: Problem, old: int, new: int) -> Problem | None:
    """The problem with every axis of one length cut to another; None where forward does not take it."""
    if new < 1:
        return None
    inputs = [
        x[tuple(slice(new if n == old else n) for n in x.shape)] if isinstance(x, np.ndarray) else x
        for x in problem.inputs
    ]
    try:
        shape = np.shape(problem.forward(*inputs))
        return problem.at(inputs, np.random.default_rng(old).normal(size=shape))
    except Exception:  # a forward that is made for this length alone
        return None


def _equal(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-6 * abs(b)
