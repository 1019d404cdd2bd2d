"""The model that gives its input back: text to vectors, through self-attention, and back to text."""

from dataclasses import dataclass, field

import numpy as np

from ..backend import Array
from ..errors import InputError
from ..nn import DeEmbedding, Dropout, Embedding, EncoderBlock, LayerNorm, Module, PositionalEncoding
from ..nn.deembedding import KINDS as DE_EMBEDDINGS
from ..nn.encoder_block import ACTIVATIONS
from ..nn.positional import KINDS as POSITIONS
from ..tensor import Tensor, no_grad


@dataclass(frozen=True)
class ReconstructionConfig:
    """The sizes and choices that a ReconstructionModel is built from.

    farthest: the distance up to which "relative" positions are told apart.
    embedding_std: deviation of the embedding's initial weights; position_scale: size of the sinusoids beside them.
    hidden: width inside the feed-forward network. The others are said in the layers.

    Raises InputError for a size below 1, more than 1,000,000 tokens, a width that the heads do not divide, and an
    unknown choice.
    """

    vocab_size: int
    width: int = 64
    layers: int = 2
    heads: int = 4
    hidden: int = 256
    max_tokens: int = 64
    positions: str = "sinusoidal"
    embedding_std: float = 0.1
    position_scale: float = 0.3
    de_embedding: str = "own"
    dropout: float = 0.1
    embedding_dropout: float = field(default=0.0, metadata={"before": 0.0})
    activation: str = field(default="gelu", metadata={"before": "gelu"})
    farthest: int = field(default=8, metadata={"before": 8})
    norm_first: bool = True
    residual: bool = True

    def __post_init__(self) -> None:
        for name in ("vocab_size", "width", "heads", "hidden", "max_tokens", "farthest"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("max_tokens", "farthest"):  # the scores alone of as many tokens would be 10^12 numbers
            if getattr(self, name) > 10**6:
                raise InputError(f"{name} must be at most 1,000,000, got {getattr(self, name)}")
        if self.layers < 0:
            raise InputError(f"layers must be at least 0, got {self.layers}")
        if self.width % self.heads:
            raise InputError(
                f"width {self.width} is not divisible by {self.heads} heads; try --width {self.heads * 32}"
            )
        for name in ("embedding_std", "position_scale"):
            if not 0 <= getattr(self, name) <= 1000:
                raise InputError(f"{name} must be in [0, 1000], got {getattr(self, name)}")
        for name in ("dropout", "embedding_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"{name} must be in [0, 1), got {getattr(self, name)}")
        choices = ("positions", POSITIONS), ("de_embedding", DE_EMBEDDINGS), ("activation", tuple(ACTIVATIONS))
        for name, known in choices:
            if getattr(self, name) not in known:
                raise InputError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)[:80]!r}")

    def matrices(self) -> dict[str, int]:
        """The numbers in the matrices of the embeddings, of each layer, and of the head."""
        table = self.vocab_size * self.width
        distances = (2 * self.farthest + 1) * self.heads if self.positions == "relative" else 0
        layer = (4 * self.width + 2 * self.hidden) * self.width + distances
        return {"embeddings": table, "layer": layer, "head": table}


class ReconstructionModel(Module):
    """Figure 7-19 of the source text: embedding, positional encoding, self-attention, de-embedding.

    generator: where the initial weights come from, and the dropout masks after them.
    """

    learns_from_blanks = False  # alone: what is seen is copied too

    def __init__(self, config: ReconstructionConfig, *, generator: np.random.Generator) -> None:
        self.config = config
        self.embedding = Embedding(config.vocab_size, config.width, std=config.embedding_std, generator=generator)
        self.positions = PositionalEncoding(
            config.positions, config.max_tokens, config.width, scale=config.position_scale, generator=generator
        )
        self.blocks = [
            EncoderBlock(
                config.width,
                config.heads,
                config.hidden,
                dropout=config.dropout,
                norm_first=config.norm_first,
                residual=config.residual,
                activation=config.activation,
                farthest=config.farthest if config.positions == "relative" else 0,
                generator=generator,
            )
            for _ in range(config.layers)
        ]
        self.dropout = Dropout(config.embedding_dropout, generator=generator)
        self.norm = LayerNorm(config.width) if config.norm_first else None
        self.de_embedding = DeEmbedding(config.de_embedding, self.embedding, generator=generator)

    def forward(self, ids: Array, attention_mask: Array | None = None) -> Tensor:
        """ids (B, T) integers, attention_mask (B, T) boolean, True at real tokens -> logits (B, T, V)."""
        return self.logits(ids, attention_mask)

    def logits(self, ids: Array, attention_mask: Array | None = None, where: Array | None = None) -> Tensor:
        """The same; with `where` (B, T) boolean, those (N, V) of the N places that it marks."""
        logits: Tensor = self.de_embedding(self.encode(ids, attention_mask, where))  # vectors back to tokens
        return logits

    def loss(self, ids: Array, attention_mask: Array | None, targets: Array) -> Tensor:
        """The mean cross-entropy of restoring every token: targets (B, T) integers, -100 at padding."""
        wanted = targets != -100
        if wanted.all():
            return self.de_embedding.loss(self.encode(ids, attention_mask), targets)
        return self.de_embedding.loss(self.encode(ids, attention_mask, wanted), targets[wanted])

    def encode(self, ids: Array, attention_mask: Array | None = None, where: Array | None = None) -> Tensor:
        """What stands before the de-embedding: ids (B, T), attention_mask (B, T) -> vectors (B, T, D).

        where: (B, T) boolean, the N places whose vectors are wanted: -> (N, D)
        """
        x: Tensor = self.embedding(ids)  # tokens to vectors
        x = self.dropout(self.positions(x))  # attention cannot see order
        for block in self.blocks[:-1]:
            x = block(x, attention_mask)  # self-attention: tokens look at each other
        if self.blocks:
            x = self.blocks[-1](x, attention_mask, where=where)
        elif where is not None:
            x = x[where]
        return x if self.norm is None else self.norm(x)

    def attention_maps(self, ids: Array, attention_mask: Array | None = None) -> list[Array]:
        """What every layer looks at: an array (B, H, T, T) a layer, rows summing to 1."""
        maps = []
        with no_grad(), self.evaluating():
            x = self.positions(self.embedding(ids))
            for block in self.blocks:
                maps.append(block.attention_weights(x, attention_mask))
                x = block(x, attention_mask)
        return maps

    def token_table(self) -> Array:
        """The vectors of the tokens, (V, D)."""
        return self.embedding.weight.data

    def position_table(self) -> Array | None:
        """The vectors of the positions, (max_tokens, D), or None without positions."""
        return self.positions.table if self.positions.weight is None else self.positions.weight.data

    def attend(self, mode: bool) -> None:
        """Switch the attention of every block on or off, to measure what it is worth."""
        for block in self.blocks:
            block.attends = mode
