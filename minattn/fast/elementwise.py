"""Elementwise ops: into memory that is used again, and GELU in blocks that stay in the cache."""

import math

import numpy as np

from ..backend import Array, array_module
from ..ops.activations import GELU, Dropout, normal_cdf
from ..ops.arithmetic import Add
from ..ops.kernels import implements
from .products import LOG2_E, blocks, in_memory_order
from .workspace import copy, empty_like

# Φ(x) = (1 + tanh(x P(x²))) / 2; the coefficients of P, from benchmarks/fit_normal_cdf.py. Largest error of Φ: 3e-8.
HALF_LOG_ODDS = (
    *(0.7978849414874148, 0.03633308441593399, -3.259475020799549e-05, -5.530631512449444e-05),
    *(3.964772966328884e-06, -1.3226627274894996e-07, 1.7562775113359396e-09),
)


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

    The trick: its dozen intermediate results stay in a core's cache; Φ is one hyperbolic tangent of a polynomial, but
    for the few x below -2, and φ a power of 2; backward is one multiplication. It costs an array for the slope, unless
    backward will not follow.

    forward    1  Φ and φ = dΦ/dx
               2  y = x Φ,  dy/dx = Φ + x φ
    backward   dx = g dy/dx
    """

    block = 1 << 16
    """Elements that go through the cache at a time."""

    def forward(self, x: Array) -> Array:
        y, self.slope = empty_like(x), empty_like(x) if self.is_recorded else None
        flat, flat_y = in_memory_order(x), in_memory_order(y)
        flat_slope = None if self.slope is None else in_memory_order(self.slope)
        cdf = exact_cdf if self.approximate == "none" else tanh_cdf
        for part in blocks(flat, x.size, self.block):
            cdf(flat[part], flat_y[part], None if flat_slope is None else flat_slope[part])
            if flat_slope is not None:
                flat_slope[part] *= flat[part]
                flat_slope[part] += flat_y[part]
            flat_y[part] *= flat[part]
        return y

    def backward(self, g: Array) -> Array:
        return array_module(g).multiply(g, self.slope, out=empty_like(g))


def exact_cdf(x: Array, cdf: Array, density: Array | None) -> None:
    """Put Φ(x) into `cdf`, and φ(x) into `density`."""
    xp = array_module(x)
    if x.dtype != xp.float32:
        cdf[...] = normal_cdf(x)
    else:
        with np.errstate(over="ignore"):  # far out the polynomial overflows, and tanh(±∞) = ±1 is right
            square = x * x
            xp.multiply(square, HALF_LOG_ODDS[-1], out=cdf)
            for c in reversed(HALF_LOG_ODDS[1:-1]):
                cdf += c
                cdf *= square
            cdf += HALF_LOG_ODDS[0]
            cdf *= x
        xp.tanh(cdf, out=cdf)
        cdf *= 0.5
        cdf += 0.5
        low = xp.flatnonzero(x < -2)  # where 1 + tanh loses the last digits of a small Φ
        cdf[low] = normal_cdf(x[low])
    if density is not None:
        xp.multiply(x, -0.5 * LOG2_E, out=density)
        density *= x
        density -= 0.5 * math.log2(2 * math.pi)
        xp.exp2(density, out=density)


def tanh_cdf(x: Array, cdf: Array, density: Array | None) -> None:
    """The same for the approximation by a hyperbolic tangent."""
    xp = array_module(x)
    square = x * x
    u = square * (0.044715 * math.sqrt(2 / math.pi))
    u += math.sqrt(2 / math.pi)
    u *= x
    xp.tanh(u, out=cdf)
    cdf += 1
    cdf *= 0.5
    if density is not None:
        square *= 3 * 0.044715
        square += 1
        xp.subtract(1, cdf, out=density)
        density *= cdf
        density *= square
        density *= 2 * math.sqrt(2 / math.pi)
