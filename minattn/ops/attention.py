"""Scaled dot-product attention, whole."""

import math

import numpy as np

from ..backend import Array, array_module
from ..fast import LOG2_E, empty_like, is_features_first, is_moderate, product, row_dots, row_sums
from .base import Op, register
from .samples import attention_samples
from .softmax import shift


@register(samples=attention_samples)
class ScaledDotProductAttention(Op):
    """Let every token gather from all tokens what its query finds in their keys (Vaswani et al., 2017, equation 1).

    q (…, T, d), k (…, S, d), v (…, S, e), mask (…, T, S) boolean or none: True where a query may look -> y (…, T, e)
    Leading axes broadcast. A query that may look nowhere gets zeros.

    forward    1  s = q kᵀ / √d, and -∞ where the mask is False
               2  p = exp(s) / z, z = Σ exp(s)
               3  y = p v
    backward   3  dv = pᵀ g,  dp = g vᵀ
               2  ds = p (dp - Σ_j dp_j p_j)      0 where masked, because p is 0 there
                  Σ_j dp_j p_j = Σ_j p_j (g · v_j) = g · y
               1  dq = ds k / √d,  dk = dsᵀ q / √d

    p is never divided by z: y and g, which are narrower, are. exp(s) is 2^(s log₂ e), with the factor in q.
    """

    broadcasts = True

    def __init__(self, causal: bool = False, scale: float | None = None) -> None:
        self.causal, self.scale = causal, scale

    def forward(self, q: Array, k: Array, v: Array, mask: Array | None = None) -> Array:
        self.k, self.v, self.has_mask = k, v, mask is not None
        self.factor = 1 / math.sqrt(q.shape[-1] or 1) if self.scale is None else self.scale
        self.q = array_module(q).multiply(q, self.factor * LOG2_E, out=empty_like(q))
        mask = causal_mask(q, k, mask) if self.causal else mask
        self.exp, self.z = exponentials(self.q, k, mask)
        self.y = product(self.exp, v, like=q)
        self.y /= self.z
        return self.y

    def backward(self, g: Array) -> tuple[Array | None, ...]:
        g = array_module(g).divide(g, self.z, out=empty_like(g))
        # y = p v
        dv = product(self.exp.swapaxes(-1, -2), g, like=self.v)
        ds = product(g, self.v.swapaxes(-1, -2))
        # p = softmax(s)
        ds -= row_dots(g, self.y)
        ds *= self.exp
        # s = q kᵀ / √d
        dq = product(ds, self.k, like=self.q)
        dq *= self.factor
        dk = product(ds.swapaxes(-1, -2), self.q, like=self.k)
        dk *= 1 / LOG2_E
        return (dq, dk, dv, None) if self.has_mask else (dq, dk, dv)


def exponentials(q: Array, k: Array, mask: Array | None) -> tuple[Array, Array]:
    """2^(q kᵀ) where the mask allows, and the sums of its rows: (…, T, S) and (…, T, 1); 1 for a row of zeros.

    Softmax subtracts the largest score of each row first, so that nothing overflows; but to find it takes longer than
    all the rest. Sums that are neither huge nor tiny prove that nothing did, so it is done only where they are.
    """
    xp = array_module(q)
    if mask is not None and mask.all():
        mask = None
    for is_shifted in (False, True):
        s = product(q, k.swapaxes(-1, -2), like=q if is_features_first(q) else None)
        if mask is not None:
            xp.copyto(s, -xp.inf, where=~mask)
        if is_shifted:
            s -= shift(s, -1)
        with np.errstate(over="ignore"):
            exp = xp.exp2(s, out=s)
            z = row_sums(exp)
        if is_shifted or is_moderate(z):
            break
    z += z == 0
    return exp, z


def causal_mask(q: Array, k: Array, mask: Array | None) -> Array:
    """A query sees the keys up to its own position, of those that the mask allows."""
    xp = array_module(q)
    past = xp.tril(xp.ones((q.shape[-2], k.shape[-2]), dtype=bool))
    return past if mask is None else mask & past
