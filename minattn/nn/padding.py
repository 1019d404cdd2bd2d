"""Leaving padding out: what is done to each token by itself is done to real tokens only."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import functional as F
from ..backend import Array, like
from ..tensor import Tensor


class Padding:
    """Which places of a batch hold tokens, to take its vectors apart from the padding and to put them back.

    attention_mask: (B, T) boolean, True at N real tokens, of which there is at least one
    beside: an array on the device where it is used
    """

    def __init__(self, attention_mask: np.ndarray[Any, np.dtype[np.bool_]], beside: Array) -> None:
        self.attention_mask = like(attention_mask, beside)
        self.places = np.flatnonzero(attention_mask)
        rows = attention_mask.cumsum() - 1
        self.rows = np.maximum(rows, 0).reshape(attention_mask.shape)  # padding has the row of the token before it

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
