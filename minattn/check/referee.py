"""The referee: the true gradient, from forward alone. It picks the method by what forward allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..backend import Array
from .problem import Problem
from .slopes import Line, Slope, complex_slope, difference_slope

_LARGEST_JACOBIAN = 2_000_000  # numbers of a Jacobian that is kept
_RELATIVE_TOLERANCE = {"complex step": 1e-8, "central differences": 1e-6, "central differences in float32": 5e-3}


@dataclass(frozen=True, eq=False)
class TrueGradient:
    """The gradient of Σ upstream · forward(*inputs) with respect to one input; all arrays have that input's shape.

    value: the gradient; at a kink the middle of what is right
    low, high: every value from low to high is right; the same as value except at kinks
    error: how far value may be off
    size: Σ |upstream| |∂output/∂x|, which is how large the terms were that value is the sum of
    floor: a number below which differences are rounding
    method: how it was found, in words
    relative: the share of the size of its terms by which a right gradient may differ
    jacobian: ∂output/∂input, (output.size, input.size); None where it would be too large to keep
    """

    value: Array
    low: Array
    high: Array
    error: Array
    size: Array
    floor: float
    method: str
    relative: float
    jacobian: Array | None = None

    @property
    def tolerance(self) -> Array:
        """How far each entry of a gradient may be from low to high."""
        return self.relative * np.maximum(self.largest, self.size) + 10 * self.error + self.floor

    @property
    def largest(self) -> Array:
        """The largest size that each entry may have."""
        return np.maximum(np.abs(self.low), np.abs(self.high))

    @property
    def is_known(self) -> Array:
        """Which entries could be measured: not those beside which forward is not finite."""
        return np.isfinite(self.value) & np.isfinite(self.error)

    def distance(self, gradient: Array) -> Array:
        """How far each entry of a gradient of the right shape lies outside low to high; 0 inside."""
        return np.maximum(np.maximum(self.low - gradient, gradient - self.high), 0.0)

    def wrong(self, gradient: Array) -> Array:
        """Which entries of a gradient of the right shape are wrong; NaN is. Nothing is said where it is not known."""
        return ~(self.distance(gradient) <= self.tolerance) & self.is_known

    def agrees(self, gradient: Array) -> bool:
        """Whether a gradient is right: of the right shape, and no entry wrong."""
        return gradient.shape == self.value.shape and not self.wrong(gradient).any()

    @property
    def scale(self) -> float:
        """The largest entry."""
        return float(self.largest[self.is_known].max(initial=0.0))

    @property
    def is_about_zero(self) -> bool:
        """Whether no entry can be told from zero, so that agreeing with it proves nothing."""
        return not (self.largest > 10 * self.tolerance)[self.is_known].any()

    @property
    def is_blurred(self) -> bool:
        """Whether most entries are known so badly that an error of one part in a hundred would not show."""
        tolerance = self.tolerance[self.is_known]
        return bool(tolerance.size) and float(np.median(tolerance)) > 0.01 * self.scale > 0


def measure_gradient(problem: Problem, argument: int) -> TrueGradient:
    """The gradient of Σ upstream · forward(*inputs) with respect to one input, entry by entry.

    Takes one call of forward an entry by complex step, six or more by differences. An entry beside which forward is not
    finite is NaN, with the error NaN.
    """
    x = problem.inputs[argument]
    measure = _SlopeMethod.choose(problem, [argument])
    lengths = step_lengths(x).ravel()
    outputs = problem.output.size
    keeps = outputs * x.size <= _LARGEST_JACOBIAN
    jacobian = np.zeros((outputs, x.size)) if keeps else None
    rows = np.zeros((5, x.size))
    for j in range(x.size):
        entry = np.zeros(x.shape)
        entry.flat[j] = 1
        slope = measure(partial(_along, problem, {argument: entry}), lengths[j])
        rows[:, j] = _contract(slope, problem.upstream)
        if jacobian is not None:
            jacobian[:, j] = slope.value
    return _as_true_gradient(problem, rows.reshape(5, *x.shape), measure.method, jacobian)


def measure_slopes(problem: Problem, directions: Mapping[int, Array]) -> TrueGradient:
    """The slopes of Σ upstream · forward(*inputs) along K directions.

    Args:
        directions: input -> (K, *its shape); inputs that are not named stay

    Returns:
        A TrueGradient whose arrays have shape (K,), to be compared with Σ directions · gradients.
    """
    count = len(next(iter(directions.values())))
    measure = _SlopeMethod.choose(problem, list(directions))
    rows = np.zeros((5, count))
    for k in range(count):
        moves = {i: d[k] for i, d in directions.items()}
        rows[:, k] = _contract(measure(partial(_along, problem, moves), 1.0), problem.upstream)
    return _as_true_gradient(problem, rows, measure.method, None)


def compare_slopes(
    problem: Problem, gradients: Mapping[int, Array], count: int, rng: np.random.Generator
) -> tuple[TrueGradient, Array]:
    """The true slopes along random lines of the inputs that gradients are given of, and what these say they are."""
    directions = {i: rng.normal(size=(count, *g.shape)) * step_lengths(problem.inputs[i]) for i, g in gradients.items()}
    claimed = np.sum([(d * gradients[i]).reshape(count, -1).sum(axis=1) for i, d in directions.items()], axis=0)
    return measure_slopes(problem, directions), claimed


def step_lengths(x: Array) -> Array:
    """How far each entry may move to be called a large step: its own size, and at least a tenth of a usual entry's."""
    usual = float(np.sqrt(np.mean(x * x))) if x.size else 0.0
    lengths: Array = np.maximum(np.abs(x), 0.1 * usual)
    return np.where(lengths > 0, lengths, 1.0)


