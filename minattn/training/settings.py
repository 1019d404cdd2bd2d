"""What a training is asked to do, and what is refused before it begins: too little text, and too large a model."""

import math
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import InputError
from ..fast import physical_memory
from ..parallel import MOST_THREADS, cores
from .data import Data
from .model import Sizes

MOST = 10**12
"""The most steps there can be; it only keeps the arithmetic within what a float holds."""

FEWEST, PER_SENTENCE, PER_PIECE = 1000, 0.5, 1.5
"""The fewest steps of a training, how many more for each sentence, and the least for each piece of the vocabulary.

With fewer for each sentence the model fills fewer blanks; with fewer for each piece it does not come to copy them all.
"""

RECIPE: dict[str, Any] = {
    "layers": 3,
    "width": 128,
    "hidden": 256,
    "positions": "relative",
    "de_embedding": "tied",
    "norm_first": False,
    "activation": "relu",
    "embedding_dropout": 0.2,
}
"""The choices of the model that `minattn train` makes, where they are not those of ReconstructionConfig."""

SMALL = 100
"""Sentences to train on below which a text is called very small."""


@dataclass(frozen=True)
class TrainingConfig:
    """The settings of a training; `benchmarks/README.md` says how the defaults were chosen.

    steps, batch      optimizer steps; sentences in each
    lr, warmup        the highest learning rate, and the share of the steps that leads up to it; then a cosine down to 0
    weight_decay      AdamW's, on matrices only
    clip              the largest length of the gradient
    blanks            the share of the tokens that is blanked out; 0 is the pure copy
    copies            the share of the tokens beside the blanks that have to be copied; all of them where none is blank
    swapped           the share of the sentences that get random tokens in the place of blanks, which have to be copied;
                      None: blanks as in Devlin et al. (2019), of which a tenth is random and a tenth stays
    seed              of the weights, the order, the blanks and dropout
    save_every        steps between checkpoints
    parts             into which each batch is dealt; their gradients are added in one order, so that the seed and the
                      number of parts decide the bits, whoever computes a part
    threads           that share the parts; more than there are parts are of no use

    Raises InputError for a number out of range.
    """

    steps: int = 3000
    batch: int = 64
    lr: float = 8e-3
    warmup: float = 0.1
    weight_decay: float = 0.1
    clip: float = 1.0
    blanks: float = 0.4
    copies: float = field(default=0.1, metadata={"before": 1.0})
    swapped: float | None = field(default=0.05, metadata={"before": None})
    seed: int = 0
    save_every: int = 1000
    parts: int = field(default=2, metadata={"before": 1})
    threads: int = cores()

    def __post_init__(self) -> None:
        for name, most in (
            ("steps", MOST),
            ("batch", MOST),
            ("save_every", MOST),
            ("parts", MOST_THREADS),
            ("threads", MOST_THREADS),
        ):
            if not 1 <= getattr(self, name) <= most:
                raise InputError(f"{name} must be from 1 to {most:,}, got {getattr(self, name)}")
        for name in ("lr", "clip"):
            if not 0 < getattr(self, name) < math.inf:
                raise InputError(f"{name} must be a number above 0, got {getattr(self, name)}")
        for name in ("blanks", "copies", "swapped", "warmup"):
            if not 0 <= (getattr(self, name) or 0) <= 1:
                raise InputError(f"{name} must be in [0, 1], got {getattr(self, name)}")
        if not 0 <= self.weight_decay < math.inf:
            raise InputError(f"weight_decay must be a number not below 0, got {self.weight_decay}")
        if self.seed < 0:
            raise InputError(f"seed must not be negative, got {self.seed}")
        if self.seed >= 2**128:
            raise InputError(f"seed must be below 2¹²⁸, got one of {len(str(self.seed))} digits")


def fitted(training: TrainingConfig, given: Collection[str], sentences: int, pieces: int) -> TrainingConfig:
    """The settings with steps and batch fitted to a text, unless they are given.

    Args:
        given: names of the settings that stay as they are
        sentences, pieces: how many sentences there are to train on, and pieces in the vocabulary
    """
    batch = min(training.batch, max(sentences - sentences // 10, 1))
    fitted = {"batch": batch, "steps": usual_steps(sentences, pieces)}
    return replace(training, **{name: value for name, value in fitted.items() if name not in given})


def usual_steps(sentences: int, pieces: int) -> int:
    """The steps of a training on so many sentences and pieces, unless another number is asked for."""
    return min(round(max(FEWEST + PER_SENTENCE * sentences, PER_PIECE * pieces)), TrainingConfig.steps)


def check_trainable(data: Data, training: TrainingConfig) -> None:
    """Refuse, before a folder is made, a text that does not fill a batch."""
    if len(data.training) < training.batch:
        raise InputError(
            f"the text has {len(data.training)} sentences to train on, fewer than a batch of {training.batch}; "
            f"give more text, or --batch {max(len(data.training) // 4, 1)}"
        )


def check_memory(model: Sizes, frozen: Collection[str] = ()) -> None:
    """Refuse a model whose training this machine cannot hold.

    Args:
        frozen: parts that do not train: "embeddings", "head", and "layer.0" to the last
    """
    needed, there = memory_needed(model, frozen), physical_memory()
    if there is not None and needed > there:
        raise InputError(
            f"training this model takes {needed >> 30:,} GiB of memory, and this machine has {there >> 30:,}; "
            "try --freeze with a pretrained model, else a smaller --width, --layers or --vocab-size"
        )


def check_size(model: Sizes, saved: int, where: str) -> None:
    """Refuse a config that describes a model many times as large as the one that was saved, before it is built.

    Args:
        saved: how many numbers the weights in the checkpoint are; those of a model that fits are at least its matrices
        where: what the config is called in an error
    """
    sizes = model.matrices()
    least = sizes["embeddings"] + model.layers * sizes["layer"]
    if least > max(8 * saved, 10**7):  # of a smaller model the shape of a tensor is told, which says more
        raise InputError(f"{where} describes a model of more than {least:,} numbers, but {saved:,} were saved")


def memory_needed(model: Sizes, frozen: Collection[str]) -> int:
    """The bytes of the weights in float32, and of the gradient and two moments of those that train; without biases."""
    sizes = model.matrices()
    total = sizes["embeddings"] + model.layers * sizes["layer"] + sizes["head"]
    still = sum(sizes[part.partition(".")[0]] for part in frozen)
    return 16 * total - 12 * still
