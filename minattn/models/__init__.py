"""Whole models."""

from .config import EncoderConfig
from .encoder import BertModel, DistilBertModel, EncoderOutput
from .load import load_pretrained
from .masked_lm import BertForMaskedLM, DistilBertForMaskedLM, MaskedLMOutput
from .reconstruction import ReconstructionConfig, ReconstructionModel

__all__ = [
    "BertForMaskedLM",
    "BertModel",
    "DistilBertForMaskedLM",
    "DistilBertModel",
    "EncoderConfig",
    "EncoderOutput",
    "MaskedLMOutput",
    "ReconstructionConfig",
    "ReconstructionModel",
    "load_pretrained",
]
