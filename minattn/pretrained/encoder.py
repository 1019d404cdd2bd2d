"""BERT and DistilBERT: encoders that others have trained, built from the same layers as the rest."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import functional as F
from ..backend import Array, like, to_host
from ..errors import InputError
from ..fast import features_first
from ..nn import Dropout, Embedding, EncoderBlock, LayerNorm, Linear, Module, Padding, sinusoids
from ..tensor import Tensor, grad_enabled
from ..validate import require_below
from .config import EncoderConfig
from .folder import Pretrained

FEW = 512
"""Rows up to which products are faster when the rows' vectors lie in memory feature by feature: by a tenth."""


@dataclass(frozen=True)
class EncoderOutput:
    """What an encoder gives for ids (B, T). In places of padding it holds zeros.

    last_hidden_state (B, T, D)
    pooler_output (B, D)           BERT's summary of a text, from its first token; None where the model has no pooler
    hidden_states                  on request: the embeddings' output and that of every layer, (B, T, D) each
    attentions                     on request: what every layer looks at, arrays (B, H, T, T), rows summing to 1
    """

    last_hidden_state: Tensor
    pooler_output: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Array, ...] | None = None


class Trace:
    """What is to be kept of the layers while ids go through them; None where nothing is."""

    def __init__(self, hidden_states: bool = False, attentions: bool = False) -> None:
        self.hidden_states: list[Tensor] | None = [] if hidden_states else None
        self.attentions: list[Array] | None = [] if attentions else None

    def keep_state(self, x: Tensor, padding: Padding | None) -> None:
        """Keep what a layer gave."""
        if self.hidden_states is not None:
            self.hidden_states.append(x if padding is None else padding.unpack(x))

    def keep_attention(self, block: EncoderBlock, x: Tensor, padding: Padding | None) -> None:
        """Keep what a block will look at when x comes in."""
        if self.attentions is not None:
            weights = block.attention_weights(x, None, padding)
            self.attentions.append(weights if padding is None else weights * padding.attention_mask[:, None, :, None])

    def kept(self) -> tuple[tuple[Tensor, ...] | None, tuple[Array, ...] | None]:
        """Both as tuples, for an output."""
        states, attentions = self.hidden_states, self.attentions
        return None if states is None else tuple(states), None if attentions is None else tuple(attentions)


class WordEmbedding(Embedding):
    """The table of token vectors; that of padding gets no gradient."""

    def __init__(self, config: EncoderConfig, *, generator: np.random.Generator) -> None:
        super().__init__(config.vocab_size, config.width, std=0.02, generator=generator)
        self.pad_id = config.pad_id

    def forward(self, ids: Any) -> Tensor:
        """ids (B, T), or (T,) for one text -> (B, T, D)."""
        return self.of_tokens(as_batch(ids))

    def of_tokens(self, ids: Array) -> Tensor:
        """The vectors of ids in any shape, (…) -> (…, D)."""
        if ids.dtype.kind == "u":  # the largest would turn negative as int64
            require_below("embedding", "id", ids, self.weight.shape[0])
        x = F.embedding(ids, self.weight)
        is_padding = ids == self.pad_id
        return F.where(like(is_padding[..., None], x.data), x.detach(), x) if is_padding.any() else x


class Embeddings(Module):
    """Tokens to vectors: word, position and token type added up, then a norm (Devlin et al., 2019, section 3)."""

    def __init__(self, config: EncoderConfig, *, generator: np.random.Generator) -> None:
        width = config.width
        self.word_embeddings = WordEmbedding(config, generator=generator)
        self.position_embeddings = Embedding(config.max_tokens, width, std=0.02, generator=generator)
        if config.sinusoidal:
            self.position_embeddings.weight.set(sinusoids(config.max_tokens, width))
        self.token_type_embeddings = (
            Embedding(config.token_types, width, std=0.02, generator=generator) if config.token_types else None
        )
        self.norm = LayerNorm(width, config.eps)
        self.dropout = Dropout(config.dropout, generator=generator)

    def forward(self, ids: Array, positions: Array, token_types: Array) -> Tensor:
        """ids (…), their positions and token types in arrays that broadcast to it -> (…, D)."""
        x = self.word_embeddings.of_tokens(ids) + self.position_embeddings(positions)
        if self.token_type_embeddings is not None:
            x = x + self.token_type_embeddings(token_types)
        y: Tensor = self.dropout(self.norm(x))
        return y


