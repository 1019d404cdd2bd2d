"""The masked-LM forms of BERT and DistilBERT: an encoder, and a head that maps its vectors back to tokens."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import functional as F
from ..backend import Array, to_host
from ..errors import InputError
from ..nn import DeEmbedding, Embedding, LayerNorm, Linear, Module
from ..tensor import Tensor, no_grad
from .config import EncoderConfig
from .encoder import BertModel, DistilBertModel, Embeddings, Encoder, Trace, as_batch
from .folder import Pretrained


@dataclass(frozen=True)
class MaskedLMOutput:
    """What a masked-LM model gives for ids (B, T): logits (B, T, V), the loss if labels were given, and the rest."""

    logits: Tensor
    loss: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Array, ...] | None = None


class MaskedLMHead(Module):
    """Vectors to tokens: a linear layer, GELU, a norm, then the de-embedding."""

    def __init__(self, config: EncoderConfig, embedding: Embedding, *, generator: np.random.Generator) -> None:
        self.dense = Linear(config.width, config.width, generator=generator)
        self.norm = LayerNorm(config.width, config.eps)
        self.de_embedding = DeEmbedding("tied" if config.tied else "own", embedding, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """x (…, D) -> logits (…, V)."""
        logits: Tensor = self.de_embedding(self.transform(x))
        return logits

    def transform(self, x: Tensor) -> Tensor:
        """What stands before the de-embedding, (…, D) -> (…, D)."""
        y: Tensor = self.norm(F.gelu(self.dense(x)))
        return y


class MaskedLM(Pretrained):
    """An encoder with the head that maps its vectors back to tokens."""

    has_head = True
    learns_from_blanks = True
    encoder_class: ClassVar[type[Encoder]]

    def __init__(self, config: EncoderConfig, *, generator: np.random.Generator) -> None:
        super().__init__(config, generator=generator)
        self.encoder = self.encoder_class(config, pooler=False, generator=generator)
        self.head = MaskedLMHead(config, self.encoder.embeddings.word_embeddings, generator=generator)

    @property
    def embeddings(self) -> Embeddings:
        """The encoder's."""
        return self.encoder.embeddings

    def forward(
        self,
        ids: Any,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        labels: Any = None,
        *,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
    ) -> MaskedLMOutput:
        """as the encoder's, with labels (B, T) for the loss, -100 where none is wanted, which is so at padding too
        -> MaskedLMOutput
        """
        ids, targets = as_batch(ids), None if labels is None else as_batch(labels, "labels")
        if targets is not None and targets.shape != ids.shape:
            raise InputError(f"labels must have the shape of ids {ids.shape}, got {targets.shape}")
        trace = Trace(output_hidden_states, output_attentions)
        x, padding = self.encoder.encode(ids, attention_mask, token_type_ids, trace)
        scores, loss = self.head(x), None
        if targets is not None:
            targets = targets if padding is None else targets[to_host(padding.attention_mask)]
            loss = F.cross_entropy(scores.reshape(-1, scores.shape[-1]), targets.reshape(-1))
        logits = scores if padding is None else padding.unpack(scores)
        return MaskedLMOutput(logits, loss, *trace.kept())

    def logits(self, ids: Array, attention_mask: Array | None = None, where: Array | None = None) -> Tensor:
        """ids (B, T), attention_mask (B, T) -> logits (B, T, V), zeros at padding.

        With `where` (B, T) boolean, those (N, V) of the N real tokens that it marks.
        """
        if where is None:
            output: MaskedLMOutput = self(ids, attention_mask)
            return output.logits
        x, padding = self.encoder.encode(ids, attention_mask)
        logits: Tensor = self.head(x[where if padding is None else where[padding.attention_mask]])
        return logits

    def loss(self, ids: Array, attention_mask: Array | None, targets: Array) -> Tensor:
        """The mean cross-entropy of restoring every token: targets (B, T) integers, -100 where none is wanted."""
        x, padding = self.encoder.encode(ids, attention_mask)
        targets = targets if padding is None else targets[padding.attention_mask]
        return self.head.de_embedding.loss(self.head.transform(x), targets)

    def attention_maps(self, ids: Array, attention_mask: Array | None = None) -> list[Array]:
        """What every layer looks at: an array (B, H, T, T) a layer, rows summing to 1."""
        trace = Trace(attentions=True)
        with no_grad(), self.evaluating():
            self.encoder.encode(ids, attention_mask, trace=trace)
        return trace.attentions or []

    def token_table(self) -> Array:
        """The vectors of the tokens, (V, D)."""
        return self.embeddings.word_embeddings.weight.data

    def position_table(self) -> Array | None:
        """The vectors of the positions, (max_tokens, D)."""
        return self.embeddings.position_embeddings.weight.data

    def attend(self, mode: bool) -> None:
        """Switch the attention of every block on or off, to measure what it is worth."""
        self.encoder.attend(mode)


class BertForMaskedLM(MaskedLM):
    """BERT with its masked-LM head."""

    model_type = "bert"
    encoder_class = BertModel


class DistilBertForMaskedLM(MaskedLM):
    """DistilBERT with its masked-LM head."""

    model_type = "distilbert"
    encoder_class = DistilBertModel
