"""De-embedding and cross-entropy in one."""

import math

import numpy as np

from ..backend import Array, array_module
from ..fast import LOG2_E, blocks, empty, empty_like, is_moderate, product, row_sums
from .base import Op, register
from .samples import linear_cross_entropy_samples

BLOCK = 1 << 17
"""Logits that go through the cache at a time. The product itself is not cut: in few rows it takes twice as long."""


@register(samples=linear_cross_entropy_samples)
class LinearCrossEntropy(Op):
    """Linear and then CrossEntropy; logits, probabilities and their gradient take turns in one (N, V) array.

    x (…, D), weight (V, D), targets (…) integers, bias (V,) or none -> loss, one number, or (…) with reduction "none"
    Options as in CrossEntropy: rows whose target is ignore_index are left out, N is the number of the others.

    forward    1  s = x Wᵀ + b
               2  z = Σ exp(s)                                for each row
               3  l = ln z - (1 - ε) s_y - ε mean(s)          for each row
               4  loss = Σ l / N, or Σ l
    backward   4  dl = g / N, or g
               3  ds = dl (exp(s) / z - (1 - ε) onehot(y) - ε/V)
                     = (dl / z) u,  u = exp(s) - z ((1 - ε) onehot(y) + ε/V)
               1  dx = ds W,  dW = dsᵀ x,  db = Σ ds

    The logits turn into u while a block of them is in the cache; dl / z is multiplied to the narrow x and dx. exp(s) is
    2^(s log₂ e), with the factor in x and b. The largest s of a row is subtracted first, which cancels, but only where
    z shows that without it something came near to overflow.
    """

    def __init__(self, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0) -> None:
        self.ignore_index, self.reduction, self.label_smoothing = ignore_index, reduction, label_smoothing

    def forward(self, x: Array, weight: Array, targets: Array, bias: Array | None = None) -> Array:
        xp = array_module(x)
        self.shape, self.weight, self.has_bias = x.shape, weight, bias is not None
        rows, y = x.reshape(-1, x.shape[-1]), targets.reshape(-1)
        self.counted = xp.flatnonzero(y != self.ignore_index)
        self.length, self.skips = len(y), len(self.counted) < len(y)
        self.x, y = (rows[self.counted], y[self.counted]) if self.skips else (rows, y)

        # s log₂ e
        scaled = xp.multiply(self.x, LOG2_E, out=empty_like(self.x))
        self.u, self.z, losses = product(scaled, weight.T), empty((len(y), 1), x), empty((len(y),), x)
        bias = None if bias is None else bias * LOG2_E
        for block in blocks(self.u, len(y), BLOCK // len(weight)):
            losses[block] = self._surprise(scaled[block], bias, y[block], self.u[block], self.z[block])
        if self.reduction == "none":
            return self._everywhere(losses).reshape(targets.shape)
        return losses.sum() if self.reduction == "sum" else losses.sum() / xp.asarray(len(y), dtype=losses.dtype)

    def _surprise(self, x: Array, bias: Array | None, y: Array, s: Array, z: Array) -> Array:
        """l of some rows, whose s = x Wᵀ turn into u in place; z is filled."""
        xp, eps, each = array_module(s), self.label_smoothing, array_module(s).arange(len(y))
        for is_shifted in (False, True):
            if is_shifted:
                xp.matmul(x, self.weight.T, out=s)  # again, for powers have taken its place
            if bias is not None:
                s += bias
            if is_shifted:
                s -= s.max(axis=-1, keepdims=True)
            wanted = (1 - eps) * s[each, y]
            if eps:
                wanted += eps / s.shape[1] * row_sums(s)[:, 0]
            with np.errstate(over="ignore"):
                exp = xp.exp2(s, out=s)
                z[...] = row_sums(exp)
            if is_moderate(z):
                break
        u = exp
        if eps:
            u -= z * (eps / s.shape[1])
        u[each, y] -= (1 - eps) * z[:, 0]
        return xp.log(z[:, 0]) - wanted * math.log(2)

    def backward(self, g: Array) -> tuple[Array | None, ...]:
        # loss = Σ l / N
        dl = g.reshape(-1, 1)
        if self.reduction == "mean":
            dl = dl / len(self.x)
        elif self.reduction == "none" and self.skips:
            dl = dl[self.counted]
        # l = ln Σ exp(s) - s_y
        scale = dl / self.z
        # s = x Wᵀ + b
        dx = product(self.u, self.weight)
        dx *= scale
        dx = self._everywhere(dx).reshape(self.shape)
        dweight = product(self.u.T, array_module(g).multiply(self.x, scale, out=empty_like(self.x)))
        dbias = (scale.T @ self.u).reshape(-1)
        return (dx, dweight, None, dbias) if self.has_bias else (dx, dweight, None)

    def _everywhere(self, counted: Array) -> Array:
        """Rows that count, in their places; 0 in the others."""
        if not self.skips:
            return counted
        full = empty((self.length, *counted.shape[1:]), counted)
        full.fill(0)
        full[self.counted] = counted
        return full

    def explain(self, x: Array, weight: Array, targets: Array, bias: Array | None = None) -> str | None:
        if self.reduction == "mean" and not (targets != self.ignore_index).any():
            return f"a mean over no tokens: every target is {self.ignore_index}"
        return None
