"""Positional encoding: attention cannot see order, so that a token's place has to be told to it.

Either the place is added to the token's vector, or the distance between two tokens to the score that they get.
"""

import numpy as np

from .. import functional as F
from ..backend import Array, like
from ..tensor import Tensor
from .module import Module, Parameter

KINDS = ("relative", "sinusoidal", "learned", "none")


def sinusoids(tokens: int, width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The table of Vaswani et al. (2017), section 3.5, (tokens, width): sine in even columns, cosine in odd ones.

    Columns 2i and 2i + 1 turn with the angle position / 10000^(2i / width).

    >>> sinusoids(2, 4).round(4)
    array([[0.    , 1.    , 0.    , 1.    ],
           [0.8415, 0.5403, 0.01  , 1.    ]])
    """
    angles = np.arange(tokens)[:, None] / 10000 ** (np.arange(0, width, 2) / width)
    table = np.zeros((tokens, width))
    table[:, 0::2] = np.sin(angles)
    table[:, 1::2] = np.cos(angles[:, : width // 2])
    return table


class PositionalEncoding(Module):
    """Add to each token's vector the row of a table for its position.

    kind: "sinusoidal" (fixed), "learned" (a parameter `weight` (max_tokens, D)) or "none"; "relative" adds nothing
        here, for the attention has RelativePositions.
    scale: the size of the sinusoids.
    """

    def __init__(
        self, kind: str, max_tokens: int, width: int, *, scale: float = 1.0, generator: np.random.Generator
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"PositionalEncoding: kind must be one of {', '.join(KINDS)}, got {kind!r}")
        self.kind, self.max_tokens, self.width = kind, max_tokens, width
        self.table: Array | None = None
        self.weight: Parameter | None = None
        if kind == "sinusoidal":
            self.table = (scale * sinusoids(max_tokens, width)).astype(np.float32)
        elif kind == "learned":
            self.weight = Parameter(generator.normal(0.0, 0.02, (max_tokens, width)).astype(np.float32, copy=False))

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, D) -> (B, T, D). Raises ValueError if T > max_tokens."""
        if x.ndim < 2 or x.shape[-1] != self.width:
            raise ValueError(f"PositionalEncoding: x must be (B, T, D) with D = {self.width}, got shape {x.shape}")
        tokens = x.shape[-2]
        if tokens > self.max_tokens:
            raise ValueError(f"PositionalEncoding: {tokens} tokens, but there are only {self.max_tokens} positions")
        if self.weight is not None:
            return x + self.weight[:tokens]
        return x if self.table is None else x + self.table[:tokens]


class RelativePositions(Module):
    """A learned number for each head and distance, added to the scores (Raffel et al., 2020, section 2.1).

    weight (2 farthest + 1, H): row farthest + (key - query); what is farther away counts as farthest. At first each
    head looks at one neighbour, the one before, the one after, the second before, …: there `start` is added, else 0.
    """

    def __init__(self, heads: int, farthest: int, start: float = 4.0) -> None:
        if farthest < 1:
            raise ValueError(f"RelativePositions: farthest must be at least 1, got {farthest}")
        self.farthest = farthest
        weight = np.zeros((2 * farthest + 1, heads), np.float32)
        for head in range(heads):
            distance = min(head // 2 + 1, farthest)
            weight[farthest + (distance if head % 2 else -distance), head] = start
        self.weight = Parameter(weight)

    def forward(self, tokens: int) -> Tensor:
        """What is added to the scores of so many tokens, (H, T, T)."""
        places = np.arange(tokens)
        distances = np.clip(places - places[:, None], -self.farthest, self.farthest)
        ids = like(distances + self.farthest, self.weight.data)
        return F.embedding(ids, self.weight).permute(2, 0, 1)
