"""BERT and DistilBERT from folders as transformers writes them: encoders, heads, tokenizers, fine-tuning."""

from .config import EncoderConfig
from .encoder import BertModel, DistilBertModel, EncoderOutput
from .layer_deembedding import LayerDeEmbedding, vocabulary_comes_back
from .load import load_pretrained
from .masked_lm import BertForMaskedLM, DistilBertForMaskedLM, MaskedLMOutput
from .texts import embed_texts, fill_blanks
from .tokenizer_files import load_tokenizer, save_tokenizer
from .train_and_open import open_run, train

__all__ = [
    "BertForMaskedLM",
    "BertModel",
    "DistilBertForMaskedLM",
    "DistilBertModel",
    "EncoderConfig",
    "EncoderOutput",
    "LayerDeEmbedding",
    "MaskedLMOutput",
    "embed_texts",
    "fill_blanks",
    "load_pretrained",
    "load_tokenizer",
    "open_run",
    "save_tokenizer",
    "train",
    "vocabulary_comes_back",
]
