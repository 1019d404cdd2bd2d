"""Arithmetic between two arrays, element by element, with NumPy's broadcasting."""

from collections.abc import Callable

import numpy as np

from ..backend import Array, array_module
from .base import Op, Sample, SampleMaker, Samples, register


def pairs(change: Callable[[Array, Array], tuple[Array, Array]] = lambda a, b: (a, b)) -> SampleMaker:
    """Samples of shapes that broadcast, their numbers changed to such as the op has a slope at."""

    def samples(rng: np.random.Generator) -> Samples:
        for a, b in (((3, 4), (3, 4)), ((2, 3, 4), (4,)), ((3, 1), (1, 4)), ((), (2, 3)), ((2, 1, 0), (3, 1))):
            yield Sample(f"{a} with {b}", change(rng.normal(size=a), rng.normal(size=b)))

    return samples


pair_samples = pairs()
away_from_0 = pairs(lambda a, b: (a, np.asarray(np.copysign(0.5 + np.abs(b), b))))
positive_bases = pairs(lambda a, b: (np.asarray(0.5 + np.abs(a)), b))
without_ties = pairs(lambda a, b: (np.asarray(np.abs(a) + 0.1), np.where(b > 0, 10 + b, -b - 10)))


def where_samples(rng: np.random.Generator) -> Samples:
    """Conditions of every shape."""
    for name, (a, b), _ in pair_samples(rng):
        yield Sample(name, (rng.random(np.broadcast_shapes(a.shape, b.shape)) < 0.5, a, b))
    yield Sample("condition broadcast", (np.array([[True], [False]]), rng.normal(size=(2, 3)), rng.normal(size=3)))


@register(samples=pair_samples)
class Add(Op):
    """Add two arrays: a residual connection, a bias, a positional encoding.

    a, b -> y (shapes broadcast)

    forward    y = a + b
    backward   da = g,  db = g

    float32 runs the kernel in minattn/fast/elementwise.py.
    """

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return a + b

    def backward(self, g: Array) -> tuple[Array, Array]:
        # y = a + b
        return g, g


@register(samples=pair_samples)
class Subtract(Op):
    """Subtract b from a.

    a, b -> y (shapes broadcast)

    forward    y = a - b
    backward   da = g,  db = -g
    """

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        return a - b

    def backward(self, g: Array) -> tuple[Array, Array]:
        # y = a - b
        return g, -g


@register(samples=pair_samples)
class Multiply(Op):
    """Multiply element by element.

    a, b -> y (shapes broadcast)

    forward    y = a b
    backward   da = g b,  db = g a
    """

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        self.a, self.b = a, b
        return a * b

    def backward(self, g: Array) -> tuple[Array, Array]:
        # y = a b
        return g * self.b, g * self.a


@register(samples=away_from_0)
class Divide(Op):
    """Divide a by b.

    a, b -> y (shapes broadcast)

    forward    y = a / b
    backward   da = g / b,  db = -g a / b² = -da y
    """

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        self.b = b
        self.y = a / b
        return self.y

    def backward(self, g: Array) -> tuple[Array, Array]:
        # y = a / b
        da = g / self.b
        return da, -da * self.y

    def explain(self, a: Array, b: Array) -> str | None:
        return "division by 0" if (b == 0).any() else None


@register(samples=positive_bases)
class Power(Op):
    """Raise a to the power b.

    a, b -> y (shapes broadcast)

    forward    y = a^b
    backward   da = g b a^(b-1)      0 where b = 0, for any a
               db = g a^b ln a       the limit 0 where a = 0; no real derivative where a < 0: NaN
    """

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        self.a, self.b = a, b
        self.y = a**b
        return self.y

    def backward(self, g: Array) -> tuple[Array, Array]:
        xp = array_module(g)
        a, b, y = self.a, self.b, self.y
        # y = a^b
        is_constant = b == 0
        slope = b * a ** xp.where(is_constant, xp.ones_like(b), b - 1)
        da = g * xp.where(is_constant, xp.zeros_like(slope), slope)
        log_a = xp.log(xp.where(a > 0, a, xp.ones_like(a)))
        db = g * xp.where(a < 0, xp.full_like(y, xp.nan), y * log_a)
        return da, db

    def explain(self, a: Array, b: Array) -> str | None:
        if ((a < 0) & (b != b.astype(int))).any():
            return "a negative number to a fractional power"
        if ((a == 0) & (b < 1)).any():
            return "0 to a power below 1 has an infinite slope, below 0 an infinite value"
        return None


@register(samples=without_ties)
class Maximum(Op):
    """Take the larger of two, element by element.

    a, b -> y (shapes broadcast)

    forward    y = max(a, b)
    backward   g goes to the larger one; where the two are equal each gets half
    """

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        self.a, self.b = a, b
        return array_module(a).maximum(a, b)

    def backward(self, g: Array) -> tuple[Array, Array]:
        a, b = self.a, self.b
        # y = max(a, b)
        share_of_a = ((a > b) + 0.5 * (a == b)).astype(g.dtype)
        return g * share_of_a, g * (1 - share_of_a)


@register(samples=where_samples)
class Where(Op):
    """Choose from a where the condition holds, else from b.

    condition (boolean), a, b -> y (shapes broadcast)

    forward    y = a if condition else b
    backward   da = g where the condition holds, 0 elsewhere; db the other way round
    """

    broadcasts = True

    def forward(self, condition: Array, a: Array, b: Array) -> Array:
        self.condition = condition
        return array_module(condition).where(condition, a, b)

    def backward(self, g: Array) -> tuple[None, Array, Array]:
        xp = array_module(g)
        # y = a if condition else b
        zero = xp.zeros_like(g)
        return None, xp.where(self.condition, g, zero), xp.where(self.condition, zero, g)
