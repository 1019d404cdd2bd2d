"""What every probe works with: backward and the true slopes, measured at any place."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, combinations, permutations
from typing import Any, NamedTuple

import numpy as np

from ...backend import Array
from ..problem import Problem
from ..referee import TrueGradient, measure_gradient

TOLERANCE = 1e-7
"""The share of the largest entry by which two gradients may differ and still be called the same."""
_LINE_STEP = 1e-4
_FEWEST_ROWS, _MOST_ROWS = 64, 400  # of backward's matrix that are measured
_ROWS_TIME = 0.2  # seconds that this may take, from the fewest rows on


class Diagnosis(NamedTuple):
    """What a probe says: the kind of mistake, a sentence, and whether the gradient is exactly what comes out of it."""

    kind: str
    sentence: str
    exact: bool = True


@dataclass(eq=False)
class Measurements:
    """A problem, the argument whose gradient is wrong, what backward gave for it, and what is right.

    x, name: the argument's value and name; right: its true gradient; jacobian: ∂output/∂argument, (output.size, x.size)
    """

    problem: Problem
    argument: int
    got: Array
    true: TrueGradient
    strict: bool = False
    deadline: float = math.inf

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng([7, 11])  # none that a caller would draw the upstream with
        self.x: Array = self.problem.inputs[self.argument]
        self.name = self.problem.names[self.argument]
        self.right, self.jacobian = self.true.value, self.true.jacobian

    def again(self, problem: Problem) -> Measurements | None:
        """The same of another problem; None where backward fails there or gives another shape."""
        there = replace(self, problem=problem)
        got = there.gradients_at()[self.argument]
        if got is None or got.shape != there.x.shape:
            return None
        return replace(there, got=got, true=measure_gradient(problem, self.argument))

    @property
    def is_late(self) -> bool:
        """Whether the time for a diagnosis is over."""
        return time.thread_time() > self.deadline

    @property
    def has_wrong_shape(self) -> bool:
        """Whether the gradient has another shape than the argument."""
        return bool(self.got.shape != self.x.shape)

    def problem_at(self, inputs: Sequence[Any]) -> Problem | None:
        """The problem at other inputs; None where forward fails, or gives another shape."""
        try:
            problem = self.problem.at(inputs)
        except Exception:  # a place where forward cannot be called
            return None
        return problem if problem.output.shape == self.problem.output.shape else None

    def gradients_at(self, upstream: Array | None = None, inputs: Sequence[Any] | None = None) -> list[Array | None]:
        """Backward's gradients; all None where backward fails there."""
        try:
            with np.errstate(all="ignore"):
                return self.problem.gradients(upstream, inputs)
        except Exception:  # whatever a stranger's backward raises at a place that it was not written for
            return [None] * len(self.problem.inputs)

    def gradient_at(self, upstream: Array | None = None, inputs: Sequence[Any] | None = None) -> Array | None:
        """Backward's gradient of the argument at a place; None where there is none of the same shape as `got`."""
        gradient = self.gradients_at(upstream, inputs)[self.argument]
        return gradient if gradient is not None and gradient.shape == self.got.shape else None

    def with_input(self, index: int, value: Any) -> tuple[Any, ...]:
        """The inputs with one of them replaced."""
        inputs = self.problem.inputs
        return (*inputs[:index], value, *inputs[index + 1 :])

    def is_right(
        self,
        gradient: Array | None,
        inputs: Sequence[Any] | None = None,
        upstream: Array | None = None,
        argument: int | None = None,
    ) -> bool:
        """Whether this is the true gradient at a place, by the slopes along three random lines."""
        inputs = self.problem.inputs if inputs is None else inputs
        g = self.problem.upstream if upstream is None else upstream
        i = self.argument if argument is None else argument
        if gradient is None or gradient.shape != inputs[i].shape or not np.isfinite(gradient).all():
            return False
        for _ in range(3):
            d = self.rng.normal(size=gradient.shape)
            slopes = self.slopes(inputs, i, d)
            if slopes is None or slopes.shape != g.shape:
                return False
            expected, size = (g * slopes).sum(), np.abs(g * slopes).sum() + np.abs(gradient * d).sum()
            if not np.abs((gradient * d).sum() - expected) <= TOLERANCE * size:
                return False
        return bool(np.abs(gradient).max(initial=0.0) > 1e-12)  # agreeing with zero proves nothing

    def slopes(self, inputs: Sequence[Any], argument: int, direction: Array) -> Array | None:
        """The slope of each output along a line, by central differences of fourth order; None where there is none, as
        at a kink."""
        x = inputs[argument]
        h = _LINE_STEP * max(1.0, float(np.abs(x).max(initial=0.0)) * 1e-2)
        places = ((*inputs[:argument], x + t * h * direction, *inputs[argument + 1 :]) for t in (-2, -1, 0, 1, 2))
        a, b, here, c, d = (self.problem.run_forward_beside(place).astype(np.float64) for place in places)
        result: Array = (8 * (c - b) - (d - a)) / (12 * h)
        bend = np.abs(c - 2 * here + b) / h  # at a kink the slopes to both sides differ
        return result if np.isfinite(result).all() and (bend <= 0.1 * np.abs(result).max(initial=0.0)).all() else None

    @cached_property
    def at_zero(self) -> Array | None:
        """What backward gives for an upstream of zeros, where it should give zeros."""
        return self.gradient_at(np.zeros_like(self.problem.upstream))

    @cached_property
    def rows(self) -> Array:
        """The outputs for which backward's matrix is measured: all, or some where that would take long."""
        size, start = self.problem.output.size, time.perf_counter()
        self.gradient_at()
        most = int(np.clip(_ROWS_TIME / (time.perf_counter() - start), _FEWEST_ROWS, _MOST_ROWS))
        return np.arange(size) if size <= most else np.sort(self.rng.choice(size, most, replace=False))

    @cached_property
    def backward_matrix(self) -> Array | None:
        """The matrix that stands for the Jacobian in backward, (rows, x.size).

        Row by row, by upstreams that are 1 at one output and 0 elsewhere.
        """
        if self.at_zero is None or self.got.shape != self.x.shape:
            return None
        found = []
        for i in self.rows:
            unit = np.zeros_like(self.problem.upstream)
            unit.reshape(-1)[i] = 1
            row = self.gradient_at(unit)
            if row is None:
                return None
            found.append((row - self.at_zero).ravel())
        return np.array(found).reshape(len(self.rows), self.x.size)

    @property
    def is_elementwise(self) -> bool:
        """Whether each output depends on the entry of the argument at its own place alone."""
        j = self.jacobian
        return j is not None and self.x.shape == self.problem.output.shape and not (j - np.diag(np.diag(j))).any()

    def other_arguments(self) -> Iterator[tuple[int, str, Array]]:
        """The other inputs that have gradients: index, name, value."""
        for i in self.problem.arguments:
            if i != self.argument:
                yield i, self.problem.names[i], self.problem.inputs[i]


def are_equal(a: Array | None, b: Array | None) -> bool:
    """Whether two arrays are equal up to rounding, and not both zero."""
    if a is None or b is None or a.shape != b.shape:
        return False
    largest = np.abs(b).max(initial=0.0)
    return bool(largest > 0 and (np.abs(a - b) <= TOLERANCE * largest).all())


def is_zero(a: Array, scale: float = 1.0) -> bool:
    """Whether every entry is zero up to rounding, next to numbers of this size."""
    return bool((np.abs(a) <= 1e-9 * max(scale, 1e-300)).all())


def axis_orders(ndim: int) -> list[tuple[int, ...]]:
    """The orders in which that many axes may stand, but for their own; none where these are too many to try."""
    return list(permutations(range(ndim)))[1:] if ndim <= 5 else []


def axis_sets(ndim: int) -> Iterator[tuple[int, ...]]:
    """The axes, or combinations of axes, over which an array of that many may be summed; single axes first."""
    return chain.from_iterable(combinations(range(ndim), count) for count in range(1, ndim + 1))
