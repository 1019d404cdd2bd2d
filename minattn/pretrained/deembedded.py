"""What tokens come back as at each layer of an encoder: those of a text, or all of the vocabulary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..text import WordPiece
from .layer_deembedding import Found, LayerDeEmbedding, vocabulary_comes_back
from .opened_encoder import OpenedEncoder


@dataclass(frozen=True)
class DeEmbedded:
    """What tokens came back as: `found` has, for each stage and kind, an id for each of `ids`, all (N,) integers."""

    tokenizer: WordPiece
    ids: np.ndarray[Any, np.dtype[Any]]
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
