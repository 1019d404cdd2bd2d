"""What makes the large ops fast: products into memory that is used again, sums as products, exponentials, blocks."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..backend import Array, array_module
from .workspace import empty, empty_like


class Exponential(NamedTuple):
    """exp(x), as NumPy's function of that name applied to x unit."""

    name: str
    unit: float

    def __call__(self, x: Array) -> Array:
        """Raise x in place, which is given in this unit."""
        return getattr(array_module(x), self.name)(x, out=x)


EXP = Exponential("exp", 1.0)
POWER_OF_2 = Exponential("exp2", math.log2(math.e))  # exp(x) = 2^(x log₂ e)


def fastest_exponential() -> Exponential:
    """With AVX-512 powers of 2 take NumPy half the time of exp, without it twice the time."""
    found = (np.show_config("dicts") or {}).get("SIMD Extensions", {}).get("found", [])
    return POWER_OF_2 if any(name == "X86_V4" or name.startswith("AVX512") for name in found) else EXP


def product(a: Array, b: Array, like: Array | None = None) -> Array:
    """a @ b in rows, or with its axes in memory in the order of `like`."""
    batch = a.shape[:-2] if a.shape[:-2] == b.shape[:-2] else np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    shape = (*batch, a.shape[-2], b.shape[-1])
    out = empty(shape, a) if like is None else empty_like(like, shape)
    return array_module(a).matmul(a, b, out=out)


def row_sums(x: Array) -> Array:
    """x (…, M) -> (…, 1). A product with ones takes a tenth of the time of `sum` where rows are short."""
    if x.flags.c_contiguous:
        rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])  # one product instead of many
        return (rows @ array_module(x).ones((rows.shape[1], 1), x.dtype)).reshape(*x.shape[:-1], 1)
    return x @ array_module(x).ones((x.shape[-1], 1), x.dtype)


def column_sums(x: Array) -> Array:
    """x (N, M) -> (M,), likewise; in parts, because a long sum in float32 loses digits."""
    xp, parts = array_module(x), range(0, max(len(x), 1), 4096)
    sums = [xp.ones(len(part), x.dtype) @ part for part in (x[i : i + 4096] for i in parts)]
    return sums[0] if len(sums) == 1 else xp.stack(sums).sum(axis=0)


def row_dots(a: Array, b: Array) -> Array:
    """Σ a b along the last axis, which stays: (…, M), (…, M) -> (…, 1)"""
    return array_module(a).einsum("...i,...i->...", a, b)[..., None]


def is_moderate(sums: Array) -> bool:
    """Whether sums of exponentials prove that none of these was near to overflow, nor all of a sum near to 0."""
    return not sums.size or (float(sums.min()) > 2.0**-60 and float(sums.max()) < 2.0**60)


def gather(table: Array, ids: Array) -> Array:
    """table[ids] for rows of a table (V, D) and ids (…) in [0, V): (…, D). Raises IndexError for other ids."""
    if not isinstance(table, np.ndarray):
        return table[ids]
    if ids.size and not (ids.min() >= 0 and ids.max() < len(table)):
        raise IndexError(f"an id is out of range, there are {len(table)}")
    # every id is in range: "clip" is only to spare NumPy the copy that it makes for "raise"
    return np.take(table, ids, axis=0, out=empty((*ids.shape, table.shape[1]), table), mode="clip")


def features_first(x: Array) -> Array:
    """The same vectors x (…, D) with the numbers of one feature side by side in memory.

    BLAS copies a matrix of few rows into its own order, which is quicker from this one; what is computed from x keeps
    its order. On a GPU, x as it is.
    """
    rows = x.reshape(-1, x.shape[-1])
    return np.ascontiguousarray(rows.T).T.reshape(x.shape) if isinstance(x, np.ndarray) else x


def is_features_first(x: Array) -> bool:
    """Whether vectors x (…, T, D) lie in memory like that, each head's as well."""
    return bool(x.strides[-1] > x.strides[-2] == x.itemsize)


def in_memory_order(x: Array) -> Array:
    """The elements of x one after the other as they lie in memory: a view, unless x has gaps."""
    return x.transpose(sorted(range(x.ndim), key=lambda axis: -x.strides[axis])).reshape(-1)


def blocks(x: Array, length: int, size: int) -> Iterator[slice]:
    """Slices of a first axis of `length`, `size` long, that go through the cache one by one; on a GPU all at once."""
    step = max(size, 1) if isinstance(x, np.ndarray) else max(length, 1)
    return (slice(start, start + step) for start in range(0, length, step))
