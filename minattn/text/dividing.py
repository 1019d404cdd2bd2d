"""Which pieces of a text are held out, and what is there twice: from 64-bit numbers that stand for sentences.

Two sentences are taken for equal where their numbers are. Among 20 million different ones, a gigabyte of text, the
chance that any two share a number is 1 in 90,000.
"""

from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

Keys = NDArray[np.uint64]
Places = NDArray[np.intp]
Blocks = Callable[[], Iterator[Keys]]
"""Gives the numbers of all sentences, some at a time, as often as it is called: they may be in a file."""

TOGETHER = 1 << 21
"""Numbers that are sorted at a time."""


def text_keys(sentences: Iterable[str]) -> Keys:
    """A number (N,) for each sentence: the same for the same words in whatever case."""
    digests = (blake2b(s.casefold().encode("utf-8", "surrogatepass"), digest_size=8).digest() for s in sentences)
    return np.frombuffer(b"".join(digests), np.dtype("<u8")).astype(np.uint64, copy=False)


def row_keys(ids: NDArray[np.integer], lengths: NDArray[np.integer]) -> Keys:
    """A number (N,) for each row of ids: the same for the same ids.

    ids (sum of lengths,): the rows, one after the other, none of them empty
    Each place multiplies a mixture of the id there with an odd number of its own, and the products are added.
    """
    lengths = lengths.astype(np.int64)
    first = np.cumsum(lengths) - lengths
    place = np.arange(len(ids)) - np.repeat(first, lengths)
    odd = np.random.default_rng(0).integers(0, 2**64, max(lengths, default=0), np.uint64) | np.uint64(1)
    mixed = ids.astype(np.uint64) + np.uint64(1)
    mixed *= np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= odd[place]
    sums: Keys = np.add.reduceat(mixed, first) if len(first) else mixed
    sums ^= sums >> np.uint64(32)
    return sums


def choose_held_out(
    keys: Blocks, sizes: NDArray[np.integer], share: float = 0.1, seed: int = 0
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Say which pieces are held out, and which of their sentences are left out: those that are in training as well.

    keys: of `text_keys`, piece after piece
    sizes (N,): the sentences of each piece
    share, seed: as in `split_pieces`
    Returns (held, known): True at the pieces (N,) that are held out; at the sentences of theirs that are left out.
    Raises InputError when the pieces cannot be divided so.
    """
    if not 0 < share < 1:
        raise InputError(f"share must lie between 0 and 1, got {share}; 0.1 holds out a tenth")
    if len(sizes) < 2:
        raise InputError(
            f"expected at least 2 pieces, got {len(sizes)}; one is held out and one trained on, "
            "so give a text of more than one sentence"
        )
    if seed < 0:
        raise InputError(f"seed must be 0 or more, got {seed}")
    last = np.cumsum(sizes, dtype=np.int64)
    # A piece that only repeats others could end up empty, so it may not be held out.
    is_able = np.zeros(len(sizes), np.bool_)
    for places, first in _equal(keys, int(last[-1])):
        piece = np.searchsorted(last, places, side="right")
        of_one = piece[first] == piece[np.append(first[1:], len(places)) - 1]
        is_able[piece[first[of_one]]] = True
    able = np.flatnonzero(is_able)
    if not len(able):
        raise InputError("every piece only repeats sentences of others; give a text that says more")
    count = min(max(1, round(share * len(sizes))), len(able), len(sizes) - 1)
    held = np.zeros(len(sizes), np.bool_)
    held[np.random.default_rng(seed).permutation(able)[:count]] = True
    known = np.zeros(last[-1], np.bool_)
    for places, first in _equal(keys, int(last[-1])):
        is_trained = ~held[np.searchsorted(last, places, side="right")]
        also_trained = np.logical_or.reduceat(is_trained, first)
        known[places] = np.repeat(also_trained, np.diff(first, append=len(places))) & ~is_trained
    return held, known


def once(keys: Blocks, total: int, together: int = TOGETHER) -> NDArray[np.bool_]:
    """True (total,) at the numbers that are there only once."""
    is_alone = np.zeros(total, np.bool_)
    for places, first in _equal(keys, total, together):
        is_alone[places[first]] = np.diff(first, append=len(places)) == 1
    return is_alone


def _equal(keys: Blocks, total: int, together: int = TOGETHER) -> Iterator[tuple[Places, Places]]:
    """Yield, some groups at a time, the places where equal numbers are: all places, once.

    Yields (places, first): those of a group stand together in rising order, and first says where each group begins.
    """
    buckets = np.uint64(1 + total // together)
    for bucket in range(int(buckets)):
        parts: list[tuple[Keys, Places]] = []
        start = 0
        for block in keys():
            where = np.flatnonzero(block % buckets == bucket)
            parts.append((block[where], where + start))
            start += len(block)
        found, places = (np.concatenate(part) for part in zip(*parts, strict=True))
        if not len(found):
            continue
        order = np.argsort(found, kind="stable")
        found, places = found[order], places[order]
        yield places, np.flatnonzero(np.concatenate([[True], found[1:] != found[:-1]]))
