"""Layers that own parameters."""

from .attention import MultiHeadSelfAttention, Padding
from .deembedding import DeEmbedding, Nearest
from .encoder_block import EncoderBlock, FeedForward
from .layers import Dropout, Embedding, LayerNorm, Linear
from .module import Module, Parameter
from .positional import PositionalEncoding, RelativePositions, sinusoids

__all__ = [
    "DeEmbedding",
    "Dropout",
    "Embedding",
    "EncoderBlock",
    "FeedForward",
    "LayerNorm",
    "Linear",
    "Module",
    "MultiHeadSelfAttention",
    "Nearest",
    "Padding",
    "Parameter",
    "PositionalEncoding",
    "RelativePositions",
    "sinusoids",
]
