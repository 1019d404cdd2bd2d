"""Scaled dot-product attention, whole."""

import math

import numpy as np

from ..backend import Array, array_module
from .base import Op, Sample, Samples, register, shift, transposed


def attention_samples(rng: np.random.Generator) -> Samples:
    """Masks, causal and not, heads that broadcast; T, S, d and e differ."""

    def qkv(batch: tuple[int, ...], t: int, s: int) -> tuple[Array, Array, Array]:
        return rng.normal(size=(*batch, t, 5)), rng.normal(size=(*batch, s, 5)), rng.normal(size=(*batch, s, 3))

    yield Sample("plain", qkv((2, 2), 3, 4))
    yield Sample("causal", qkv((2,), 4, 4), {"causal": True})
    yield Sample("own scale", qkv((), 3, 4), {"scale": 0.5})
    padding = np.array([[True, True, False, False], [True, True, True, True]])[:, None, None, :]
    yield Sample("padding", (*qkv((2, 2), 3, 4), padding))
    yield Sample("a fully masked row", (*qkv((2,), 3, 4), np.array([[True] * 4, [False] * 4, [True, False] * 2])))
    yield Sample("causal and padding", (*qkv((2, 2), 4, 4), padding), {"causal": True})
    q, k, v = qkv((2, 3), 3, 4)
    yield Sample("broadcast heads", (q, k[:1], v[:, :1]))
    yield Sample("one token", qkv((2,), 1, 1))


@register(samples=attention_samples)
class ScaledDotProductAttention(Op):
    """Let every token gather from all tokens what its query finds in their keys (Vaswani et al., 2017, equation 1).

    q (…, T, d), k (…, S, d), v (…, S, e), mask (…, T, S) boolean or floats or none -> y (…, T, e)
    mask is True where a query may look; with causal, no query looks at later keys. Leading axes broadcast.
    A mask of floats is added to the scores, and its gradient is ds.

    forward    1  s = q kᵀ / √d         -∞ where the mask is False
               2  p = softmax(s)        row by row; a row that may look nowhere is 0
               3  y = p v
    backward   3  dv = pᵀ g,  dp = g vᵀ
               2  ds = p (dp - Σ_j dp_j p_j)      0 where masked, because p is 0 there
               1  dq = ds k / √d,  dk = dsᵀ q / √d

    float32 runs the kernel in minattn/fast/attention.py.
    """

    broadcasts = True

    def __init__(self, causal: bool = False, scale: float | None = None) -> None:
        self.causal, self.scale = causal, scale

    def forward(self, q: Array, k: Array, v: Array, mask: Array | None = None) -> Array:
        self.q, self.k, self.v = q, k, v
        self.factor = 1 / math.sqrt(q.shape[-1] or 1) if self.scale is None else self.scale
        mask = causal_mask(q, k, mask) if self.causal else mask
        self.is_added = mask is not None and mask.dtype.kind == "f"
        # 1 and 2
        self.p = attention_weights(q, k, mask, self.factor)
        # 3  y = p v
        return self.p @ v

    def backward(self, g: Array) -> tuple[Array, ...]:
        q, k, v, p, factor = self.q, self.k, self.v, self.p, self.factor
        # 3  y = p v
        dv = transposed(p) @ g
        dp = g @ transposed(v)
        # 2  p = softmax(s)
        ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True))
        # 1  s = q kᵀ / √d
        dq = ds @ k * factor
        dk = transposed(ds) @ q * factor
        return (dq, dk, dv, ds) if self.is_added else (dq, dk, dv)


def attention_weights(q: Array, k: Array, mask: Array | None, scale: float) -> Array:
    """How much each query looks at each key: p (…, T, S), rows summing to 1, or to 0 where the mask allows nothing."""
    xp = array_module(q)
    # 1  s = q kᵀ / √d
    s = q @ transposed(k) * scale
    if mask is not None:
        s = s + mask if mask.dtype.kind == "f" else xp.where(mask, s, -xp.inf)
    # 2  p = softmax(s)
    exp = xp.exp(s - shift(s, -1))
    z = exp.sum(axis=-1, keepdims=True)
    return exp / xp.where(z == 0, 1, z)


def causal_mask(q: Array, k: Array, mask: Array | None) -> Array:
    """A query sees the keys up to its own position, of those that the mask allows: (…, T, S)."""
    xp = array_module(q)
    past = xp.tril(xp.ones((q.shape[-2], k.shape[-2]), dtype=bool))
    if mask is None or mask.dtype.kind == "b":
        return past if mask is None else mask & past
    return xp.where(past, mask, -xp.inf)
