"""Batches of sentences with blanks: each a pure function of its step, so that resuming needs nothing else."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .dividing import Places
from .sentences import Sentences
from .wordpiece import WordPiece

Ids = NDArray[np.int64]
Mask = NDArray[np.bool_]
Order = tuple[NDArray[np.signedinteger], NDArray[np.int64]]

IGNORED = -100  # the target that cross-entropy leaves out
WINDOW = 16  # batches that are sorted by length together: little padding, and still a new mixture each epoch

# The last number of each seed, so that the draws for the order, for the blanks, and those of whoever else
# makes a generator from the same seed are different streams. It must not be 0: NumPy takes [7, 3, 0] for
# [7, 3].
ORDER_STREAM, BLANKS_STREAM = 1, 2

# A word for a blank in brackets of any kind, MASK without them or with one, or a line of underscores.
LIKE_A_BLANK = re.compile(r"[\[<{［【〈＜]\s*(?i:mask|masked|msk|blank)\s*[\]>}］】〉＞]|(?<!\w)\[?MASK(?!\w)\]?|__+")


@dataclass(frozen=True, eq=False)
class Batch:
    """B sentences of up to T tokens.

    ids (B, T) int64               what the model sees, blanks and all
    targets (B, T) int64           the true ids; -100 at padding
    attention_mask (B, T) bool     True at real tokens
    blanked (B, T) bool            True at the tokens chosen as blanks
    scored (B, T) bool             True at real tokens that are not special
    """

    ids: Ids
    targets: Ids
    attention_mask: Mask
    blanked: Mask
    scored: Mask


def blank_out(
    ids: Ids,
    candidates: Mask,
    share: float,
    rng: np.random.Generator,
    mask_id: int,
    low: int,
    high: int,
    mask_only: bool = False,
    swapped: float = 0.0,
) -> tuple[Ids, Mask]:
    """Choose tokens as blanks and hide most of them (Devlin et al. 2019, section 3.1).

    ids (B, T) int64          not changed
    candidates (B, T) bool    the tokens that may be chosen, each with probability share
    low, high                 a random id is drawn from [low, high)
    mask_only                 put [MASK] at all that are chosen, as in evaluation; otherwise at 80 %, while
                              10 % get a random id and 10 % stay, so that the model cannot rely on [MASK]
    swapped                   with mask_only, the share of the sentences whose chosen tokens get random ids instead
    Returns (ids, chosen), both (B, T).
    Raises InputError when share is outside [0, 1], the shapes differ, or there is no id to draw.
    """
    _check_share(share)
    if ids.shape != candidates.shape:
        raise InputError(f"blank_out: ids have shape {ids.shape} but candidates {candidates.shape}; they must agree")
    if low >= high:
        raise InputError(
            f"blank_out: low must be below high, got [{low}, {high}); the vocabulary has no ordinary piece"
        )
    # Every array is drawn whole, whatever is chosen, so that a draw depends on nothing but the shape.
    chosen = candidates & (rng.random(ids.shape) < share)
    fate = rng.random(ids.shape)
    random_ids = rng.integers(low, high, ids.shape)
    if mask_only:
        hidden_by = np.where(rng.random((len(ids), 1)) < swapped, random_ids, mask_id) if swapped else mask_id
        return np.where(chosen, hidden_by, ids), chosen
    hidden = chosen & (fate < 0.8)
    random = chosen & (fate >= 0.8) & (fate < 0.9)
    return np.where(hidden, mask_id, np.where(random, random_ids, ids)), chosen


def no_blanks(text: str) -> str:
    """A sentence about what looks like a blank in a text but is letters, for a blank is written [MASK]; "" if none.

    >>> no_blanks("The [mask] saw the [MASK].")
    '[mask] is taken as letters; did you mean [MASK]?'
    """
    found = [word for word in dict.fromkeys(LIKE_A_BLANK.findall(text)) if word != "[MASK]"]
    if not found:
        return ""
    return f"{', '.join(found)} {'is' if len(found) == 1 else 'are'} taken as letters; did you mean [MASK]?"


def collate(sentences: Sequence[Sequence[int] | Ids], pad_id: int) -> tuple[Ids, Mask]:
    """Pad sentences to the longest of them.

    sentences: B sequences of ids, none of them empty
    Returns (ids (B, T) int64, attention_mask (B, T) bool, True at real tokens).
    Raises InputError when there is no sentence, or an empty one.

    >>> ids, attention_mask = collate([[2, 7, 3], [2, 3]], pad_id=0)
    >>> ids.tolist()
    [[2, 7, 3], [2, 3, 0]]
    """
    lengths = np.array([len(sentence) for sentence in sentences], dtype=np.int64)
    if len(lengths) == 0:
        raise InputError("collate: expected at least one sentence, got none")
    if not lengths.all():
        raise InputError(f"collate: sentence {int(lengths.argmin())} is empty; [CLS] [SEP] is the least there can be")
    attention_mask = np.arange(lengths.max()) < lengths[:, None]
    ids = np.full(attention_mask.shape, pad_id, dtype=np.int64)
    ids[attention_mask] = np.concatenate([np.asarray(sentence, dtype=np.int64) for sentence in sentences])
    return ids, attention_mask


def cut(ids: Sequence[int], longest: int) -> list[list[int]]:
    """Cut a sentence of too many tokens into consecutive windows, as equal as can be, that lose nothing.

    ids: [CLS] ... [SEP]
    longest: the most tokens a window may have, its own [CLS] and [SEP] included
    Returns one window or more.
    Raises InputError when longest leaves no room for a token.

    >>> cut([2, 10, 11, 12, 13, 14, 3], longest=5)
    [[2, 10, 11, 3], [2, 12, 13, 14, 3]]
    """
    if longest < 3:
        raise InputError(f"cut: longest must be at least 3, for [CLS], a token and [SEP], got {longest}")
    if len(ids) <= longest:
        return [list(ids)]
    first, *body, last = ids
    count = -(-len(body) // (longest - 2))
    edges = [len(body) * i // count for i in range(count + 1)]
    return [[first, *body[start:end], last] for start, end in pairwise(edges)]


class Batches:
    """The batches of all epochs, each a pure function of its step.

    In an epoch every sentence comes exactly once. Sentences of about one length share a batch; the last batch
    of an epoch takes what is left over and may be smaller.
    """

    def __init__(
        self,
        sentences: Sentences | Iterable[Sequence[int]],
        tokenizer: WordPiece,
        batch_size: int,
        blanks: float,
        seed: int,
        mask_only: bool = False,
        shuffle: bool = True,
        swapped: float = 0.0,
    ) -> None:
        """Prepare sentences for batching.

        sentences: ids of the tokenizer, [CLS] ... [SEP] each; Sentences stay where they are, perhaps in a file
        batch_size: sentences in a batch, B
        blanks: the share of the tokens to blank out, special ones never
        mask_only, swapped: as in `blank_out`
        shuffle: a new order each epoch; otherwise always the order given
        Raises InputError when there are fewer sentences than a batch takes, one is empty, an id is not in the
        vocabulary, or a number is out of range.
        """
        try:
            self._sentences = sentences if isinstance(sentences, Sentences) else Sentences.of(sentences)
        except InputError as error:
            raise InputError(f"Batches: {error}") from None
        _check_share(blanks)
        if batch_size < 1:
            raise InputError(f"Batches: batch_size must be at least 1, got {batch_size}")
        if seed < 0:
            raise InputError(f"Batches: seed must be 0 or more, got {seed}")
        if len(self._sentences) < batch_size:
            raise InputError(
                f"Batches: expected at least {batch_size} sentences, one batch, got {len(self._sentences)}; "
                "give more text or a smaller batch"
            )
        if not isinstance(sentences, Sentences):  # those that are in a file were held to their vocabulary
            _check_ids(self._sentences, tokenizer.vocab_size)
        self._batch_size, self._blanks, self._seed = batch_size, blanks, seed
        self._mask_only, self._shuffle, self._swapped = mask_only, shuffle, swapped
        self._pad_id, self._mask_id = tokenizer.pad_id, tokenizer.mask_id
        self._is_special = np.zeros(tokenizer.vocab_size, dtype=np.bool_)
        self._is_special[list(tokenizer.special_ids)] = True
        self._low, self._high = _ordinary_range(self._is_special)
        self._order_of: tuple[int, Order] | None = None

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return -(-len(self._sentences) // self._batch_size)

    def at(self, step: int) -> Batch:
        """Make the batch of a step, the same at every call.

        step: 0 or more, counted through all epochs
        """
        if step < 0:
            raise InputError(f"Batches: step must be 0 or more, got {step}")
        epoch, place = divmod(step, len(self))
        true_ids, attention_mask = collate(self._sentences.take(self._places(epoch, place)), self._pad_id)
        scored = attention_mask & ~self._is_special[true_ids]
        rng = np.random.default_rng([self._seed, step, BLANKS_STREAM])
        ids, blanked = blank_out(
            true_ids, scored, self._blanks, rng, self._mask_id, self._low, self._high, self._mask_only, self._swapped
        )
        return Batch(ids, np.where(attention_mask, true_ids, IGNORED), attention_mask, blanked, scored)

    def _places(self, epoch: int, number: int) -> Places:
        """Say which sentences make up a batch of an epoch."""
        total, size = len(self._sentences), self._batch_size
        if not self._shuffle:
            return np.arange(number * size, min((number + 1) * size, total))
        order, batches = self._order(epoch)
        if number == len(batches):
            return order[number * size :]
        first = batches[number] // WINDOW * WINDOW * size
        window = order[first : min(first + WINDOW * size, len(batches) * size)]
        window = window[np.argsort(self._sentences.lengths(window), kind="stable")]
        start = batches[number] % WINDOW * size
        return window[start : start + size]

    def _order(self, epoch: int) -> Order:
        """The order of the sentences in an epoch, and that of the batches; the last epoch asked for is remembered.

        What does not fill a batch is left over at the end, before sorting by length, or it would always be the longest.
        """
        if self._order_of is None or self._order_of[0] != epoch:
            self._order_of = None  # before the next is made: of a large text it is large
            total = len(self._sentences)
            rng = np.random.default_rng([self._seed, epoch, ORDER_STREAM])
            order: NDArray[np.signedinteger] = np.arange(total).astype(np.int32 if total < 2**31 else np.int64)
            rng.shuffle(order)
            made = order, rng.permutation(total // self._batch_size)
            self._order_of = epoch, made
            return made
        return self._order_of[1]


def _check_share(share: float) -> None:
    if not 0 <= share <= 1:
        raise InputError(f"blanks: their share must lie between 0 and 1, got {share}; 0.15 blanks out 15 %")


def _check_ids(sentences: Sentences, vocab_size: int) -> None:
    """Refuse a sentence with an id that the vocabulary does not have."""
    ids, sentence = sentences.flat()
    if len(wrong := np.flatnonzero(ids >= vocab_size)):
        raise InputError(
            f"Batches: sentence {sentence[wrong[0]]} has the id {ids[wrong[0]]}, "
            f"outside this vocabulary of {vocab_size} pieces"
        )


def _ordinary_range(is_special: Mask) -> tuple[int, int]:
    """Find the longest run [low, high) of ids that are not special: in BERT's vocabularies, the last one."""
    edges = [-1, *np.flatnonzero(is_special).tolist(), len(is_special)]
    runs = [(after - before - 1, before + 1, after) for before, after in pairwise(edges)]
    _, low, high = max(runs)
    return low, high
