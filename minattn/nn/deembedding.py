"""De-embedding: mapping vectors back to discrete tokens."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import functional as F
from ..backend import Array, array_module
from ..tensor import Tensor
from .layers import Embedding, uniform
from .module import Module, Parameter

KINDS = ("own", "tied", "l2", "cosine", "dot")
NEAREST_KINDS = ("l2", "cosine", "dot")


class DeEmbedding(Module):
    """Score every token of the vocabulary for every vector; the best score is the token.

    kind: "own"    x Wᵀ + b with a weight (V, D) of its own
          "tied"   x Eᵀ + b with the embedding's table E (Press and Wolf, 2017)
          "dot"    x Eᵀ, nothing learned
          "cosine" x Eᵀ / (|x| |e|)
          "l2"     -|x - e|², so that the nearest token scores best
    """

    def __init__(self, kind: str, embedding: Embedding, *, generator: np.random.Generator) -> None:
        if kind not in KINDS:
            raise ValueError(f"DeEmbedding: kind must be one of {', '.join(KINDS)}, got {kind!r}")
        vocabulary, width = embedding.weight.shape
        self.kind = kind
        self.weight = uniform(generator, width**-0.5, vocabulary, width) if kind == "own" else embedding.weight
        self.bias = Parameter(np.zeros(vocabulary, np.float32)) if kind in ("own", "tied") else None

    def forward(self, x: Tensor) -> Tensor:
        """x (…, D) -> scores (…, V)."""
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
        """The ids of the best tokens, (…), without the scores of all of them in memory at once."""
        kind = self.kind if self.kind in NEAREST_KINDS else "dot"
        return Nearest(self.weight.data, None if self.bias is None else self.bias.data, (kind,))(x.data)[kind]


class Nearest:
    """Finds the tokens nearest to vectors, by several kinds of score from one product x Eᵀ, block by block.

    table: E (V, D). bias: b (V,), added to the dot product, or None. rows, columns: the vectors and tokens whose scores
    are made at a time, so few that these stay in the cache. kinds: those wanted of
        "l2"      ranks as |x - e|² does from below, by  x · e - |e|² / 2
        "cosine"  by  x · e / |e|, where a |e| below 1e-8 counts as 1e-8
        "dot"     by  x · e + b
    call: x (…, D) -> {kind: ids (…)}; of tokens with the same score, the first

    >>> table = np.array([[1.0, 0.0], [0.0, 3.0], [0.5, 0.5]])
    >>> Nearest(table)(np.array([0.5, 0.4])) == {"l2": 2, "cosine": 2, "dot": 1}
    True
    """

    def __init__(
        self,
        table: Array,
        bias: Array | None = None,
        kinds: Sequence[str] = NEAREST_KINDS,
        *,
        rows: int = 512,
        columns: int = 2048,
    ) -> None:
        if unknown := [kind for kind in kinds if kind not in NEAREST_KINDS]:
            raise ValueError(f"Nearest: kinds must be of {', '.join(NEAREST_KINDS)}, got {unknown[0]!r}")
        xp = array_module(table)
        squares = (table * table).sum(axis=-1)
        # what turns products into scores: an operation, and a number a token
        known: dict[str, tuple[Callable[..., Array], Array | None]] = {
            "l2": (xp.subtract, squares / 2),
            "cosine": (xp.multiply, 1 / xp.sqrt(xp.maximum(squares, 1e-16))),
            "dot": (xp.add, bias),
        }
        self.table, self.rows, self.columns = table, rows, columns
        self.kinds = {kind: known[kind] for kind in kinds}

    def __call__(self, x: Array) -> dict[str, Array]:
        xp, rows = array_module(x), x.reshape(-1, self.table.shape[1])
        parts = [self._of_block(rows[i : i + self.rows]) for i in range(0, len(rows), self.rows)]
        shape = x.shape[:-1]
        if not parts:
            return {kind: xp.zeros(shape, np.intp) for kind in self.kinds}
        return {kind: xp.concatenate([part[kind] for part in parts]).reshape(shape) for kind in self.kinds}

    def _of_block(self, x: Array) -> dict[str, Array]:
        """The ids (N,) for vectors (N, D): the best of a tile of tokens, held to the best of the tiles before."""
        xp = array_module(x)
        rows = xp.arange(len(x))
        best: dict[str, tuple[Array, Array]] = {}
        for start in range(0, len(self.table), self.columns):
            tile = slice(start, start + self.columns)
            products = x @ self.table[tile].T
            for kind, (change, numbers) in self.kinds.items():
                scores = products if numbers is None else change(products, numbers[tile])
                ids = scores.argmax(axis=-1)
                highest = scores[rows, ids]
                ids = ids + start
                if kind in best:
                    ids_before, highest_before = best[kind]
                    ids = xp.where(highest > highest_before, ids, ids_before)
                    highest = xp.maximum(highest, highest_before)
                best[kind] = ids, highest
        return {kind: ids for kind, (ids, _) in best.items()}


def unit(x: Tensor) -> Tensor:
    """Rows scaled to length 1; those shorter than 1e-8 are divided by 1e-8."""
    return x / F.maximum((x * x).sum(-1, keepdim=True), 1e-16).sqrt()