class Encoder(Pretrained):
    """What BERT and DistilBERT share: embeddings, and blocks that normalise after each residual path.

    forward: ids (B, T) -> EncoderOutput
    """

    def __init__(self, config: EncoderConfig, *, pooler: bool = True, generator: np.random.Generator) -> None:
        super().__init__(config, generator=generator)
        self.embeddings = Embeddings(config, generator=generator)
        self.blocks = [
            EncoderBlock(
                config.width,
                config.heads,
                config.hidden,
                dropout=config.dropout,
                norm_first=False,
                eps=config.eps,
                generator=generator,
            )
            for _ in range(config.layers)
        ]
        has_pooler = pooler and self.model_type == "bert"
        self.pooler = Linear(config.width, config.width, generator=generator) if has_pooler else None

    def forward(
        self,
        ids: Any,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        *,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
    ) -> EncoderOutput:
        """The vectors of texts.

        ids: (B, T) integers, or (T,) for one text
        attention_mask: (B, T) booleans or 0 and 1: True at real tokens, of which each row has one or more; padding is
            neither looked at nor computed. All are real unless given
        token_type_ids: (B, T) integers, 0 unless given, and always 0 where the model has no token types
        output_hidden_states, output_attentions: keep what every layer gives, and what it looks at
        Returns an EncoderOutput, whose last_hidden_state (B, T, D) has the dtype of the weights.
        Raises InputError for more tokens than positions, a shape that does not fit and a text of padding only;
        IndexError for an id that the vocabulary does not have.
        """
        trace = Trace(output_hidden_states, output_attentions)
        x, padding = self.encode(ids, attention_mask, token_type_ids, trace)
        x = x if padding is None else padding.unpack(x)
        pooled = None if self.pooler is None else self.pooler(x[:, 0]).tanh()
        return EncoderOutput(x, pooled, *trace.kept())

    def encode(
        self, ids: Any, attention_mask: Any = None, token_type_ids: Any = None, trace: Trace | None = None
    ) -> tuple[Tensor, Padding | None]:
        """The last layer's vectors without those of padding: (N, D) and the padding, or (B, T, D) if there is none."""
        ids = as_batch(ids)
        mask = self._mask(ids, attention_mask)
        positions = np.broadcast_to(np.arange(ids.shape[1]), ids.shape)
        types = np.zeros((1, 1), np.int64) if token_type_ids is None else self._types(ids, token_type_ids)
        padding = None
        if mask is None:
            positions = positions[:1]
        else:
            padding = Padding(mask, self.embeddings.norm.weight.data)
            types = np.broadcast_to(types, ids.shape)[mask]
            ids, positions = ids[mask], positions[mask]
        x: Tensor = self.embeddings(ids, positions, types)
        if padding is None and ids.size <= FEW and not grad_enabled():
            x = Tensor(features_first(x.data))
        trace = trace or Trace()
        trace.keep_state(x, padding)
        for block in self.blocks:
            trace.keep_attention(block, x, padding)
            x = block(x, None, padding)
            trace.keep_state(x, padding)
        return x, padding

    def _mask(self, ids: Array, attention_mask: Any) -> Array | None:
        """attention_mask (B, T) as booleans on the host, or None where there is no padding, once all is checked."""
        if ids.size == 0:
            raise InputError(f"ids must hold at least one token, got shape {ids.shape}")
        if ids.shape[1] > self.config.max_tokens:
            raise InputError(
                f"a text has {ids.shape[1]} tokens, but this model has {self.config.max_tokens} positions; "
                "give it a part, or truncate"
            )
        if attention_mask is None:
            return None
        given = as_batch(attention_mask, "attention_mask", "iubf")
        mask = given == 1
        if not (mask | (given == 0)).all():
            raise InputError("attention_mask must be True or 1 at tokens and False or 0 at padding, got other numbers")
        if mask.shape != ids.shape:
            raise InputError(f"attention_mask must have the shape of ids {ids.shape}, got {mask.shape}")
        if not mask.any(axis=1).all():
            raise InputError(f"attention_mask: text {int(mask.any(axis=1).argmin())} is padding only; leave it out")
        return None if mask.all() else mask

    def _types(self, ids: Array, token_type_ids: Any) -> Array:
        """token_type_ids (B, T) on the host, once they are checked; a model without token types takes zeros."""
        types, known = as_batch(token_type_ids, "token_type_ids"), max(self.config.token_types, 1)
        if types.shape != ids.shape:
            raise InputError(f"token_type_ids must have the shape of ids {ids.shape}, got {types.shape}")
        if types.min() < 0 or types.max() >= known:
            wrong = types.min() if types.min() < 0 else types.max()
            raise InputError(f"token_type_ids must be from 0 to {known - 1} in this model, got {wrong}")
        return types.astype(np.int64)

    def attend(self, mode: bool) -> None:
        """Switch the attention of every block on or off, to measure what it is worth."""
        for block in self.blocks:
            block.attends = mode


class BertModel(Encoder):
    """BERT (Devlin et al., 2019)."""

    model_type = "bert"


class DistilBertModel(Encoder):
    """DistilBERT (Sanh et al., 2019): BERT without token types and pooler, with half of the layers."""

    model_type = "distilbert"


def as_batch(ids: Any, argument: str = "ids", kinds: str = "iub") -> Array:
    """Numbers (B, T) of these kinds of dtype on the host; those of one text, (T,), become (1, T)."""
    try:
        array = to_host(ids.data if isinstance(ids, Tensor) else ids)
        array = np.asarray(array)
    except ValueError:
        raise InputError(
            f"{argument} must be rows of one length; pad them, and say so by attention_mask: "
            "minattn.text.collate(rows, pad_id) gives both"
        ) from None
    if array.ndim not in (1, 2) or (array.dtype.kind not in kinds and array.size):
        raise InputError(
            f"{argument} must be integers (B, T), or (T,) for one text, got shape {array.shape} of {array.dtype}"
        )
    return array[None] if array.ndim == 1 else array
