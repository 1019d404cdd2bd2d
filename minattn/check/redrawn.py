"""The problem once more with other lengths: what a claim about a length, or about a cause, is held against.

Which axes have to be of one length nobody says. It is found out: an axis, or several axes of the same length, may
change by itself if forward still runs.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, combinations
from typing import Any

import numpy as np

from ..backend import Array
from .problem import Problem, has_gradient, random_upstream

Axis = tuple[int, int]
"""An input, and one of its axes."""

_MOST_AXES_OF_ONE_LENGTH = 8
_STEPS = (2, 3, 1, 5, 4)  # by which lengths grow, in turn, so that they stay apart


def _by_length(problem: Problem) -> list[tuple[Axis, ...]]:
    by_length: dict[int, list[Axis]] = {}
    for i, x in enumerate(problem.inputs):
        if isinstance(x, np.ndarray):
            for axis, n in enumerate(x.shape):
                if n > 1:
                    by_length.setdefault(n, []).append((i, axis))
    return [tuple(axes) for axes in by_length.values()]


def free_axes(problem: Problem) -> list[tuple[Axis, ...]]:
    """The groups of axes that can change their length together, each the smallest in which its axes can."""
    groups: list[tuple[Axis, ...]] = []
    for axes in _by_length(problem):
        left = list(axes)
        for group in _subsets(axes):
            if set(group) <= set(left) and redraw(problem, dict.fromkeys(group, 2)) is not None:
                groups.append(group)
                left = [axis for axis in left if axis not in group]
    return groups


def _subsets(axes: Sequence[Axis]) -> Iterator[tuple[Axis, ...]]:
    """Of axes of one length: each alone, each two, …; all together alone where they are many."""
    if len(axes) > _MOST_AXES_OF_ONE_LENGTH:
        return iter([tuple(axes)])
    return chain.from_iterable(combinations(axes, n) for n in range(1, len(axes) + 1))


def redrawn(problem: Problem, tied: bool = False) -> Problem | None:
    """The problem with every length that can change changed, no two by the same; None where none can.

    tied: whether axes of one length stay so, though forward would run: it may then leave a part of an input unused
    """
    growth: dict[Axis, int] = {}
    groups = _by_length(problem) if tied else free_axes(problem)
    for k, group in enumerate(groups):
        n = problem.inputs[group[0][0]].shape[group[0][1]]
        added = {axis: _STEPS[(n + k) % len(_STEPS)] for axis in group}
        if redraw(problem, growth | added) is not None:
            growth |= added
    return redraw(problem, growth) if growth else None


def redraw(problem: Problem, growth: dict[Axis, int], seed: int = 5) -> Problem | None:
    """The problem with some axes longer; None where forward does not take that, or is not finite there.

    What is new is drawn from what is there: entries keep their range and sign, ids stay ids, a mask stays a mask.
    """
    rng = np.random.default_rng(seed)
    inputs = []
    for i, x in enumerate(problem.inputs):
        if isinstance(x, np.ndarray):
            for axis in range(x.ndim):
                more = growth.get((i, axis), 0)
                if more:
                    x = _longer(x, axis, more, rng)
        inputs.append(x)
    try:
        with np.errstate(all="ignore"):
            moved = problem.at(inputs)
    except Exception:  # a forward that is made for these lengths
        return None
    if moved.output.dtype.kind != "f" or not np.isfinite(moved.output).all():
        return None
    return problem.at(inputs, random_upstream(moved.output, rng))


def _longer(x: Array, axis: int, more: int, rng: np.random.Generator) -> Array:
    """The array with so many slices more: copies of slices of it, with their real numbers jittered."""
    picked: Any = rng.integers(x.shape[axis], size=more)
    new = x.take(picked, axis=axis)
    if has_gradient(x):
        new = new * rng.uniform(0.6, 1.4, new.shape)
    return np.concatenate([x, new], axis=axis)
