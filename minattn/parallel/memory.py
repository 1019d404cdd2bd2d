"""Memory that several processes see, and where in it each parameter lies."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np

from ..backend import Array
from ..fast import UpdatePiece

ALIGNMENT = 64
"""Bytes: a bundle of parameters begins at a multiple of it."""


def shared_bytes(size: int) -> Array:
    """Bytes (size,) of zeros, in memory that all processes see which are forked from now on."""
    return np.frombuffer(mmap.mmap(-1, max(size, 1)), np.uint8, size)


def shared_zeros(array: Array) -> Array:
    """An array of the same shape and dtype, of zeros, in such memory."""
    return shared_bytes(array.nbytes).view(array.dtype).reshape(array.shape)


class Layout:
    """One stretch of memory for an array of each name, in the order in which an optimizer updates them.

    So each piece of an update is one stretch too, and so are several pieces that follow each other.

    Args:
        arrays: for their shapes and dtypes
        bundles: all names, those together that are updated together
    """

    def __init__(self, arrays: Mapping[str, Array], bundles: Iterable[Sequence[str]]) -> None:
        self.arrays = {name: (arrays[name].shape, arrays[name].dtype) for bundle in bundles for name in bundle}
        self.offsets: dict[str, int] = {}
        self.size = 0
        for bundle in bundles:
            self.size += -self.size % ALIGNMENT
            for name in bundle:
                self.offsets[name] = self.size
                self.size += arrays[name].nbytes

    def views(self, memory: Array) -> dict[str, Array]:
        """The arrays in bytes (size,) of memory."""
        found: dict[str, Array] = {}
        for name, (shape, dtype) in self.arrays.items():
            stop = self.offsets[name] + int(np.prod(shape, dtype=int)) * dtype.itemsize
            found[name] = memory[self.offsets[name] : stop].view(dtype).reshape(shape)
        return found

    def start(self, piece: UpdatePiece) -> int:
        """At which byte a piece begins."""
        name = piece.names[0]
        return self.offsets[name] + (piece.part.start or 0) * int(self.arrays[name][1].itemsize)

    def cut(self, pieces: Sequence[UpdatePiece], start: int, end: int, count: int) -> list[tuple[int, int]]:
        """The bytes from `start` to `end` in `count` nearly equal shares that cut no piece.

        Args:
            pieces: all there are
        """
        begins = [begin for begin in map(self.start, pieces) if start <= begin < end]
        wanted = [start + (end - start) * i // count for i in range(1, count)]
        edges = [start, *(min((b for b in begins if b >= w), default=end) for w in wanted), end]
        return list(pairwise(edges))

    def between(self, pieces: Iterable[UpdatePiece], share: tuple[int, int]) -> list[UpdatePiece]:
        """The pieces that begin in a share."""
        return [piece for piece in pieces if share[0] <= self.start(piece) < share[1]]
