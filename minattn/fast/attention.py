"""Attention with two passes over the scores less."""

import math

import numpy as np

from ..backend import Array, array_module
from ..ops.attention import ScaledDotProductAttention, causal_mask
from ..ops.base import shift, transposed
from ..ops.kernels import implements
from .blocked_attention import blocked_backward, blocked_forward
from .products import Exponential, fastest_exponential, is_features_first, is_moderate, product, row_dots, row_sums
from .workspace import empty_like


@implements(ScaledDotProductAttention)
class FastAttention(ScaledDotProductAttention):
    """Softmax without the search for the largest score, and without the division of its (T, S) numbers.

    The trick: the largest score is subtracted only where the sums of the exponentials show that something came near to
    overflow; where NumPy is quicker at powers of 2, exp(s) is 2^(s log₂ e) with the factor in q; y and g, which are
    narrower than p, are divided by the sums z in its place; and Σ_j dp_j p_j is g · y. From `long` tokens on the scores
    are made block by block, so that memory grows with T instead of T².

    forward    1  s = q kᵀ / √d
               2  exp(s),  z = Σ exp(s)       p = exp(s) / z
               3  y = (exp(s) v) / z
    backward   3  dv = exp(s)ᵀ g/z,  dp = g/z vᵀ
               2  ds = exp(s) (dp - g/z · y)
               1  dq = ds k / √d,  dk = dsᵀ q / √d
    """

    long = 512
    """Tokens from which on attention goes block by block."""
    block = (256, 256)
    """How many queries and keys meet at a time then."""
    exponential: Exponential = fastest_exponential()

    def forward(self, q: Array, k: Array, v: Array, mask: Array | None = None) -> Array:
        self.k, self.v, self.mask = k, v, mask
        self.factor = 1 / math.sqrt(q.shape[-1] or 1) if self.scale is None else self.scale
        self.is_added = mask is not None and mask.dtype.kind == "f"  # and its gradient is as large as the scores
        self.is_blocked = q.shape[-2] * k.shape[-2] >= self.long**2 and not self.is_added
        if self.is_blocked:
            self.q = array_module(q).multiply(q, self.factor, out=empty_like(q))
            self.y, self.log_z = blocked_forward(self.q, k, v, mask, self.causal, self.block)
            return self.y
        mask = causal_mask(q, k, mask) if self.causal else mask
        self.q, self.exp, self.z = exponentials(q, k, mask, self.factor, self.exponential)
        self.y = product(self.exp, v, like=q)
        self.y /= self.z
        return self.y

    def backward(self, g: Array) -> tuple[Array, ...]:
        if self.is_blocked:
            dq, dk, dv = blocked_backward(
                g, self.q, self.k, self.v, self.mask, self.y, self.log_z, self.causal, self.block
            )
            dq *= self.factor
            return dq, dk, dv
        xp = array_module(g)
        g_over_z = xp.divide(g, self.z, out=empty_like(g))
        # 3  y = exp(s) v / z
        dv = product(transposed(self.exp), g_over_z, like=self.v)
        dp = product(g_over_z, transposed(self.v))
        # 2  p = exp(s) / z
        dp -= row_dots(g_over_z, self.y)
        ds = xp.multiply(dp, self.exp, out=dp)
        # 1  s = q kᵀ / √d
        dq = product(ds, self.k, like=self.q)
        dq *= self.factor
        dk = product(transposed(ds), self.q, like=self.k)
        dk *= 1 / self.exponential.unit
        return (dq, dk, dv, ds) if self.is_added else (dq, dk, dv)


def exponentials(
    q: Array, k: Array, mask: Array | None, factor: float, exponential: Exponential
) -> tuple[Array, Array, Array]:
    """q factor in its unit; exp(q kᵀ factor) where the mask allows; the sums of its rows, 1 for a row of zeros."""
    xp = array_module(q)
    mask, added = (None, mask) if mask is not None and mask.dtype.kind == "f" else (mask, None)
    mask = None if mask is not None and mask.all() else mask
    scaled = xp.multiply(q, factor * exponential.unit, out=empty_like(q))
    like = scaled if is_features_first(scaled) else None
    s = product(scaled, transposed(k), like=like)
    if mask is not None:
        xp.copyto(s, -xp.inf, where=~mask)
    s = s if added is None else s + added * exponential.unit
    # BLAS may flag what it reads beside the rows as invalid; a NaN among the scores is found in the sums
    with np.errstate(over="ignore", invalid="ignore"):
        exp = exponential(s)
        z = row_sums(exp)
    if not is_moderate(z):  # the scores once more, without the unit in q: where they are large, its rounding would show
        s = product(xp.multiply(q, factor, out=empty_like(q)), transposed(k), like=like)
        if mask is not None:
            xp.copyto(s, -xp.inf, where=~mask)
        s = s if added is None else s + added
        s -= shift(s, -1)
        exp = xp.exp(s, out=s)
        z = row_sums(exp)
    z += z == 0
    return scaled, exp, z
