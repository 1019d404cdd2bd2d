"""Positional encoding: attention cannot see order, so the place of a token is added to its vector."""

import numpy as np

from ..backend import Array
from ..tensor import Tensor
from .module import Module, Parameter

KINDS = ("sinusoidal", "learned", "none")


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

    kind: "sinusoidal" (fixed), "learned" (a parameter `weight` (max_tokens, D)) or "none".
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
