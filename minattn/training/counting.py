"""Filling blanks by counting: what the neighbours on both sides tell of a token, without learning."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..text import Batch, Sentences, WordPiece

Integers = np.ndarray[Any, np.dtype[np.int64]]
Distribution = np.ndarray[Any, np.dtype[np.float64]]
"""The probability of each token, (V,)."""

POWER = 0.8
"""How far the product of both sides is divided by what both of them know, how common a token is.

Chosen, as the form of `BothNeighbours`, on sentences held back from the training text.
"""


COUNTED = 1 << 21
"""The most tokens, more or less, that are counted; of more, sentences that are evenly spread have to do."""


def in_memory(training: Sequence[Sequence[int]], tokens: int = COUNTED) -> Sentences:
    """The sentences that are counted: all, or of a large text some."""
    return (training if isinstance(training, Sentences) else Sentences.of(training)).spread(tokens)


class Successors:
    """Which tokens follow a context, smoothed by those that follow its end.

    Interpolated Kneser-Ney (Chen and Goodman, 1999, equation 24): every count is lowered by D, and what that saves is
    given out by a shorter context, for which a token counts as often as it has different predecessors.
    D = n1 / (n1 + 2 n2), where n1 and n2 counts are 1 and 2 (Ney, Essen and Kneser, 1994); 1/2 where none is 1, lest
    a token that was not seen be impossible.

    ngrams: (N, n) ids, of which the last one follows the others; repeated as often as they are in the text
    """

    def __init__(self, ngrams: Integers, vocab_size: int) -> None:
        self.size = vocab_size
        self.powers = vocab_size ** np.arange(ngrams.shape[1] - 1, -1, -1)  # an n-gram as one number, which sorts fast
        keys, first, counts = np.unique(ngrams @ self.powers, return_index=True, return_counts=True)
        self.shorter = Successors(ngrams[first, 1:], vocab_size) if ngrams.shape[1] > 1 else None
        once, twice = ((counts == n).sum() for n in (1, 2))
        self.discount = float(once / (once + 2 * twice)) if once else 0.5
        self.contexts, self.tokens = np.divmod(keys, vocab_size)
        self.counts = counts - self.discount

    def after(self, *context: int) -> Distribution:
        """P(token | context of n - 1 tokens)."""
        below = self.shorter.after(*context[1:]) if self.shorter else np.full(self.size, 1 / self.size)
        return self.mixed(context, below)

    def alone(self) -> Distribution:
        """P(token) where nothing of the context is known."""
        return self.shorter.alone() if self.shorter else self.after()

    def mixed(self, context: tuple[int, ...], below: Distribution) -> Distribution:
        """The lowered counts of a context, and what that saves, given out by the distribution `below`."""
        key = int(np.dot(context, self.powers[1:])) if context else 0
        start, end = np.searchsorted(self.contexts, [key, key + 1])
        if start == end:
            return below
        lowered = self.counts[start:end]
        saved = self.discount * len(lowered)
        p: Distribution = below * saved
        p[self.tokens[start:end]] += lowered
        p /= lowered.sum() + saved
        return p


class Side:
    """What the two tokens on one side tell, either of which may be hidden.

    text: (N,) ids of sentences one after the other, read towards the blank; sentence (N,) which of them each is in
    """

    def __init__(self, text: Integers, sentence: Integers, vocab_size: int) -> None:
        def ngrams(*places: int) -> Integers:
            last = len(text) - places[-1]
            whole = sentence[:last] == sentence[places[-1] :]
            return np.stack([text[place : last + place][whole] for place in places], axis=1)

        self.both, self.near, self.far = (
            Successors(ngrams(*places), vocab_size) for places in ((0, 1, 2), (0, 1), (0, 2))
        )
        self.told = lru_cache(maxsize=1 + (1 << 22) // vocab_size)(self._told)

    def _told(self, far: int | None, near: int | None) -> Distribution:
        """P(token | its neighbours), None for one that is hidden or outside the sentence."""
        if near is not None:
            return self.near.after(near) if far is None else self.both.after(far, near)
        return self.near.alone() if far is None else self.far.after(far)


class BothNeighbours:
    """Which token stands between others: counted, on both sides at once.

    The two sides are multiplied, P(w | left) P(w | right) / P(w)^POWER, as if each knew nothing of the other. Where
    both nearest tokens are seen, the counts of what stood between these very two are added, smoothed by the mean of
    what each of them tells alone.

    training: sentences as lists of ids
    """

    def __init__(self, training: Sequence[Sequence[int]], vocab_size: int) -> None:
        text, sentence = in_memory(training).flat()
        self.left, self.right = Side(text, sentence, vocab_size), Side(text[::-1], sentence[::-1], vocab_size)
        between = sentence[:-2] == sentence[2:]
        self.middle = Successors(np.stack([text[:-2], text[2:], text[1:-1]], axis=1)[between], vocab_size)
        counts = np.bincount(text, minlength=vocab_size) + 0.5
        self.common = (counts / counts.sum()) ** POWER

    def between(self, left: Sequence[int | None], right: Sequence[int | None]) -> Distribution:
        """How likely each token is between (far, near) on the left and on the right, None for hidden ones."""
        p: Distribution = self.left.told(*left) * self.right.told(*right) / self.common
        p /= p.sum()
        before, after = left[1], right[1]
        if before is None or after is None:
            return p
        return p + self.middle.mixed((before, after), (self.left.told(None, before) + self.right.told(None, after)) / 2)


def both_neighbours(training: Sequence[Sequence[int]], tokenizer: WordPiece) -> Callable[[Batch], Any]:
    """Guess at each blank the token that BothNeighbours finds most likely; special ones are no guess."""
    counted, mask_id = BothNeighbours(training, tokenizer.vocab_size), tokenizer.mask_id

    def guess(batch: Batch) -> Any:
        seen = batch.attention_mask & (batch.ids != mask_id)
        ids = np.pad(np.where(seen, batch.ids, -1), ((0, 0), (2, 2)), constant_values=-1)
        guesses = np.full_like(batch.ids, mask_id)
        for row, column in zip(*np.nonzero(batch.blanked), strict=True):
            around = [None if token < 0 else token for token in ids[row, column : column + 5].tolist()]
            p = counted.between(around[:2], around[:2:-1])
            p[list(tokenizer.special_ids)] = 0
            guesses[row, column] = p.argmax()
        return guesses

    return guess
