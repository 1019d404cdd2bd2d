"""Elementwise ops: into memory that is used again, and GELU in blocks that stay in the cache."""

import math

import numpy as np

from ..backend import Array, array_module
from ..ops.activations import DOUBLE, GELU, SINGLE, Dropout
from ..ops.arithmetic import Add
from ..ops.kernels import implements
from .products import blocks, in_memory_order
from .workspace import copy, empty_like


@implements(Add)
class FastAdd(Add):
    """A sum, and the copy of its gradient for the second input, in memory that is used again."""

    def forward(self, a: Array, b: Array) -> Array:
        is_like_a = a.dtype == b.dtype and (a.shape == b.shape or a.shape == np.broadcast_shapes(a.shape, b.shape))
        return array_module(a).add(a, b, out=empty_like(a) if is_like_a else None)

    def backward(self, g: Array) -> tuple[Array, Array]:
        return g, copy(g)


@implements(Dropout)
class FastDropout(Dropout):
    """What is kept, times the scale, in memory that is used again."""

    def forward(self, x: Array, keep: Array) -> Array:
        xp, scale = array_module(x), 1 / (1 - self.p) if self.p < 1 else 0.0
        self.factor = xp.multiply(keep, x.dtype.type(scale), out=empty_like(x))
        return xp.multiply(x, self.factor, out=empty_like(x))

    def backward(self, g: Array) -> tuple[Array, None]:
        return array_module(g).multiply(g, self.factor, out=empty_like(g)), None


@implements(GELU)
class FastGELU(GELU):
    """GELU block by block, with the slope kept from the forward pass.

    The trick: its dozen intermediate results stay in a core's cache, y and dy/dx are made of the same ones, and
    backward is one multiplication. It costs an array for the slope, unless backward will not follow.

    forward    y = x Φ,  dy/dx = Φ + x φ
    backward   dx = g dy/dx
    """

    block = 1 << 15
    """Elements that go through the cache at a time."""

    def forward(self, x: Array) -> Array:
        y, self.slope = empty_like(x), empty_like(x) if self.is_recorded else None
        flat, flat_y = in_memory_order(x), in_memory_order(y)
        flat_slope = None if self.slope is None else in_memory_order(self.slope)
        fill = fill_exact if self.approximate == "none" else fill_tanh
        for part in blocks(flat, x.size, self.block):
            fill(flat[part], flat_y[part], None if flat_slope is None else flat_slope[part])
        return y

    def backward(self, g: Array) -> Array:
        return array_module(g).multiply(g, self.slope, out=empty_like(g))


def fill_exact(x: Array, y: Array, slope: Array | None) -> None:
    """Put x Φ into `y` and its derivative Φ + x φ into `slope`, by the tail of Φ beyond |x|, as `normal_cdf` has it.

    The tail is e P with e = exp(-x²/2). So x Φ = max(x, 0) - |x| e P, and Φ + x φ = [x ≥ 0] ± e (|x|/√2π - P), with the
    sign of x.
    """
    xp = array_module(x)
    p, *coefficients = SINGLE if x.dtype.itemsize <= 4 else DOUBLE
    size, t = xp.abs(x, out=empty_like(x)), empty_like(x)
    xp.minimum(size, 1e4, out=size)  # the tail is 0 long before, and no square overflows
    xp.add(size, 1 / p, out=t)
    xp.reciprocal(t, out=t)  # p times the t of P
    coefficients = [c / p**i for i, c in enumerate(coefficients, 1)]
    xp.multiply(t, coefficients[-1], out=y)
    for c in reversed(coefficients[:-1]):
        y += c
        y *= t
    e = xp.multiply(size, size, out=t)
    e *= -0.5
    xp.exp(e, out=e)
    if slope is not None:
        xp.multiply(size, 1 / math.sqrt(2 * math.pi), out=slope)
        slope -= y
        slope *= e
    y *= e
    y *= size
    if slope is not None:
        size[...] = x >= 0
        sign = xp.multiply(size, 2, out=t)
        sign -= 1
        slope *= sign
        slope += size
    xp.subtract(xp.maximum(x, 0, out=t), y, out=y)


def fill_tanh(x: Array, y: Array, slope: Array | None) -> None:
    """The same for the approximation by a hyperbolic tangent."""
    xp = array_module(x)
    square = x * x
    u = square * (0.044715 * math.sqrt(2 / math.pi))
    u += math.sqrt(2 / math.pi)
    u *= x
    cdf = xp.tanh(u, out=u)
    cdf += 1
    cdf *= 0.5
    xp.multiply(x, cdf, out=y)
    if slope is not None:
        square *= 3 * 0.044715
        square += 1
        xp.subtract(1, cdf, out=slope)
        slope *= y
        slope *= square
        slope *= 2 * math.sqrt(2 / math.pi)
        slope += cdf
