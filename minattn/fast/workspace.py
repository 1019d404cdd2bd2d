"""Memory that is used again: large arrays of one training step take the places of those of the step before."""

import math
import os
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from ..backend import Array, array_module

LARGE = 1 << 16
"""Bytes from which on an array comes from the workspace; smaller ones cost the system nothing."""

ALIGNMENT = 64
"""Bytes of a cache line, and of the widest vector register: it takes longer to load where it lies across two lines."""


class Workspace:
    """Lends memory to arrays, and lends it again as soon as no array uses it any more.

    The system gives a large array fresh memory, page by page, and takes it back when the array is freed; the next step
    pays for the same pages again. One thread borrows; any may give back.

    places: what is lent first to arrays of the shape and dtype of one of these
    """

    def __init__(self, places: Iterable[Array] = ()) -> None:
        self._free: dict[Any, list[Array]] = {}  # by size in bytes, or by shape and dtype
        self._lent: dict[int, tuple[weakref.ref[Any], Any, Array]] = {}
        for place in places:
            self._free.setdefault((place.shape, place.dtype), []).append(place.reshape(-1).view(np.uint8))

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """An array with arbitrary content. Its memory comes back when it and all views of it are gone."""
        count, kind = math.prod(shape), (shape, dtype)
        if self._free.get(kind):
            key, memory = kind, self._free[kind].pop()
        else:
            memory = self._take(count * dtype.itemsize)
            key = memory.size
        # not a view of an array but of a buffer: NumPy makes it the base of all views that are made of it
        array = np.frombuffer(memory.data, dtype, count)
        owner = weakref.ref(array, self._give_back)
        self._lent[id(owner)] = owner, key, memory
        return array.reshape(shape)

    def _take(self, size: int) -> Array:
        """The free memory that was used last, at least `size` and at most about twice as large; or else new memory."""
        step = 1 << max(size.bit_length() - 3, 0)
        rounded = -(-size // step) * step  # few different sizes, for batches that differ
        for larger in range(rounded, 2 * rounded + 1, step):
            if self._free.get(larger):
                return self._free[larger].pop()
        memory = np.empty(rounded + ALIGNMENT - 1, np.uint8)
        start = -memory.__array_interface__["data"][0] % ALIGNMENT
        return memory[start : start + rounded]

    def _give_back(self, owner: weakref.ref[Any]) -> None:
        _, key, memory = self._lent.pop(id(owner))
        self._free.setdefault(key, []).append(memory)


_workspace: ContextVar[Workspace | None] = ContextVar("workspace", default=None)


@contextmanager
def reuse_memory(workspace: Workspace | None = None) -> Iterator[None]:
    """Inside `with reuse_memory():` the ops of this thread keep the memory of freed arrays for the next ones.

    For training loops on the CPU. What is free goes back to the system at the end, unless a workspace is passed in.
    """
    token = _workspace.set(workspace or Workspace())
    try:
        yield
    finally:
        _workspace.reset(token)


def empty(shape: tuple[int, ...], x: Array, dtype: Any = None) -> Array:
    """An array for a result, in rows: on x's device, with x's dtype unless told, arbitrary content."""
    dtype = x.dtype if dtype is None else np.dtype(dtype)
    workspace = _workspace.get()
    if workspace is not None and type(x) is np.ndarray and math.prod(shape) * dtype.itemsize >= LARGE:
        return workspace.empty(shape, dtype)
    return array_module(x).empty(shape, dtype)


def empty_like(x: Array, shape: tuple[int, ...] | None = None) -> Array:
    """The same, of x's shape unless told. With as many axes as x has, they have x's order in memory.

    What is computed from heads that are a view (B, H, T, d) of (B, T, H, d) can thus be merged without a copy.
    """
    if shape is None:
        shape = x.shape
    if len(shape) != x.ndim or x.flags.c_contiguous:
        return empty(shape, x)
    order = sorted(range(x.ndim), key=lambda axis: -x.strides[axis])
    array = empty(tuple(shape[axis] for axis in order), x)
    return array.transpose([order.index(axis) for axis in range(x.ndim)])


def copy(x: Array) -> Array:
    """The same numbers in memory of their own."""
    result = empty_like(x)
    array_module(x).copyto(result, x)
    return result


def physical_memory() -> int | None:
    """The bytes of memory that this machine has; None where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf, another system not these names
        return None
