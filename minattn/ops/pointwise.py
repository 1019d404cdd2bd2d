"""Functions of one number, applied to every element."""

import math

from ..backend import Array, array_module
from ..fast import blocks, empty_like, in_memory_order
from .base import Op, register
from .erf import normal_cdf, normal_density
from .samples import gelu_samples, positive_samples, relu_samples, single_samples

GELU_BLOCK = 1 << 16
"""Elements for which the intermediates of GELU stay in a core's cache."""


@register(samples=single_samples)
class Exp(Op):
    """Raise e to x.

    x -> y, same shape

    forward    y = e^x
    backward   dx = g e^x = g y
    """

    def forward(self, x: Array) -> Array:
        self.y = array_module(x).exp(x)
        return self.y

    def backward(self, g: Array) -> Array:
        # y = e^x
        return g * self.y

    def explain(self, x: Array) -> str | None:
        largest = float(x.max()) if x.size else 0.0
        limit = math.log(float(array_module(x).finfo(x.dtype).max))
        return f"exp({largest:.4g}) overflows {x.dtype} above {limit:.1f}" if largest > limit else None


@register(samples=positive_samples)
class Log(Op):
    """Take the natural logarithm.

    x -> y, same shape

    forward    y = ln x
    backward   dx = g / x
    """

    def forward(self, x: Array) -> Array:
        self.x = x
        return array_module(x).log(x)

    def backward(self, g: Array) -> Array:
        # y = ln x
        return g / self.x

    def explain(self, x: Array) -> str | None:
        if (x == 0).any():
            return "log of 0"
        return "log of a negative number" if (x < 0).any() else None


@register(samples=positive_samples)
class Sqrt(Op):
    """Take the square root.

    x -> y, same shape

    forward    y = √x
    backward   dx = g / (2 √x) = g / (2 y)
    """

    def forward(self, x: Array) -> Array:
        self.y = array_module(x).sqrt(x)
        return self.y

    def backward(self, g: Array) -> Array:
        # y = √x
        return g / (2 * self.y)

    def explain(self, x: Array) -> str | None:
        if (x < 0).any():
            return "square root of a negative number"
        return "the square root has an infinite slope at 0" if (x == 0).any() else None


@register(samples=single_samples)
class Tanh(Op):
    """Squash x into (-1, 1).

    x -> y, same shape

    forward    y = tanh x
    backward   dx = g (1 - y²)
    """

    def forward(self, x: Array) -> Array:
        self.y = array_module(x).tanh(x)
        return self.y

    def backward(self, g: Array) -> Array:
        # y = tanh x
        return g * (1 - self.y * self.y)


@register(samples=single_samples)
class Sigmoid(Op):
    """Squash x into (0, 1).

    x -> y, same shape

    forward    1  e = exp(-|x|)      cannot overflow
               2  y = 1 / (1 + e) where x >= 0, else e / (1 + e)
    backward   dx = g y (1 - y)
    """

    def forward(self, x: Array) -> Array:
        xp = array_module(x)
        e = xp.exp(-xp.abs(x))
        self.y = xp.where(x >= 0, xp.ones_like(e), e) / (1 + e)
        return self.y

    def backward(self, g: Array) -> Array:
        # y = 1 / (1 + e^-x)
        return g * self.y * (1 - self.y)


@register(samples=relu_samples)
class ReLU(Op):
    """Cut off what is negative.

    x -> y, same shape

    forward    y = max(x, 0)
    backward   dx = g where x > 0, else 0      at the kink x = 0 any slope in [0, 1] is right; 0 is the custom
    """

    def forward(self, x: Array) -> Array:
        self.positive = x > 0
        return array_module(x).maximum(x, 0)

    def backward(self, g: Array) -> Array:
        # y = max(x, 0)
        return g * self.positive


@register(samples=gelu_samples)
class GELU(Op):
    """Weigh x by the probability that a standard normal number is below it (Hendrycks and Gimpel, 2016).

    x -> y, same shape

    approximate="none"
        forward    1  Φ = (1 + erf(x/√2)) / 2
                   2  y = x Φ
        backward   2  dx = g Φ,  dΦ = g x
                   1  dΦ/dx = φ(x) = exp(-x²/2) / √(2π)
                   so dx = g (Φ + x φ), and forward, which has both at hand, keeps Φ + x φ

    approximate="tanh"
        forward    1  u = √(2/π) (x + 0.044715 x³)
                   2  Φ = (1 + tanh u) / 2
                   3  y = x Φ
        backward   3  dx = g Φ,  dΦ = g x
                   2  dΦ/du = (1 - tanh² u) / 2 = 2 Φ (1 - Φ)
                   1  du/dx = √(2/π) (1 + 3 · 0.044715 x²)
    """

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, x: Array) -> Array:
        xp, is_exact = array_module(x), self.approximate == "none"
        y, self.slope = empty_like(x), empty_like(x) if self.goes_back else None
        flat, flat_y = in_memory_order(x), in_memory_order(y)
        flat_slope = None if self.slope is None else in_memory_order(self.slope)
        for block in blocks(flat, x.size, GELU_BLOCK):
            part = flat[block]
            cdf = (normal_cdf if is_exact else tanh_cdf)(part, out=flat_y[block])
            if flat_slope is not None:
                dcdf = normal_density(part, out=flat_slope[block]) if is_exact else tanh_density(part, cdf)
                dy = xp.multiply(part, dcdf, out=flat_slope[block])
                dy += cdf
            cdf *= part
        return y

    def backward(self, g: Array) -> Array:
        # y = x Φ
        return array_module(g).multiply(g, self.slope, out=empty_like(g))


def tanh_cdf(x: Array, out: Array) -> Array:
    """The approximation of Φ by a hyperbolic tangent."""
    cdf = array_module(x).tanh(x * (math.sqrt(2 / math.pi) * (1 + 0.044715 * x * x)), out=out)
    cdf += 1
    cdf *= 0.5
    return cdf


def tanh_density(x: Array, cdf: Array) -> Array:
    """Its slope."""
    return 2 * cdf * (1 - cdf) * (math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x))
