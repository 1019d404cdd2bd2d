"""What a training is asked to do."""

from dataclasses import dataclass

from ..errors import InputError


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

    Raises InputError for a number out of range.
    """

    steps: int = 2000
    batch: int = 32
    lr: float = 2e-3
    warmup: float = 0.1
    weight_decay: float = 0.01
    clip: float = 1.0
    blanks: float = 0.15
    seed: int = 0
    save_every: int = 500

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "save_every"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("lr", "clip"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InputError(f"{name} must be a number above 0, got {getattr(self, name)}")
        for name in ("blanks", "warmup"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} must be in [0, 1], got {getattr(self, name)}")
        if self.weight_decay < 0:
            raise InputError(f"weight_decay must not be negative, got {self.weight_decay}")
        if self.seed < 0:
            raise InputError(f"seed must not be negative, got {self.seed}")
