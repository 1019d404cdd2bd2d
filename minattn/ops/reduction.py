"""Reductions along axes: sum, mean, variance, maximum."""

import math

import numpy as np

from ..backend import Array, array_module
from .base import Op, Sample, Samples, register, total

Axis = int | tuple[int, ...] | None

AXES: tuple[Axis, ...] = (None, 0, -1, (0, 2))


def reduce_samples(rng: np.random.Generator) -> Samples:
    """Each axis, several, all."""
    for axis in AXES:
        for keepdims in (False, True):
            options = {"axis": axis, "keepdims": keepdims}
            yield Sample(f"axis {axis}, keepdims {keepdims}", (rng.normal(size=(2, 3, 4)),), options)
    yield Sample("an axis of size 1", (rng.normal(size=(3, 1)),), {"axis": 1})


def sum_samples(rng: np.random.Generator) -> Samples:
    """The same, and an axis of size 0."""
    yield from reduce_samples(rng)
    yield Sample("an axis of size 0", (rng.normal(size=(3, 0)),), {"axis": 1})


def variance_samples(rng: np.random.Generator) -> Samples:
    """The same, with both divisors."""
    for axis in AXES:
        for correction in (0, 1):
            options = {"axis": axis, "correction": correction, "keepdims": correction == 0}
            yield Sample(f"axis {axis}, correction {correction}", (rng.normal(size=(2, 3, 4)),), options)
    yield Sample("an axis of size 1", (rng.normal(size=(3, 1)),), {"axis": 1, "correction": 0})


def max_samples(rng: np.random.Generator) -> Samples:
    """The same, without ties."""
    for axis in AXES:
        distinct = rng.permutation(24).reshape(2, 3, 4) + rng.random()
        yield Sample(f"axis {axis}", (distinct,), {"axis": axis, "keepdims": axis == 0})


class Reduction(Op):
    """What the reductions share: options, and stretching a gradient back over the axes that were reduced."""

    def __init__(self, axis: Axis = None, keepdims: bool = False) -> None:
        self.axis, self.keepdims = axis, keepdims

    def reduced_axes(self, x: Array) -> tuple[int, ...]:
        """The reduced axes, counted from 0."""
        if self.axis is None or x.ndim == 0:
            return tuple(range(x.ndim))
        axes = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        return tuple(axis % x.ndim for axis in axes)

    def keep_shape(self, x: Array) -> None:
        """Note x's shape, its shape with the reduced axes at 1, and the number of elements that become one."""
        axes = self.reduced_axes(x)
        self.shape = x.shape
        self.kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
        self.count = math.prod(x.shape[i] for i in axes)

    def stretch(self, g: Array) -> Array:
        """A view of the gradient with the input's shape."""
        return array_module(g).broadcast_to(g.reshape(self.kept), self.shape)


@register(samples=sum_samples)
class Sum(Reduction):
    """Sum along axes.

    x -> y, the axes removed, or 1 with keepdims

    forward    y = Σ x_i
    backward   dx_i = g      every term gets the whole gradient
    """

    def forward(self, x: Array) -> Array:
        self.keep_shape(x)
        return total(x, self.axis, self.keepdims)

    def backward(self, g: Array) -> Array:
        # y = Σ x_i
        return self.stretch(g).copy()


@register(samples=reduce_samples)
class Mean(Reduction):
    """Average along axes.

    x -> y, the axes removed, or 1 with keepdims; N elements become one

    forward    y = Σ x_i / N
    backward   dx_i = g / N
    """

    def forward(self, x: Array) -> Array:
        self.keep_shape(x)
        return total(x, self.axis if x.ndim else None, self.keepdims) / self.count

    def backward(self, g: Array) -> Array:
        # y = Σ x_i / N
        return self.stretch(g) / self.count


@register(samples=variance_samples)
class Variance(Reduction):
    """The variance along axes, divided by N - correction.

    x -> y, the axes removed, or 1 with keepdims; N elements become one

    forward    1  c = x - mean(x)
               2  y = Σ c_i² / (N - correction)
    backward   2  dc_i = 2 g c_i / (N - correction)
               1  dx_i = dc_i - mean(dc), and mean(dc) = 0 because Σ c_i = 0
    """

    def __init__(self, axis: Axis = None, keepdims: bool = False, correction: float = 1) -> None:
        super().__init__(axis, keepdims)
        self.correction = correction

    def forward(self, x: Array) -> Array:
        self.keep_shape(x)
        axis = self.axis if x.ndim else None
        self.centred = x - total(x, axis, keepdims=True) / self.count
        self.centred = self.centred - total(self.centred, axis, keepdims=True) / self.count  # what rounding left of it
        squares = total(self.centred * self.centred, axis, self.keepdims)
        self.divisor = max(self.count - self.correction, 0)
        return squares / self.divisor

    def backward(self, g: Array) -> Array:
        # y = Σ c_i² / (N - correction)
        return self.stretch(g) * self.centred * 2 / self.divisor

    def explain(self, x: Array) -> str | None:
        divisor = math.prod(x.shape[i] for i in self.reduced_axes(x)) - self.correction
        return f"variance divided by N - correction = {divisor}" if divisor <= 0 else None


@register(samples=max_samples)
class Max(Reduction):
    """The largest element along axes.

    x -> y, the axes removed, or 1 with keepdims

    forward    y = max x_i
    backward   g goes to the element that was largest; where several are, each gets an equal share
    """

    def forward(self, x: Array) -> Array:
        self.keep_shape(x)
        largest = x.max(axis=self.axis, keepdims=True)
        self.is_largest = x == largest
        return largest if self.keepdims else largest.squeeze(self.reduced_axes(x))

    def backward(self, g: Array) -> Array:
        # y = max x_i
        ties = self.is_largest.sum(axis=self.axis, keepdims=True)
        return self.stretch(g) * (self.is_largest / ties).astype(g.dtype)
