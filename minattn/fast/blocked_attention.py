"""Attention over long sequences, without a score for every pair of tokens at once (Dao et al., 2022).

The trick: queries meet keys block by block, and each row keeps its largest score so far; when a larger one comes, what
was summed before is scaled down to it. Memory grows with T instead of T². It costs about a tenth of the time.

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
"""

from collections.abc import Iterator

import numpy as np

from ..backend import Array, array_module
from ..ops.base import transposed
from .products import product, row_dots, row_sums
from .workspace import empty, empty_like


def blocked_forward(
    q: Array, k: Array, v: Array, mask: Array | None, causal: bool, block: tuple[int, int]
) -> tuple[Array, Array]:
    """y (…, T, e) and l (…, T, 1). q comes scaled; block: how many queries and keys meet at a time."""
    xp = array_module(q)
    y_all = empty_like(q, (*_batch(q, k, v), q.shape[-2], v.shape[-1]))
    y_all.fill(0)
    log_z = empty((*y_all.shape[:-1], 1), q)
    for rows in _blocks(q.shape[-2], block[0]):
        y = y_all[..., rows, :]
        z = xp.zeros((*y.shape[:-1], 1), y.dtype)
        m = xp.full_like(z, float(np.finfo(y.dtype).min) / 4)  # so low that all is lower; -∞ - -∞ would be NaN
        for columns in _key_blocks(k, rows, block[1], causal):
            s = _scores(q, k, mask, causal, rows, columns)
            higher = xp.maximum(m, s.max(axis=-1, keepdims=True))
            a = xp.exp(m - higher)
            s -= higher
            p = xp.exp(s, out=s)
            z *= a
            z += row_sums(p)
            y *= a
            y += product(p, v[..., columns, :])
            m = higher
        z += z == 0  # a query that may look nowhere
        y /= z
        log_z[..., rows, :] = m + xp.log(z)
    return y_all, log_z


def blocked_backward(
    g: Array,
    q: Array,
    k: Array,
    v: Array,
    mask: Array | None,
    y: Array,
    log_z: Array,
    causal: bool,
    block: tuple[int, int],
) -> tuple[Array, Array, Array]:
    """The gradients of q (as it comes, scaled), k and v, over the batch axes of all three."""
    xp, batch = array_module(g), _batch(q, k, v)
    dq, dk, dv = (empty_like(x, (*batch, *x.shape[-2:])) for x in (q, k, v))
    for dx in (dq, dk, dv):
        dx.fill(0)
    for rows in _blocks(g.shape[-2], block[0]):
        g_rows = g[..., rows, :]
        g_y = row_dots(g_rows, y[..., rows, :])
        for columns in _key_blocks(k, rows, block[1], causal):
            # p = softmax(s)
            p = _scores(q, k, mask, causal, rows, columns)
            p -= log_z[..., rows, :]
            xp.exp(p, out=p)
            # y = p v
            dv[..., columns, :] += product(transposed(p), g_rows)
            ds = product(g_rows, transposed(v[..., columns, :]))
            ds -= g_y
            ds *= p
            # s = q kᵀ
            dq[..., rows, :] += product(ds, k[..., columns, :])
            dk[..., columns, :] += product(transposed(ds), q[..., rows, :])
    return dq, dk, dv


def _batch(*arrays: Array) -> tuple[int, ...]:
    """The leading axes of all, broadcast."""
    return np.broadcast_shapes(*(x.shape[:-2] for x in arrays))


def _blocks(length: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, length)) for start in range(0, length, size)]


def _key_blocks(k: Array, rows: slice, size: int, causal: bool) -> Iterator[slice]:
    """Blocks of keys; those that are all in the future of these queries are left out."""
    return (columns for columns in _blocks(k.shape[-2], size) if not causal or columns.start < rows.stop)


def _scores(q: Array, k: Array, mask: Array | None, causal: bool, rows: slice, columns: slice) -> Array:
    """Scores of some queries with some keys; -∞ where a query may not look."""
    xp = array_module(q)
    s = product(q[..., rows, :], transposed(k[..., columns, :]))
    if mask is not None:
        mask = mask[None] if mask.ndim == 1 else mask
        part = (slice(None) if n == 1 else block for n, block in zip(mask.shape[-2:], (rows, columns), strict=True))
        xp.copyto(s, -xp.inf, where=~mask[(..., *part)])
    if causal:
        future = xp.arange(columns.start, columns.stop) > xp.arange(rows.start, rows.stop)[:, None]
        xp.copyto(s, -xp.inf, where=future)
    return s
