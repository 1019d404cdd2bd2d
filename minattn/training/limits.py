"""What is refused before a training begins: too little text, and too large a model."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from ..errors import InputError
from ..fast import physical_memory
from .data import Data
from .settings import TrainingConfig


class MatrixSizes(Protocol):
    """The sizes of a model that is yet to be made: `matrices` counts the numbers in its parts."""

    @property
    def layers(self) -> int: ...

    def matrices(self) -> dict[str, int]: ...


SMALL = 100
"""Sentences to train on below which a text is called very small."""


def check_trainable(data: Data, training: TrainingConfig) -> None:
    """Refuse, before a folder is made, a text that does not fill a batch."""
    if len(data.training) < training.batch:
        raise InputError(
            f"the text has {len(data.training)} sentences to train on, fewer than a batch of {training.batch}; "
            f"give more text, or --batch {max(len(data.training) // 4, 1)}"
        )


def check_memory(model: MatrixSizes, frozen: Collection[str] = ()) -> None:
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


def check_size(model: MatrixSizes, saved: int, where: str) -> None:
    """Refuse a config that describes a model many times as large as the one that was saved, before it is built.

    Args:
        saved: how many numbers the weights in the checkpoint are; those of a model that fits are at least its matrices
        where: what the config is called in an error
    """
    sizes = model.matrices()
    least = sizes["embeddings"] + model.layers * sizes["layer"]
    if least > max(8 * saved, 10**7):  # of a smaller model the shape of a tensor is told, which says more
        raise InputError(f"{where} describes a model of more than {least:,} numbers, but {saved:,} were saved")


def memory_needed(model: MatrixSizes, frozen: Collection[str]) -> int:
    """The bytes of the weights in float32, and of the gradient and two moments of those that train; without biases."""
    sizes = model.matrices()
    total = sizes["embeddings"] + model.layers * sizes["layer"] + sizes["head"]
    still = sum(sizes[part.partition(".")[0]] for part in frozen)
    return 16 * total - 12 * still
