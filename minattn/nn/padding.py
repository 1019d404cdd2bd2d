"""Leaving padding out: what is done to each token by itself is done to real tokens only."""

from __future__ import annotations

from .. import functional as F
from ..backend import Array, array_module
from ..tensor import Tensor


class Padding:
    """Which places of a batch hold tokens, to take its vectors apart from the padding and to put them back.

    attention_mask: (B, T) boolean, True at N real tokens, of which there is at least one
    """

    def __init__(self, attention_mask: Array) -> None:
        xp = array_module(attention_mask)
        self.attention_mask = attention_mask
        self.places = xp.flatnonzero(attention_mask)
        rows = xp.cumsum(attention_mask.reshape(-1)) - 1
        self.rows = (rows * (rows > 0)).reshape(attention_mask.shape)  # padding has the row of the token before it

    def pack(self, x: Tensor) -> Tensor:
        """The vectors of the tokens: (B, T, D) -> (N, D)."""
        return F.embedding(self.places, x.reshape(-1, x.shape[-1]))

    def spread(self, x: Tensor) -> Tensor:
        """The vectors of the tokens in their places, and any in those of padding: (N, D) -> (B, T, D)."""
        return F.embedding(self.rows, x)

    def unpack(self, x: Tensor) -> Tensor:
        """The vectors of the tokens in their places, and zeros in those of padding: (N, D) -> (B, T, D)."""
        y: Tensor = self.spread(x) * self.attention_mask[..., None].astype(x.dtype)
        return y
