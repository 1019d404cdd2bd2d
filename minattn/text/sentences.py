"""Sentences as ids, of which there may be more than memory holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, overload

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .dividing import Places, once, row_keys

NEAR = 64  # of so many sentences, one has its place in the ids noted; those between add up lengths
AT_ONCE = 1 << 20  # ids that are read at a time


class Ids(Protocol):
    """Ids one after the other, of which a slice is an array; they may be in a file."""

    def __getitem__(self, places: slice, /) -> NDArray[Any]: ...


class Sentences(Sequence[list[int]]):
    """A read-only sequence of sentences, each a list of ids; a slice is a list of them.

    >>> sentences = Sentences.of([[2, 7, 3], [2, 3]])
    >>> sentences[0], len(sentences), sentences.tokens
    ([2, 7, 3], 2, 5)
    """

    def __init__(
        self, ids: Ids, lengths: NDArray[Any], alone: NDArray[np.uint8] | None = None, without: Places | None = None
    ) -> None:
        """Sentences that lie in ids one after the other.

        lengths (N,): the ids of each. alone: a bit for each, 1 where no other is equal to it; counted unless given
        without: rising places of the sentences that are left out
        """
        self._ids, self._lengths, self._alone = ids, lengths, alone
        self._without = np.empty(0, np.intp) if without is None else without
        first = np.arange(0, len(lengths), NEAR)
        sums = np.add.reduceat(lengths, first, dtype=np.int64) if len(first) else first
        self._near = np.concatenate([[0], np.cumsum(sums, dtype=np.int64)])

    @classmethod
    def of(cls, sentences: Iterable[Sequence[int] | NDArray[Any]]) -> Sentences:
        """Sentences in memory. Raises InputError for an empty one, and for what is no row of ids that are 0 or more."""
        rows = [np.asarray(sentence, dtype=np.int64) for sentence in sentences]
        for i, row in enumerate(rows):
            if row.ndim != 1 or len(row) == 0:
                raise InputError(f"sentence {i} has shape {row.shape}; expected a row of at least one id")
            if row.min() < 0:
                raise InputError(f"sentence {i} has the id {row.min()}; an id is 0 or more")
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        return cls(np.concatenate(rows) if rows else np.empty(0, np.int64), lengths)

    def __len__(self) -> int:
        return len(self._lengths) - len(self._without)

    @overload
    def __getitem__(self, place: int) -> list[int]: ...
    @overload
    def __getitem__(self, place: slice) -> list[list[int]]: ...
    def __getitem__(self, place: int | slice) -> list[int] | list[list[int]]:
        if isinstance(place, slice):
            return [row.tolist() for row in self.take(np.arange(len(self))[place])]
        row: list[int] = self.take(np.array([range(len(self))[place]]))[0].tolist()
        return row

    def __iter__(self) -> Iterator[list[int]]:
        for first in range(0, len(self), 1024):
            yield from self[first : first + 1024]

    def __repr__(self) -> str:
        return f"Sentences({len(self):,} sentences, {self.tokens:,} tokens)"

    @property
    def tokens(self) -> int:
        """The number of ids in all sentences."""
        return int(self._near[-1]) - int(self._lengths[self._without].sum(dtype=np.int64))

    def take(self, places: NDArray[Any]) -> list[NDArray[Any]]:
        """The ids of the sentences at some places (N,): N arrays, not to be written to."""
        if len(places) > AT_ONCE // NEAR:  # what is made of lengths below is NEAR times as large
            return [row for some in np.split(places, range(1024, len(places), 1024)) for row in self.take(some)]
        inside = self._inside(places)
        group = inside // NEAR
        between = group[:, None] * NEAR + np.arange(NEAR)
        lengths = self._lengths[np.minimum(between, len(self._lengths) - 1)]
        starts = self._near[group] + np.where(between < inside[:, None], lengths, 0).sum(axis=1, dtype=np.int64)
        stops = starts + self._lengths[inside]
        return [self._ids[start:stop] for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)]

    def lengths(self, places: NDArray[Any]) -> NDArray[Any]:
        """How many ids the sentences at some places (N,) have, (N,)."""
        lengths: NDArray[Any] = self._lengths[self._inside(places)]
        return lengths

    def flat(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """All ids, sentence after sentence, and which sentence each is of, both (tokens,): for what is not large."""
        rows = self.take(np.arange(len(self)))
        return np.concatenate(rows).astype(np.int64), np.repeat(np.arange(len(rows)), [len(row) for row in rows])

    def counts(self, vocab_size: int) -> NDArray[np.int64]:
        """How often each id is there, (V,)."""
        counts = np.zeros(vocab_size, np.int64)
        for first in range(0, int(self._near[-1]), AT_ONCE):
            counts += np.bincount(self._ids[first : first + AT_ONCE], minlength=vocab_size)
        for row in self.take_left_out():
            counts -= np.bincount(row, minlength=vocab_size)
        return counts

    def take_left_out(self) -> list[NDArray[Any]]:
        """The ids of the sentences that are left out."""
        return Sentences(self._ids, self._lengths).take(self._without)

    def spread(self, tokens: int) -> Sentences:
        """These sentences, or as many of them, evenly spread, as have together about so many ids at most."""
        if self.tokens <= tokens:
            return self
        count = max(len(self) * tokens // self.tokens, 1)
        return Sentences.of(self.take(np.arange(count) * len(self) // count))

    def without(self, places: Iterable[int]) -> Sentences:
        """These sentences but those at some places; none may be left out yet."""
        return Sentences(self._ids, self._lengths, self._alone, np.array(sorted(places), dtype=np.intp))

    def alone(self) -> Alone:
        """Which sentences are there only once; none may be left out."""
        if self._alone is None:
            keys = row_keys(self.flat()[0], self._lengths) if len(self) else np.empty(0, np.uint64)
            self._alone = np.packbits(once(lambda: iter([keys]), len(keys)))
        return Alone(self._alone)

    def _inside(self, places: NDArray[Any]) -> NDArray[Any]:
        """The places among all sentences, those that are left out included."""
        if not len(self._without):
            return places
        return places + np.searchsorted(self._without - np.arange(len(self._without)), places, side="right")


class Alone:
    """The places of the bits that are 1, in a long row of bits."""

    def __init__(self, bits: NDArray[np.uint8]) -> None:
        self._bits, self._until = bits, np.cumsum(np.bitwise_count(bits), dtype=np.int64)

    def __len__(self) -> int:
        return int(self._until[-1]) if len(self._until) else 0

    def __getitem__(self, number: int) -> int:
        """The place of the bit that has so many before it."""
        byte = int(np.searchsorted(self._until, number, side="right"))
        before = int(self._until[byte - 1]) if byte else 0
        return 8 * byte + int(np.flatnonzero(np.unpackbits(self._bits[byte]))[number - before])
