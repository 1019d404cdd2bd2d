"""What a training is asked to do."""

import math
from dataclasses import dataclass, fields
from typing import Any, TypeVar, get_args, get_type_hints

from ..errors import InputError
from ..parallel import cores

Config = TypeVar("Config")

MOST = 10**12
"""The most steps there can be; it only keeps the arithmetic within what a float holds."""


@dataclass(frozen=True)
class TrainingConfig:
    """The settings of a training; `benchmarks/README.md` says how the defaults were chosen.

    steps, batch      optimizer steps; sentences in each
    lr, warmup        the highest learning rate, and the share of the steps that leads up to it; then a cosine down to 0
    weight_decay      AdamW's, on matrices only
    clip              the largest length of the gradient
    blanks            the share of the tokens that is blanked out; 0 is the pure copy
    seed              of the weights, the order, the blanks and dropout
    save_every        steps between checkpoints
    threads           that share each batch; the same number gives the same bits, another the same up to rounding

    Raises InputError for a number out of range.
    """

    steps: int = 3500
    batch: int = 32
    lr: float = 4e-3
    warmup: float = 0.1
    weight_decay: float = 0.01
    clip: float = 1.0
    blanks: float = 0.15
    seed: int = 0
    save_every: int = 1000
    threads: int = cores()

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "save_every", "threads"):
            if not 1 <= getattr(self, name) <= MOST:
                raise InputError(f"{name} must be from 1 to {MOST:,}, got {getattr(self, name)}")
        for name in ("lr", "clip"):
            if not 0 < getattr(self, name) < math.inf:
                raise InputError(f"{name} must be a number above 0, got {getattr(self, name)}")
        for name in ("blanks", "warmup"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} must be in [0, 1], got {getattr(self, name)}")
        if not 0 <= self.weight_decay < math.inf:
            raise InputError(f"weight_decay must be a number not below 0, got {self.weight_decay}")
        if self.seed < 0:
            raise InputError(f"seed must not be negative, got {self.seed}")


def from_json(kind: type[Config], values: Any, where: str) -> Config:
    """A dataclass from what a JSON file holds for it, which somebody may have edited.

    where: what the values are called in an error, such as "runs/mine/config.json: training"
    Raises InputError for a missing or unknown name, a value of another type, and what the dataclass itself refuses.

    >>> from_json(TrainingConfig, {"steps": "many"}, "config.json: training")
    Traceback (most recent call last):
    minattn.errors.InputError: config.json: training: steps must be of type int, got 'many'
    """
    if not isinstance(values, dict):
        raise InputError(f"{where} is missing, or not a JSON object")
    types = get_type_hints(kind)
    for name in (field.name for field in fields(kind)):  # type: ignore[arg-type]
        if name not in values:
            raise InputError(f"{where} lacks {name}")
        value, wanted = values[name], get_args(types[name]) or (types[name],)
        fits = type(value) in wanted or (float in wanted and type(value) is int)
        if not fits:
            raise InputError(f"{where}: {name} must be of type {wanted[0].__name__}, got {value!r}")
    if unknown := sorted(values.keys() - types.keys()):
        raise InputError(f"{where} has {unknown[0]!r}, which this version does not know")
    try:
        return kind(**values)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
