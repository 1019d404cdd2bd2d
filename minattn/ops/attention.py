"""Scaled dot-product attention, whole."""

import math

from ..backend import Array, array_module
from .base import Op, register
from .samples import attention_samples
from .softmax import shift


@register(samples=attention_samples)
class ScaledDotProductAttention(Op):
    """Let every token gather from all tokens what its query finds in their keys (Vaswani et al., 2017, equation 1).

    q (…, T, d), k (…, S, d), v (…, S, e), mask (…, T, S) boolean or none: True where a query may look -> y (…, T, e)
    Leading axes broadcast. A query that may look nowhere gets zeros.

    forward    1  s = q kᵀ / √d, and -inf where the mask is False
               2  p = softmax(s)
               3  y = p v
    backward   3  dv = pᵀ g,  dp = g vᵀ
               2  ds = p (dp - Σ_j dp_j p_j)      0 where masked, because p is 0 there
               1  dq = ds k / √d,  dk = dsᵀ q / √d
    """

    broadcasts = True

    def __init__(self, causal: bool = False, scale: float | None = None) -> None:
        self.causal, self.scale = causal, scale

    def forward(self, q: Array, k: Array, v: Array, mask: Array | None = None) -> Array:
        xp = array_module(q)
        self.q, self.k, self.v, self.has_mask = q, k, v, mask is not None
        self.factor = 1 / math.sqrt(q.shape[-1] or 1) if self.scale is None else self.scale
        allowed = mask
        if self.causal:
            past = xp.tril(xp.ones((q.shape[-2], k.shape[-2]), dtype=bool))
            allowed = past if mask is None else mask & past

        s = q @ k.swapaxes(-1, -2)
        s *= self.factor
        if allowed is not None:
            s = xp.where(allowed, s, -xp.inf).astype(s.dtype, copy=False)
        p = softmax_rows(s)
        self.p = p
        return p @ v

    def backward(self, g: Array) -> tuple[Array | None, ...]:
        p = self.p
        # y = p v
        dv = p.swapaxes(-1, -2) @ g
        ds = g @ self.v.swapaxes(-1, -2)
        # p = softmax(s)
        ds -= (ds * p).sum(axis=-1, keepdims=True)
        ds *= p
        # s = q kᵀ / √d
        ds *= self.factor
        dq = ds @ self.k
        dk = ds.swapaxes(-1, -2) @ self.q
        return (dq, dk, dv, None) if self.has_mask else (dq, dk, dv)


def softmax_rows(s: Array) -> Array:
    """Softmax along the last axis, in place; a row of -inf becomes zeros."""
    xp = array_module(s)
    s -= shift(s, -1)
    xp.exp(s, out=s)
    total = s.sum(axis=-1, keepdims=True)
    total += total == 0
    s /= total
    return s
