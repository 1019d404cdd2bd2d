"""The true gradient of one argument, with what is known about its own error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..backend import Array


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
