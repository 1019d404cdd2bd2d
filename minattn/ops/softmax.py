"""From scores to probabilities: softmax, its logarithm, and the logarithm of its denominator."""

import numpy as np

from ..backend import Array, array_module
from .base import Op, Sample, Samples, register, shift


def softmax_samples(rng: np.random.Generator) -> Samples:
    """Each axis, one score, no rows."""
    for axis in (-1, 0, 1):
        yield Sample(f"axis {axis}", (rng.normal(size=(2, 3, 4)),), {"axis": axis})
    yield Sample("one score", (rng.normal(size=(3, 1)),))
    yield Sample("no rows", (rng.normal(size=(0, 3)),))


def logsumexp_samples(rng: np.random.Generator) -> Samples:
    """The same, with the axis kept and not."""
    for sample in softmax_samples(rng):
        for keepdims in (False, True):
            yield Sample(f"{sample.name}, keepdims {keepdims}", sample.inputs, {**sample.options, "keepdims": keepdims})


@register(samples=softmax_samples)
class Softmax(Op):
    """Turn scores into probabilities along one axis.

    x (…, N) -> p (…, N), summing to 1 along the axis

    forward    1  z = x - max(x)              shift, so that exp cannot overflow
               2  p = exp(z) / Σ exp(z)
    backward   2  dp_i/dz_j = p_i (δ_ij - p_j), where δ_ij is 1 for i = j, else 0
                  dz_j = Σ_i g_i p_i (δ_ij - p_j) = p_j (g_j - Σ_i g_i p_i)
               1  the shift cancels: dx = dz
    """

    def __init__(self, axis: int | tuple[int, ...] = -1) -> None:
        self.axis = axis

    def forward(self, x: Array) -> Array:
        # 1
        z = x - shift(x, self.axis)
        # 2
        exp = array_module(x).exp(z)
        self.p = exp / exp.sum(axis=self.axis, keepdims=True)
        return self.p

    def backward(self, g: Array) -> Array:
        p = self.p
        # 2  p = exp(z) / Σ exp(z)
        dz = p * (g - (g * p).sum(axis=self.axis, keepdims=True))
        # 1  z = x - max(x)
        return dz

    def explain(self, x: Array) -> str | None:
        fully_masked = (x == -array_module(x).inf).all(axis=self.axis)
        return "a fully masked row: every score in it is -inf" if fully_masked.any() else None


@register(samples=softmax_samples)
class LogSoftmax(Op):
    """The logarithm of softmax, without the detour over probabilities that round to 0.

    x (…, N) -> y (…, N)

    forward    1  z = x - max(x)
               2  y = z - ln Σ exp(z)
    backward   2  dy_i/dz_j = δ_ij - p_j, with p = exp(y)
                  dz_j = g_j - p_j Σ_i g_i
               1  the shift cancels: dx = dz
    """

    def __init__(self, axis: int | tuple[int, ...] = -1) -> None:
        self.axis = axis

    def forward(self, x: Array) -> Array:
        xp = array_module(x)
        # 1
        z = x - shift(x, self.axis)
        # 2
        self.y = z - xp.log(xp.exp(z).sum(axis=self.axis, keepdims=True))
        return self.y

    def backward(self, g: Array) -> Array:
        p = array_module(g).exp(self.y)
        # 2  y = z - ln Σ exp(z)
        dz = g - p * g.sum(axis=self.axis, keepdims=True)
        # 1  z = x - max(x)
        return dz

    def explain(self, x: Array) -> str | None:
        fully_masked = (x == -array_module(x).inf).all(axis=self.axis)
        return "a fully masked row: every score in it is -inf" if fully_masked.any() else None


@register(samples=logsumexp_samples)
class LogSumExp(Op):
    """A smooth maximum: the logarithm of softmax's denominator.

    x (…, N) -> y, the axis removed, or 1 with keepdims

    forward    1  z = x - m, m = max(x)       or 0 where that is infinite
               2  y = m + ln Σ exp(z)
    backward   2  dz = g p,  p = exp(z) / Σ exp(z)      the slope of ln Σ exp
               1  the shift cancels: dx = dz
    """

    def __init__(self, axis: int | tuple[int, ...] = -1, keepdims: bool = False) -> None:
        self.axis, self.keepdims = axis, keepdims

    def forward(self, x: Array) -> Array:
        xp = array_module(x)
        # 1
        m = shift(x, self.axis)
        m = xp.where(xp.abs(m) == xp.inf, xp.zeros_like(m), m)
        z = x - m
        # 2
        exp = xp.exp(z)
        total = exp.sum(axis=self.axis, keepdims=True)
        self.p = exp / total
        y = m + xp.log(total)
        return y if self.keepdims else y.squeeze(self.axis)

    def backward(self, g: Array) -> Array:
        if not self.keepdims:
            g = array_module(g).expand_dims(g, self.axis)
        # 2  y = m + ln Σ exp(z)
        dz = g * self.p
        # 1  z = x - m
        return dz

    def explain(self, x: Array) -> str | None:
        empty = (x == -array_module(x).inf).all(axis=self.axis)
        return "log of 0: every score of a row is -inf" if empty.any() else None
