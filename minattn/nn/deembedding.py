"""De-embedding: mapping vectors back to discrete tokens."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import functional as F
from ..backend import Array
from ..tensor import Tensor
from .layers import Embedding
from .module import Module, Parameter

KINDS = ("own", "tied", "l2", "cosine", "dot")


class DeEmbedding(Module):
    """Score every token of the vocabulary for every vector; the best score is the token.

    kind: "own"    x Wᵀ + b with a weight (V, D) of its own
          "tied"   x Eᵀ + b with the embedding's table E (Press and Wolf, 2017)
          "dot"    x Eᵀ, nothing learned
          "cosine" x Eᵀ / (|x| |e|)
          "l2"     -|x - e|², so that the nearest token scores best
    forward: x (…, D) -> scores (…, V)
    """

    def __init__(self, kind: str, embedding: Embedding, *, generator: np.random.Generator) -> None:
        if kind not in KINDS:
            raise ValueError(f"DeEmbedding: kind must be one of {', '.join(KINDS)}, got {kind!r}")
        vocabulary, width = embedding.weight.shape
        self.kind = kind
        self.weight = embedding.weight
        if kind == "own":
            bound = width**-0.5
            self.weight = Parameter(
                generator.uniform(-bound, bound, (vocabulary, width)).astype(np.float32, copy=False)
            )
        self.bias = Parameter(np.zeros(vocabulary, np.float32)) if kind in ("own", "tied") else None

    def forward(self, x: Tensor) -> Tensor:
        table = self.weight
        if self.kind == "l2":
            squares = (x * x).sum(-1, keepdim=True) + (table * table).sum(-1)
            return 2 * F.linear(x, table) - squares
        if self.kind == "cosine":
            return F.linear(unit(x), unit(table))
        return F.linear(x, table, self.bias)

    def loss(self, x: Tensor, targets: Any) -> Tensor:
        """The mean cross-entropy of finding the tokens targets (…) again, which are -100 where none is wanted."""
        if self.kind in ("l2", "cosine"):
            scores = self.forward(x)
            return F.cross_entropy(scores.reshape(-1, scores.shape[-1]), targets.reshape(-1))
        return F.linear_cross_entropy(x, self.weight, targets, linear_bias=self.bias)

    def nearest(self, x: Tensor) -> Array:
        """The ids of the best tokens, (…)."""
        return self.forward(x).data.argmax(axis=-1)


def unit(x: Tensor) -> Tensor:
    """Rows scaled to length 1; those shorter than 1e-8 are divided by 1e-8."""
    return x / F.maximum((x * x).sum(-1, keepdim=True), 1e-16).sqrt()
