"""The block that an encoder repeats."""

from collections.abc import Callable

import numpy as np

from .. import functional as F
from ..backend import Array
from ..tensor import Tensor
from .attention import MultiHeadSelfAttention, Padding
from .layers import Dropout, LayerNorm, Linear
from .module import Module

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu}


class FeedForward(Module):
    """Two linear layers with one of ACTIVATIONS between them, the same for every token."""

    def __init__(self, width: int, hidden: int, activation: str = "gelu", *, generator: np.random.Generator) -> None:
        self.activation = activation
        self.widen = Linear(width, hidden, generator=generator)
        self.narrow = Linear(hidden, width, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """x (…, D) -> (…, D), by way of (…, F)."""
        y: Tensor = self.narrow(ACTIVATIONS[self.activation](self.widen(x)))
        return y


class EncoderBlock(Module):
    """Attention between tokens, then a feed-forward network in each token, each with a norm and a residual path.

    norm_first: x + f(norm(x)) (Xiong et al., 2020) instead of norm(x + f(x)) (Vaswani et al., 2017).
    residual: False drops the x + …
    farthest: of the distances that the attention tells apart; 0 if it does not.
    activation: that of the feed-forward network, "gelu" or "relu".
    attends: set to False, tokens no longer see each other: the attention is skipped. For measuring what it is worth.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        hidden: int,
        *,
        dropout: float = 0.0,
        norm_first: bool = True,
        residual: bool = True,
        eps: float = 1e-5,
        farthest: int = 0,
        activation: str = "gelu",
        generator: np.random.Generator,
    ) -> None:
        self.norm_first, self.residual, self.attends = norm_first, residual, True
        self.attention = MultiHeadSelfAttention(width, heads, farthest=farthest, generator=generator)
        self.attention_norm = LayerNorm(width, eps)
        self.feed_forward = FeedForward(width, hidden, activation, generator=generator)
        self.feed_forward_norm = LayerNorm(width, eps)
        self.dropout = Dropout(dropout, generator=generator)

    def forward(
        self,
        x: Tensor,
        attention_mask: Array | None = None,
        padding: Padding | None = None,
        where: Array | None = None,
    ) -> Tensor:
        """x (B, T, D), attention_mask (B, T) boolean -> (B, T, D); or x (N, D), padding -> (N, D).

        where: (B, T) boolean, the N places whose vectors are wanted: -> (N, D)
        """
        if self.attends:
            normed = self.attention_norm(x) if self.norm_first else x
            x = self.join(x, self.attention(normed, attention_mask, padding), self.attention_norm)
        elif not self.norm_first:
            x = self.attention_norm(x)  # as if it had given zeros
        x = x if where is None else x[where]
        normed = self.feed_forward_norm(x) if self.norm_first else x
        return self.join(x, self.feed_forward(normed), self.feed_forward_norm)

    def join(self, x: Tensor, change: Tensor, norm: LayerNorm) -> Tensor:
        """The residual path around a sub-layer, and the norm if it comes last."""
        y = self.dropout(change)
        y = x + y if self.residual else y
        result: Tensor = y if self.norm_first else norm(y)
        return result

    def attention_weights(
        self, x: Tensor, attention_mask: Array | None = None, padding: Padding | None = None
    ) -> Array:
        """What the attention in this block looks at when x comes in: (B, H, T, T)."""
        return self.attention.weights(self.attention_norm(x) if self.norm_first else x, attention_mask, padding)