@dataclass(frozen=True)
class _SlopeMethod:
    """A way to measure slopes that suits a forward: called with a line and the length of a large step on it."""

    method: str
    here: Array

    def __call__(self, line: Line, length: float) -> Slope:
        if self.method == "complex step":
            value = complex_slope(line, length)
            if value is not None:
                zero, yes = np.zeros_like(value), np.ones(value.shape, bool)
                return Slope(value, value, value, zero, yes, yes, zero)
        return difference_slope(line, self.here, length, not self.method.endswith("float32"))

    @classmethod
    def choose(cls, problem: Problem, arguments: Sequence[int]) -> _SlopeMethod:
        """Complex steps, if they agree with differences along two random lines: |x|, a conjugate or a comparison takes
        complex numbers too, and gives something else."""
        here = problem.output.astype(np.float64).ravel()
        if problem.output.dtype != np.float64:
            return cls("central differences in float32", here)
        rng = np.random.default_rng(0)
        moving = {i: problem.inputs[i] for i in arguments}
        draws = [{i: step_lengths(x) * rng.normal(size=x.shape) for i, x in moving.items()} for _ in range(2)]
        lines = [partial(_along, problem, moves) for moves in draws]
        if all(_is_coarse(line, here) for line in lines):
            return cls("central differences in float32", here)
        agrees = True
        for line in lines:
            by_difference = difference_slope(line, here, 1.0)
            by_complex = complex_slope(line, 1.0) if agrees else None
            agrees = by_complex is not None and _agree(by_complex, by_difference)
        return cls("complex step" if agrees else "central differences", here)


def _agree(by_complex: Array, by_difference: Slope) -> bool:
    scale = np.abs(by_difference.value).max(initial=0.0)
    if by_difference.is_kink.any() or 10 * by_difference.error.max(initial=0.0) > 1e-3 * scale:
        return False  # a kink, or so badly scaled that nothing can be said
    return bool((np.abs(by_complex - by_difference.value) <= 1e-6 * scale + 10 * by_difference.error).all())


def _is_coarse(line: Line, here: Array) -> bool:
    """Whether outputs that answer a step of a thousandth do not answer one of 1e-9 and its double, as in float32."""
    with np.errstate(all="ignore"):
        clear = np.abs(line(1e-3) - here) > 1e-8 * np.abs(here)
        once, twice = line(1e-9) - here, line(2e-9) - here
        answers = (once != 0) & (np.abs(twice - 2 * once) < 0.2 * np.abs(twice))
    return bool(clear.any()) and not bool(answers[clear].any())


def _along(problem: Problem, moves: Mapping[int, Array], t: complex) -> Array:
    """The outputs where inputs are moved by t times a direction each."""
    return problem.run_forward_beside(
        [x + t * moves[i] if i in moves else x for i, x in enumerate(problem.inputs)]
    ).ravel()


def _contract(slope: Slope, upstream: Array) -> Array:
    """Value, low, high, error and size of Σ upstream · slope. Each output may have a kink of its own."""
    g = upstream.ravel()
    live = g != 0
    left, right, size = (g * side for side in (slope.left, slope.right, np.abs(slope.value)))
    rows = (g * slope.value, np.minimum(left, right), np.maximum(left, right), np.abs(g) * slope.error, np.abs(size))
    return np.array([row[live].sum() for row in rows])


def _as_true_gradient(problem: Problem, rows: Array, method: str, jacobian: Array | None) -> TrueGradient:
    value, low, high, error, size = rows
    with np.errstate(all="ignore"):
        whole = np.abs(problem.upstream * problem.output)
    whole_size = float(whole[np.isfinite(whole)].sum())
    largest = float(np.nanmax(size, initial=0.0))
    floor = max(1e-8 * largest, 1e-13 * whole_size)
    known = np.isfinite(value) & np.isfinite(error)
    if known.any() and np.median(error[known]) > 1e-3 * np.abs(value[known]).max():
        error = np.where(known, 3 * error[known].max(), error)  # so bad that no entry is believed to be known better
    return TrueGradient(value, low, high, error, size, floor, method, _RELATIVE_TOLERANCE[method], jacobian)
