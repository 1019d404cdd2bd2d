"""Functions of one number, applied to every element."""

import math

import numpy as np

from ..backend import Array, array_module
from .base import Op, Sample, Samples, register


def single_samples(rng: np.random.Generator) -> Samples:
    """A matrix, a number, one element, none."""
    for shape in ((3, 4), (), (1,), (2, 0, 3)):
        yield Sample(f"shape {shape}", (rng.normal(size=shape),))


def positive_samples(rng: np.random.Generator) -> Samples:
    """Positive numbers."""
    for shape in ((3, 4), (), (0,)):
        yield Sample(f"shape {shape}", (np.asarray(0.5 + rng.random(shape)),))


@register(samples=single_samples)
class Negate(Op):
    """Change the sign.

    x -> y, same shape

    forward    y = -x
    backward   dx = -g
    """

    def forward(self, x: Array) -> Array:
        return -x

    def backward(self, g: Array) -> Array:
        # y = -x
        return -g


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
