"""A factor, and what in a problem is equal to it."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ...backend import Array
from ..problem import Problem
from ..redrawn import redrawn

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


def factor_between(a: Array, b: Array) -> float | None:
    """c, if a = c b everywhere (and neither is zero)."""
    size = float((b * b).sum())
    if a.shape != b.shape or size == 0:
        return None
    c = float((a * b).sum()) / size
    return c if c != 0 and (np.abs(a - c * b) <= 1e-6 * np.abs(a).max()).all() else None


def describe_factor(c: float, problem: Problem, again: Callable[[Problem], float | None]) -> str:
    """The value of a factor, and what it is equal to, if anything: a number, or a length that it follows.

    again: measures the factor in another problem; it is asked where lengths are others
    """
    other = redrawn(problem)
    changed = None if other is None else again(other)
    told = None
    if other is not None and changed is not None:
        told = explain_factors([c, changed], [problem, other])
        if told is not None and "," in told:
            return told if told.startswith(f"{c:.6g},") else f"{c:.6g} = {told}"
    told = told or explain_factors([c], [problem], follows_lengths=False)
    return f"{c:.6g}" if told in (None, f"{c:.6g}") else f"{c:.6g} = {told}"


def _equal(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-6 * abs(b)


def explain_factors(values: Sequence[float], problems: Sequence[Problem], follows_lengths: bool = True) -> str | None:
    """The words for a factor that was measured in several problems of different lengths: a number where it stays the
    same, or the length that it follows; None where it is neither.
    """
    first = values[0]
    if all(abs(c - first) <= 1e-5 * abs(first) for c in values):
        for value, name in _KNOWN_NUMBERS.items():
            for number, fixed in ((value, name), (1 / value, f"1/{name}")):
                if _equal(number, abs(first)):
                    return f"-{fixed}" if first < 0 else fixed
        return f"{first:.6g}"
    if not follows_lengths:
        return None
    found = [{length.what: length for length in _all_lengths(problem)} for problem in problems]
    sign = "-" if first < 0 else ""
    for form, function in _LENGTH_FORMULAS.items():
        for what, length in found[0].items():
            others = [lengths_there.get(what) for lengths_there in found]
            if all(n is not None and _equal(function(n.n), abs(c)) for n, c in zip(others, values, strict=True)):
                where = "" if form == "{}" else f"where {length.n} is "
                words = form.format(length.n)
                return f"{sign}({words}), {where}{what}" if sign and " - " in words else f"{sign}{words}, {where}{what}"
    for form, function in (("{0:.6g}/{1}", lambda n: 1 / n), ("{0:.6g} · {1}", float)):
        for what, length in found[0].items():
            lengths = [lengths_there[what].n if what in lengths_there else 0 for lengths_there in found]
            if 0 in lengths or len(set(lengths)) == 1:
                continue
            k = first / function(length.n)
            if all(_equal(k * function(n), c) for n, c in zip(lengths, values, strict=True)):
                return f"{form.format(k, length.n)}, where {length.n} is {what}"
    return None


def _all_lengths(problem: Problem) -> list[Length]:
    axes = [
        Length(n, f"the length of axis {axis} of {name}")
        for name, x in problem.arrays
        for axis, n in enumerate(x.shape)
    ]
    axes += [
        Length(x.shape[a] * x.shape[b], f"the product of the lengths of axes {a} and {b} of {name}")
        for name, x in problem.arrays
        for a in range(x.ndim)
        for b in range(a + 1, x.ndim)
        if x.ndim > 2
    ]
    sizes = [Length(x.size, f"the size of {name}") for name, x in problem.arrays]
    rows = [Length(math.prod(x.shape[:-1]), f"the number of rows of {name}") for name, x in problem.arrays]
    counts = [
        Length(int(x.sum()), f"how many entries of {name} are True")
        for name, x in problem.arrays
        if x.dtype.kind == "b"
    ]
    counts += [
        Length(int((x >= 0).sum()), f"how many entries of {name} are not negative")
        for name, x in problem.arrays
        if x.dtype.kind == "i"
    ]
    return [length for length in [*axes, *sizes, *rows, *counts] if length.n > 1]
