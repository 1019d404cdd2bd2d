"""What a training is asked to do."""

import math
from dataclasses import dataclass

from ..errors import InputError
from ..parallel import MOST_THREADS, cores

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
        for name, most in (("steps", MOST), ("batch", MOST), ("save_every", MOST), ("threads", MOST_THREADS)):
            if not 1 <= getattr(self, name) <= most:
                raise InputError(f"{name} must be from 1 to {most:,}, got {getattr(self, name)}")
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
        if self.seed >= 2**128:
            raise InputError(f"seed must be below 2¹²⁸, got one of {len(str(self.seed))} digits")
