"""De-embedding at every layer: which token the vectors of an encoder are nearest to on their way through it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..backend import Array, to_host
from ..errors import InputError
from ..nn import Nearest
from ..parallel import Threads
from ..tensor import no_grad
from ..text import WordPiece
from ..trace import finite_results
from .encoder import Encoder
from .load import OpenedEncoder
from .masked_lm import MaskedLM

Ids: TypeAlias = NDArray[np.intp]
Found: TypeAlias = dict[str, dict[str, Ids]]
"""Ids of the nearest tokens by stage and by kind of nearness."""

BLOCK = 512
"""Tokens of the vocabulary that go through the model together."""


class LayerDeEmbedding:
    """Finds the token nearest to each vector of an encoder, stage by stage: by L2, cosine and dot product.

    stages: "word embedding"     the vectors of the table itself
            "embeddings"         with position and token type, normalised: what the first layer gets
            "layer 1", …         what each layer gives
            "masked-LM head"     where the model has one: transformed, and held to the head's weights; there the dot
                                 product has the head's bias, and so is the model's own answer
    Every stage but the last is held to the word embedding.

    model: an encoder, or a masked-LM model. vocab_size: rows of the table that stand for tokens, all unless fewer
    """

    def __init__(self, model: Encoder | MaskedLM, vocab_size: int | None = None) -> None:
        self.model = model
        self.encoder = model if isinstance(model, Encoder) else model.encoder
        self.table = model.embeddings.word_embeddings.weight.data[:vocab_size]
        with np.errstate(over="ignore"):  # of a table whose numbers are too large, which shows in what it gives
            self.nearest = Nearest(self.table)
        self.nearest_of_head: Nearest | None = None
        layers = [f"layer {i + 1}" for i in range(model.config.layers)]
        self.stages = ("word embedding", "embeddings", *layers)
        if isinstance(model, MaskedLM):
            own = model.head.de_embedding
            bias = None if own.bias is None else own.bias.data[:vocab_size]
            self.nearest_of_head = Nearest(own.weight.data[:vocab_size], bias)
            self.stages += ("masked-LM head",)

    def __call__(self, ids: Array, place: int | None = None) -> Found:
        """What the tokens ids (B, T) come back as: {stage: {kind: ids (B, T)}}, or (B,) of one place in each text."""
        found: Found = {}
        with finite_results() as finite:
            for stage, (vectors, nearest) in zip(self.stages, self._vectors(np.asarray(ids), place), strict=True):
                found[stage] = {kind: to_host(best) for kind, best in nearest(finite(vectors)).items()}
        return found

    def _vectors(self, ids: Array, place: int | None) -> Iterator[tuple[Array, Nearest]]:
        """The vectors of each stage, and what they are held to."""
        where = (slice(None), slice(None) if place is None else place)
        yield self.table[ids[where]], self.nearest
        with no_grad(), self.model.evaluating():
            states = self.encoder(ids, output_hidden_states=True).hidden_states
            for state in states:
                yield state.data[where], self.nearest
            if isinstance(self.model, MaskedLM) and self.nearest_of_head is not None:
                yield self.model.head.transform(states[-1][where]).data, self.nearest_of_head


def vocabulary_comes_back(
    de_embedding: LayerDeEmbedding,
    cls_id: int,
    sep_id: int,
    *,
    tokens: Array | None = None,
    threads: int = 1,
    block: int = BLOCK,
    progress: Callable[[int], None] | None = None,
) -> Found:
    """What every token of the vocabulary comes back as, each in a text [CLS] token [SEP] of its own.

    tokens (N,): which ones, all unless given. threads: how many share the work. block: how many texts make a
    batch. progress: is told how many are done
    Returns {stage: {kind: ids (N,)}}; where they equal `tokens`, the token comes back.
    """
    tokens = np.arange(len(de_embedding.table)) if tokens is None else np.asarray(tokens)

    def come_back(some: Array) -> Found:
        frame = np.broadcast_to(some[:, None], (len(some), 3)).copy()
        frame[:, 0], frame[:, 2] = cls_id, sep_id
        return de_embedding(frame, place=1)

    size = min(block, -(-max(len(tokens), 1) // threads))
    parts: list[Found] = []
    blocks = [tokens[start : start + size] for start in range(0, len(tokens), size)]
    with Threads(threads) as pool:
        for start in range(0, len(blocks), threads):
            parts += pool.map(come_back, blocks[start : start + threads])
            if progress is not None:
                progress(sum(map(len, blocks[: start + threads])))
    return {
        stage: {kind: np.concatenate([part[stage][kind] for part in parts]) for kind in parts[0][stage]}
        for stage in de_embedding.stages
    }


@dataclass(frozen=True)
class DeEmbedded:
    """What tokens came back as: `found` has, for each stage and kind, an id for each of `ids`, all (N,) integers."""

    tokenizer: WordPiece
    ids: Ids
    found: Found

    def share(self, stage: str, kind: str) -> float:
        """The share of the tokens that came back as themselves."""
        return float((self.found[stage][kind] == self.ids).mean())

    def failures(self, stage: str, kind: str) -> list[tuple[str, str]]:
        """The tokens that came back as another, in the order of the vocabulary, and what they came back as."""
        best, pieces = self.found[stage][kind], self.tokenizer.pieces
        wrong = np.flatnonzero(best != self.ids)
        return [(pieces[i], pieces[j]) for i, j in zip(self.ids[wrong], best[wrong], strict=True)]


def deembed_text(opened: OpenedEncoder, text: str, truncate: bool = False) -> DeEmbedded:
    """What the tokens of a text come back as at each stage; [MASK] stands for a blank.

    truncate: use the beginning of a text that is too long, instead of refusing it
    """
    (row,) = opened.encode([text], truncate, blanks=True)
    found = LayerDeEmbedding(opened.model, opened.tokenizer.vocab_size)(np.array([row]))
    flat = {stage: {kind: ids[0] for kind, ids in by_kind.items()} for stage, by_kind in found.items()}
    return DeEmbedded(opened.tokenizer, np.array(row), flat)


def deembed_vocabulary(
    opened: OpenedEncoder, threads: int = 1, progress: Callable[[int], None] | None = None
) -> DeEmbedded:
    """What each token of the vocabulary comes back as at each stage, in a text of its own.

    threads: how many share the work. progress: is told how many tokens are done
    Raises InputError where the model has too few positions.
    """
    tokenizer = opened.tokenizer
    if opened.model.config.max_tokens < 3:
        raise InputError(f"{opened.folder}: the model has too few positions for [CLS] token [SEP]")
    de_embedding = LayerDeEmbedding(opened.model, tokenizer.vocab_size)
    found = vocabulary_comes_back(de_embedding, tokenizer.cls_id, tokenizer.sep_id, threads=threads, progress=progress)
    return DeEmbedded(tokenizer, np.arange(tokenizer.vocab_size), found)
