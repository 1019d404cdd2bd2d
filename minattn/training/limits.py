"""What is refused before a training begins: too little text, and too large a model."""

from __future__ import annotations

from collections.abc import Collection

from ..errors import InputError
from ..fast import physical_memory
from ..pretrained import EncoderConfig
from .data import Data
from .run_config import ModelConfig
from .settings import TrainingConfig


def check_trainable(data: Data, training: TrainingConfig) -> None:
    """Refuse, before a folder is made, a text that does not fill a batch."""
    if len(data.training) < training.batch:
        raise InputError(
            f"the text has {len(data.training)} sentences to train on, fewer than a batch of {training.batch}; "
            f"give more text, or --batch {max(len(data.training) // 4, 1)}"
        )


def check_memory(model: ModelConfig, frozen: Collection[str] = ()) -> None:
    """Refuse a model whose training this machine cannot hold."""
    if isinstance(model, EncoderConfig):
        needed, advice = memory_needed(model, frozen), "--freeze, or a smaller model"
    else:
        matrices = 2 * model.vocab_size + model.layers * (4 * model.width + 2 * model.hidden)
        needed = 16 * model.width * matrices  # float32: weight, gradient and two moments
        advice = "a smaller --width, --layers or --vocab-size"
    there = physical_memory()
    if there is not None and needed > there:
        raise InputError(
            f"training this model takes {needed >> 30:,} GiB of memory, and this machine has {there >> 30:,}; "
            f"try {advice}"
        )


def memory_needed(config: EncoderConfig, frozen: Collection[str]) -> int:
    """The bytes of the weights, and of the gradient and the two moments of those that train; biases are left out."""
    width = config.width
    sizes = {
        "embeddings": (config.vocab_size + config.max_tokens + config.token_types) * width,
        "head": (width + (0 if config.tied else config.vocab_size)) * width,
    }
    total = sum(size * (4 if part in frozen else 16) for part, size in sizes.items())
    still = sum(part.startswith("layer.") for part in frozen)
    return total + (4 * width + 2 * config.hidden) * width * (16 * config.layers - 12 * still)
