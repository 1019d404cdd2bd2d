"""Whole models."""

from .config import EncoderConfig
from .deembed import LayerDeEmbedding, vocabulary_comes_back
from .encoder import BertModel, DistilBertModel, EncoderOutput
from .load import load_pretrained
from .masked_lm import BertForMaskedLM, DistilBertForMaskedLM, MaskedLMOutput
from .reconstruction import ReconstructionConfig, ReconstructionModel
from .texts import embed_texts, fill_blanks

__all__ = [
    "BertForMaskedLM",
    "BertModel",
    "DistilBertForMaskedLM",
    "DistilBertModel",
    "EncoderConfig",
    "EncoderOutput",
    "LayerDeEmbedding",
    "MaskedLMOutput",
    "ReconstructionConfig",
    "ReconstructionModel",
    "embed_texts",
    "fill_blanks",
    "load_pretrained",
    "vocabulary_comes_back",
]
