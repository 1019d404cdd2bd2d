"""The points at which a backward is tried: the inputs as given, and others that are away from any initial values."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..backend import Array
from .problem import Problem

SEED_SALT = 0x6D61
"""Goes into every seed of a check, so that inputs drawn with the same seed do not equal the upstream."""


def second_point(problem: Problem, rng: np.random.Generator) -> Problem | None:
    """The problem at other inputs, with another upstream; None where forward is finite nowhere near.

    Entries keep their sign, zeros stay, so that logarithms stay defined and masks keep their meaning. An array that
    is the same everywhere is one that nobody has trained yet (a gain of 1, a shift of 0): its entries become all
    different.
    """
    moves = {
        i: rng.normal(size=x.shape) if _is_untouched(x) and not x.any() else x * rng.uniform(-1, 1, x.shape)
        for i, x in problem.real_inputs
    }
    return _first_finite(problem, moves, (0.4, 0.1, 0.01), rng)


def bolder_points(problem: Problem, rng: np.random.Generator) -> Iterator[Problem]:
    """Points that may lie anywhere: zeros move, signs change. For where nothing could be seen at the others."""
    for size in (0.5, 2.0):
        moves = {i: rng.normal(size=x.shape) * (np.abs(x).max(initial=0.0) or 1.0) for i, x in problem.real_inputs}
        point = _first_finite(problem, moves, (size,), rng)
        if point is not None:
            yield point


def random_upstream(output: Array, rng: np.random.Generator) -> Array:
    """Normal numbers like the output; 0 where the output is not finite, because nothing can come back from there.

    A single number of them is kept away from 0 and 1, with which an upstream that was forgotten would not show.
    """
    g = np.asarray(rng.normal(size=output.shape))
    if g.size == 1:
        g = np.asarray(np.copysign(1.5 + np.abs(g), g))
    return np.where(np.isfinite(output), g, 0.0)


def _is_untouched(x: Array) -> bool:
    return bool(x.size) and bool((x == x.flat[0]).all())


def _first_finite(
    problem: Problem, moves: dict[int, Array], sizes: tuple[float, ...], rng: np.random.Generator
) -> Problem | None:
    """The problem moved by the largest of these sizes at which forward is as finite as it was."""
    for size in sizes:
        inputs = [x + size * moves[i] if i in moves else x for i, x in enumerate(problem.inputs)]
        try:
            with np.errstate(all="ignore"):
                moved = problem.at(inputs)
        except Exception:  # forward may refuse what it was not written for
            continue
        if moved.output.shape == problem.output.shape and _as_finite(moved.output, problem.output):
            return problem.at(inputs, random_upstream(moved.output, rng))
    return None


def _as_finite(output: Array, before: Array) -> bool:
    return bool((np.isfinite(output) | ~np.isfinite(before)).all())
