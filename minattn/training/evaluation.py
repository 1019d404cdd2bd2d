"""What a model can do on held-out text, beside what can be had without one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from ..backend import Array, like, to_host
from ..parallel import Threads
from ..tensor import no_grad
from ..text import IGNORED, Batch, Batches, WordPiece, collate
from ..trace import is_finite, trace_forward
from .counting import both_neighbours, in_memory
from .model import Model

DRAWS = 8
"""How many times each sentence is blanked out anew: a few hundred sentences once would leave a noise of 2 points."""

SENTENCES, BLANKED = 1000, 4000
"""The most sentences that are scored, and how often all in all with blanks; more would take too long."""

EXAMPLE = 12
"""The tokens of the sentence that shows in words what a model can do, as near as there is one."""

PLACES = 3
"""Into how many sentences each piece of the vocabulary is put, to see whether it comes back."""

LOGITS = 1 << 25
"""The most logits that are computed at a time, where the vocabulary is large."""

Guess = Callable[[Batch, Array], Any]
"""Given a batch and N of its places (B, T), the tokens (N,) there."""


@dataclass(frozen=True)
class Score:
    """Shares of tokens that came back right: of all tokens of whole sentences, and of the blanks in blanked ones.

    None where there was nothing to score.
    """

    copied: float | None
    blanks_filled: float | None

    def restored(self, blanks: float) -> float:
        """The share of all tokens that come back where this share of them is blanked out."""
        return (1 - blanks) * (self.copied or 0.0) + blanks * (self.blanks_filled or 0.0)

    def shares(self) -> tuple[str, str]:
        """Both for people; - where there is none."""
        copied, filled = ("-" if share is None else f"{share:.2%}" for share in (self.copied, self.blanks_filled))
        return copied, filled


@dataclass(frozen=True)
class ScoreTable:
    """Scores on held-out text by their names, which print as a table.

    sentences, tokens, blanks: how many were scored, the blanks in all draws of them
    pieces, pieces_copied: how often a piece was put where it does not belong, and the share that came back; 0 and None
        for a model that does not learn to copy
    """

    sentences: int
    tokens: int
    blanks: int
    draws: int
    scores: dict[str, Score]
    pieces: int = 0
    pieces_copied: float | None = None

    def __getitem__(self, name: str) -> Score:
        """The score of this name, such as "trained"."""
        return self.scores[name]

    def without_model(self) -> dict[str, float]:
        """What fills blanks without a model, by name, and the share that it fills."""
        return {
            name: s.blanks_filled for name, s in self.scores.items() if s.copied is None and s.blanks_filled is not None
        }

    def __str__(self) -> str:
        blanks = f"{self.blanks:,} blanks in {self.draws} draws"
        rows = {"": ("copied", "blanks filled")} | {name: score.shares() for name, score in self.scores.items()}
        width = max(map(len, rows))
        lines = [f"{name:{width}}  {copied:>7}  {filled:>13}" for name, (copied, filled) in rows.items()]
        if self.pieces_copied is not None:
            lines.append(f"pieces put into these sentences at random: {self.pieces:,}, copied {self.pieces_copied:.2%}")
        return "\n".join([f"held-out: {self.sentences:,} sentences, {self.tokens:,} tokens, {blanks}", *lines])

    __repr__ = __str__

    def to_dict(self) -> dict[str, Any]:
        """The same for programs."""
        counts = {"sentences": self.sentences, "tokens": self.tokens, "blanks": self.blanks}
        rare = {"pieces": self.pieces, "pieces_copied": self.pieces_copied}
        return counts | rare | {"scores": {name: asdict(score) for name, score in self.scores.items()}}


class HeldOut:
    """Held-out sentences, once whole and several times with blanks, the same for everything that is scored on them.

    sentences: lists of ids, of which at most SENTENCES are taken, evenly spread
    blanks: the share that is blanked out, always by [MASK]
    blanked: how often sentences are scored with blanks, all in all, at most
    logits: the most that are computed at a time
    """

    def __init__(
        self,
        sentences: Sequence[list[int]],
        tokenizer: WordPiece,
        blanks: float = 0.15,
        blanked: int = BLANKED,
        logits: int = LOGITS,
    ) -> None:
        sentences = sentences[:: -(-len(sentences) // SENTENCES)]
        draws = min(DRAWS, max(blanked // len(sentences), 1))
        rows = max(logits // (max(map(len, sentences)) * tokenizer.vocab_size), 1)
        rows = min(rows, 64, len(sentences))

        def batches(share: float, seed: int) -> Iterator[Batch]:
            made = Batches(sentences, tokenizer, rows, share, seed, mask_only=True, shuffle=False)
            return (made.at(step) for step in range(len(made)))

        self.tokenizer = tokenizer
        self.whole = list(batches(0.0, 0))
        self.blanked = [batch for seed in range(draws) for batch in batches(blanks, seed)]
        self.out_of_place = list(self._out_of_place(sentences, rows))
        self.sentences = len(sentences)
        self.tokens = sum(int(batch.scored.sum()) for batch in self.whole)
        self.blanks = sum(int(batch.blanked.sum()) for batch in self.blanked)

    def _out_of_place(self, sentences: Sequence[list[int]], rows: int) -> Iterator[Batch]:
        """Each piece of the vocabulary PLACES times, at a random place of a sentence; at most BLANKED in all."""
        rng, special = np.random.default_rng(0), set(self.tokenizer.special_ids)
        pieces = [i for i in range(self.tokenizer.vocab_size) if i not in special]
        pieces = (pieces * PLACES)[:: -(-len(pieces) * PLACES // BLANKED)]
        hosts = [ids for ids in sentences if len(ids) > 2]
        for start in range(0, len(pieces) if hosts else 0, rows):
            part = pieces[start : start + rows]
            ids, attention_mask = collate(
                [hosts[i] for i in rng.integers(len(hosts), size=len(part))], self.tokenizer.pad_id
            )
            at = rng.integers(1, attention_mask.sum(axis=1) - 1)
            place = np.arange(ids.shape[1]) == at[:, None]
            ids[place] = part
            yield Batch(ids, np.where(attention_mask, ids, IGNORED), attention_mask, place, attention_mask)

    def pieces_copied(self, model: Model, threads: Threads | None = None) -> float | None:
        """The share of pieces that come back from places where they are not expected."""
        with model.evaluating():
            return _share(partial(_best_tokens, model), self.out_of_place, "blanked", threads)

    def score(self, model: Model, draws: int = DRAWS, threads: Threads | None = None) -> Score:
        """Score a model, by its best token at each position, with dropout off.

        draws: how many of the draws of blanks to use; threads: to share the work
        Raises FloatingPointError, naming the op, if it gives NaN or Inf.
        """
        blanked = self.blanked[: draws * len(self.whole)]
        guess = partial(_best_tokens, model)
        with model.evaluating():
            return Score(_share(guess, self.whole, "scored", threads), _share(guess, blanked, "blanked", threads))

    def example(self, model: Model, best: int = 3) -> str:
        """A sentence with a blank, and the pieces by which a model would fill it best: "… [MASK] …  ->  a, b, c".

        "" where no sentence has a blank.
        """
        batch = next((batch for batch in self.blanked if batch.blanked.any()), None)
        if batch is None:
            return ""
        lengths = batch.attention_mask.sum(axis=1)
        row = int(np.argmin(np.where(batch.blanked.any(axis=1), abs(lengths - EXAMPLE), np.inf)))
        blank = int(np.flatnonzero(batch.blanked[row])[0])
        ids = np.where(
            batch.blanked[row] & (np.arange(batch.ids.shape[1]) != blank), batch.targets[row], batch.ids[row]
        )
        where = np.arange(len(ids)) == blank
        inputs = [like(x[None], model.token_table()) for x in (ids, batch.attention_mask[row], where)]
        with no_grad(), model.evaluating(), np.errstate(all="ignore"):
            logits = to_host(model.logits(*inputs).data)[0]
        pieces = ", ".join(self.tokenizer.pieces[i] for i in np.argsort(-logits, kind="stable")[:best])
        return f"{self.tokenizer.decode(ids[: lengths[row]])}  ->  {pieces}"

    def score_without_model(self, guess: Callable[[Batch], Any]) -> Score:
        """Score guesses (B, T) at the blanks; a rule that only fills blanks copies nothing."""
        return Score(None, _share(lambda batch, where: guess(batch)[where], self.blanked, "blanked"))

    def compare(
        self, trained: Model, untrained: Model | None, training: Sequence[list[int]], threads: Threads | None = None
    ) -> dict[str, Score]:
        """The table at the end of a training: the model beside what it has to beat; untrained is left out if None."""
        scores = {} if untrained is None else {"untrained model": self.score(untrained, threads=threads)}
        vocab_size, training = trained.config.vocab_size, in_memory(training)
        scores["commonest token"] = self.score_without_model(commonest_token(training, vocab_size))
        scores["left neighbour's commonest successor"] = self.score_without_model(left_neighbour(training, vocab_size))
        scores["both neighbours, counted"] = self.score_without_model(both_neighbours(training, self.tokenizer))
        trained.attend(False)
        scores["trained, attention switched off"] = self.score(trained, threads=threads)
        trained.attend(True)
        scores["trained"] = self.score(trained, threads=threads)
        return scores

    def table(self, scores: dict[str, Score], pieces_copied: float | None = None) -> ScoreTable:
        """Scores on this text, with how much was scored."""
        pieces = 0 if pieces_copied is None else sum(len(batch.ids) for batch in self.out_of_place)
        draws = len(self.blanked) // len(self.whole)
        return ScoreTable(self.sentences, self.tokens, self.blanks, draws, scores, pieces, pieces_copied)


def commonest_token(training: Sequence[Sequence[int]], vocab_size: int) -> Callable[[Batch], Any]:
    """Guess everywhere the token that training text has most often."""
    ids, sentence = in_memory(training).flat()
    counts = np.bincount(ids[_inner(sentence)], minlength=vocab_size)
    commonest = int(counts.argmax())
    return lambda batch: np.full_like(batch.ids, commonest)


def left_neighbour(training: Sequence[Sequence[int]], vocab_size: int) -> Callable[[Batch], Any]:
    """Guess the token that most often follows the one to the left as the model sees it.

    The commonest of all after a token that training text does not have.
    """
    ids, sentence = in_memory(training).flat()
    inner = _inner(sentence)
    counts = np.bincount(ids[inner], minlength=vocab_size)
    commonest = int(ids[inner][(counts[ids[inner]] == counts.max()).argmax()])  # of equal ones, the first in the text
    pairs, times = np.unique(ids[:-1][inner[1:]] * vocab_size + ids[1:][inner[1:]], return_counts=True)
    before, after = np.divmod(pairs, vocab_size)
    best = np.lexsort((-after, times, before))  # the last one of each `before` follows it most often
    successor = np.full(vocab_size, commonest)
    successor[before[best]] = after[best]
    return lambda batch: np.concatenate(
        [np.full_like(batch.ids[:, :1], commonest), successor[batch.ids[:, :-1]]], axis=1
    )


def _inner(sentence: Any) -> Any:
    """Where ids are neither the first nor the last of their sentence: not [CLS] and [SEP]."""
    changes = sentence[1:] != sentence[:-1]
    return ~(np.append(True, changes) | np.append(changes, True))


def _best_tokens(model: Model, batch: Batch, where: Array) -> Any:
    place = model.token_table()
    inputs = [like(array, place) for array in (batch.ids, batch.attention_mask, where)]
    with no_grad(), np.errstate(all="ignore"):  # what is not finite is looked for, and its op named
        logits = model.logits(*inputs)
    if not is_finite(logits.data):
        with np.errstate(all="ignore"):
            logits = model.logits(*inputs)  # now with the graph, which tells the op
            trace_forward(logits.node, logits.data)
    return to_host(logits.data.argmax(axis=-1))


def _share(guess: Guess, batches: list[Batch], field: str, threads: Threads | None = None) -> float | None:
    """How often a guess is right at the positions that a field of the batch marks."""

    def count(batches: Sequence[Batch]) -> tuple[int, int]:
        right = total = 0
        for batch in batches:
            counted = getattr(batch, field)
            right += int((guess(batch, counted) == batch.targets[counted]).sum())
            total += int(counted.sum())
        return right, total

    parts = [count(batches)] if threads is None else threads.map(count, threads.deal(batches))
    total = sum(total for _, total in parts)
    return sum(right for right, _ in parts) / total if total else None
