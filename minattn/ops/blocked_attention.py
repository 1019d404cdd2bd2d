"""Attention over long sequences, without a row of scores for every pair of tokens at once."""

import math
from collections.abc import Iterator

import numpy as np

from ..backend import Array, array_module
from ..fast import LOG2_E, empty, empty_like, product, row_dots, row_sums
from .base import Op, register
from .samples import blocked_attention_samples


@register(samples=blocked_attention_samples)
class BlockedAttention(Op):
    """ScaledDotProductAttention with another order of work: memory grows with T, not with T² (Dao et al., 2022).

    q (…, T, d), k (…, S, d), v (…, S, e), mask (…, T, S) boolean or none -> y (…, T, e), as there

    forward    for each block of queries: m = -∞, z = 0, y = 0; then for each block of keys
               1  s = q kᵀ / √d, and -∞ where the mask is False
               2  m' = max(m, max s),  a = exp(m - m')      what was summed so far is worth a in the new unit
               3  p = exp(s - m')
               4  z = a z + Σ p,  y = a y + p v,  m = m'
               and at the end  y = y / z,  l = m + ln z     so that exp(s - l) = softmax(s)
    backward   for each pair of blocks: s, and p = exp(s - l), are made again
               dv += pᵀ g,  dp = g vᵀ
               ds = p (dp - g · y)
               dq += ds k / √d,  dk += dsᵀ q / √d

    queries, keys: how many meet at a time. Powers of 2 take the place of exp, with the factor log₂ e in q.
    """

    broadcasts = True

    def __init__(
        self, causal: bool = False, scale: float | None = None, *, queries: int = 256, keys: int = 256
    ) -> None:
        self.causal, self.scale, self.queries, self.keys = causal, scale, queries, keys

    def forward(self, q: Array, k: Array, v: Array, mask: Array | None = None) -> Array:
        xp = array_module(q)
        self.k, self.v, self.mask = k, v, mask[None] if mask is not None and mask.ndim == 1 else mask
        self.factor = 1 / math.sqrt(q.shape[-1] or 1) if self.scale is None else self.scale
        self.q = xp.multiply(q, self.factor * LOG2_E, out=empty_like(q))
        self.y = empty_like(q, (*self._batch(), q.shape[-2], v.shape[-1]))
        self.y.fill(0)
        self.l = empty((*self.y.shape[:-1], 1), q)
        for rows in _blocks(q.shape[-2], self.queries):
            y = self.y[..., rows, :]
            z = xp.zeros((*y.shape[:-1], 1), y.dtype)
            m = xp.full_like(z, float(np.finfo(y.dtype).min) / 4)  # so low that all is lower; -∞ - -∞ would be NaN
            for columns in self._key_blocks(rows):
                s = self._scores(rows, columns)
                higher = xp.maximum(m, s.max(axis=-1, keepdims=True))
                a = xp.exp2(m - higher)
                s -= higher
                p = xp.exp2(s, out=s)
                z *= a
                z += row_sums(p)
                y *= a
                y += product(p, v[..., columns, :])
                m = higher
            z += z == 0  # a query that may look nowhere
            y /= z
            self.l[..., rows, :] = m + xp.log2(z)
        return self.y

    def backward(self, g: Array) -> tuple[Array | None, ...]:
        xp, k, v = array_module(g), self.k, self.v
        batch = self._batch()
        dq, dk, dv = (empty_like(x, (*batch, *x.shape[-2:])) for x in (self.q, k, v))
        for dx in (dq, dk, dv):
            dx.fill(0)
        for rows in _blocks(g.shape[-2], self.queries):
            g_rows = g[..., rows, :]
            g_y = row_dots(g_rows, self.y[..., rows, :])
            for columns in self._key_blocks(rows):
                # p = softmax(s)
                p = self._scores(rows, columns)
                p -= self.l[..., rows, :]
                xp.exp2(p, out=p)
                # y = p v
                dv[..., columns, :] += product(p.swapaxes(-1, -2), g_rows)
                ds = product(g_rows, v[..., columns, :].swapaxes(-1, -2))
                ds -= g_y
                ds *= p
                # s = q kᵀ / √d
                dq[..., rows, :] += product(ds, k[..., columns, :])
                dk[..., columns, :] += product(ds.swapaxes(-1, -2), self.q[..., rows, :])
        dq *= self.factor
        dk *= 1 / LOG2_E
        return (dq, dk, dv) if self.mask is None else (dq, dk, dv, None)

    def _batch(self) -> tuple[int, ...]:
        """The leading axes of all three inputs, broadcast."""
        return np.broadcast_shapes(self.q.shape[:-2], self.k.shape[:-2], self.v.shape[:-2])

    def _key_blocks(self, rows: slice) -> Iterator[slice]:
        """Blocks of keys; those that are all in the future of these queries are left out."""
        for columns in _blocks(self.k.shape[-2], self.keys):
            if not self.causal or columns.start < rows.stop:
                yield columns

    def _scores(self, rows: slice, columns: slice) -> Array:
        """Scores of some queries with some keys, times log₂ e; -∞ where a query may not look."""
        xp = array_module(self.q)
        s = product(self.q[..., rows, :], self.k[..., columns, :].swapaxes(-1, -2))
        if self.mask is not None:
            part = tuple(
                slice(None) if n == 1 else block for n, block in zip(self.mask.shape[-2:], (rows, columns), strict=True)
            )
            xp.copyto(s, -xp.inf, where=~self.mask[(..., *part)])
        if self.causal:
            future = xp.arange(columns.start, columns.stop) > xp.arange(rows.start, rows.stop)[:, None]
            xp.copyto(s, -xp.inf, where=future)
        return s


def _blocks(length: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, length)) for start in range(0, length, size)]
