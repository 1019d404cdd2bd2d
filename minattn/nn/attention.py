"""Multi-head self-attention, and leaving padding out of what is done to each token by itself."""

from typing import Any

import numpy as np

from .. import functional as F
from ..backend import Array, array_module, like
from ..ops.attention import attention_weights
from ..tensor import Tensor
from ..validate import boolean
from .layers import Linear
from .module import Module
from .positional import RelativePositions


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


class MultiHeadSelfAttention(Module):
    """Every token asks all tokens, in several heads at once (Vaswani et al., 2017, section 3.2.2).

    farthest: if not 0, the scores depend on the distance too, which is told apart up to this one (RelativePositions).
    """

    def __init__(self, width: int, heads: int, *, farthest: int = 0, generator: np.random.Generator) -> None:
        if heads < 1 or width % heads:
            raise ValueError(f"MultiHeadSelfAttention: width {width} is not divisible by {heads} heads")
        self.heads = heads
        self.query = Linear(width, width, generator=generator)
        self.key = Linear(width, width, generator=generator)
        self.value = Linear(width, width, generator=generator)
        self.out = Linear(width, width, generator=generator)
        self.positions = RelativePositions(heads, farthest) if farthest else None

    def forward(self, x: Tensor, attention_mask: Array | None = None, padding: Padding | None = None) -> Tensor:
        """x (B, T, D) -> (B, T, D). attention_mask (B, T) boolean, True at real tokens; padding is never looked at.
        With padding instead of a mask, x holds the N real tokens alone: (N, D) -> (N, D).
        """
        q, k, v = (self.split(layer(x), padding) for layer in (self.query, self.key, self.value))
        mask = self.placed(key_mask(attention_mask, padding, x), q.shape[-2])
        y = self.merge(F.scaled_dot_product_attention(q, k, v, mask))
        out: Tensor = self.out(y if padding is None else padding.pack(y))
        return out

    def weights(self, x: Tensor, attention_mask: Array | None = None, padding: Padding | None = None) -> Array:
        """How much each token looks at each other one, to be looked at: (B, H, T, T), rows summing to 1.

        With padding, what stands in the rows of padding means nothing.
        """
        q, k = (self.split(layer(x), padding).data for layer in (self.query, self.key))
        mask = self.placed(key_mask(attention_mask, padding, x), q.shape[-2])
        return attention_weights(q, k, mask.data if isinstance(mask, Tensor) else mask, q.shape[-1] ** -0.5)

    def placed(self, mask: Array | None, tokens: int) -> Any:
        """The mask (B, 1, 1, T), with what is added for the distance (H, T, T) where there is such a thing."""
        if self.positions is None:
            return mask
        added = self.positions(tokens)
        if mask is None or mask.all():
            return added
        return added + array_module(mask).where(mask, np.float32(0), np.float32(-np.inf)).astype(added.dtype)

    def split(self, x: Tensor, padding: Padding | None = None) -> Tensor:
        """(B, T, D), or (N, D) with padding -> (B, H, T, D/H)."""
        x = x if padding is None else padding.spread(x)
        if x.ndim != 3:
            raise ValueError(f"MultiHeadSelfAttention: x must be (B, T, D), got shape {x.shape}")
        batch, tokens, width = x.shape
        return x.reshape(batch, tokens, self.heads, width // self.heads).transpose(1, 2)

    def merge(self, x: Tensor) -> Tensor:
        """(B, H, T, D/H) -> (B, T, D)."""
        batch, heads, tokens, width = x.shape
        return x.transpose(1, 2).reshape(batch, tokens, heads * width)


def key_mask(attention_mask: Array | None, padding: Padding | None, x: Tensor) -> Array | None:
    """(B, T) over tokens -> (B, 1, 1, T) over keys, the same for all heads and queries."""
    if padding is not None:
        if attention_mask is not None:
            raise ValueError("attention: padding says what is no token, so that attention_mask must be None")
        return padding.attention_mask[:, None, None, :]
    if attention_mask is None:
        return None
    if getattr(attention_mask, "shape", None) != x.shape[:2]:
        came = getattr(attention_mask, "shape", type(attention_mask).__name__)
        raise ValueError(f"attention: attention_mask must have shape (B, T) = {x.shape[:2]}, got {came}")
    attention_mask = boolean("attention", "attention_mask", attention_mask)
    return attention_mask[:, None, None, :]
