"""What all kinds of workers have in common: parts of a batch go in, one step of the optimizer comes out."""

import math
from collections.abc import Sequence

from ..fast import FlatOptimizer, UpdatePiece, flat_optimizer_of
from ..ops.base import norm_of
from ..ops.kernels import kernel_of
from ..optim import Optimizer
from .parts import Gradients, Part, SplittableModel


class Workers:
    """Several workers share the parts of each batch. The base of all kinds.

    The gradients stay with the workers: the parameters' `.grad` is left alone. The same batch, seed and number of parts
    give the same bits on any number of workers of any kind. Workers follow the parameters and the mode of dropout;
    other changes of the model they do not see.

    Args:
        parts: into how many parts each batch is dealt, P
        count: how many workers there are; no more than P are of use
    """

    def __init__(self, model: SplittableModel, optimizer: Optimizer, parts: int, count: int) -> None:
        self.model, self.optimizer, self.parts, self.count = model, optimizer, parts, min(count, parts)
        self.flat_optimizer: FlatOptimizer = flat_optimizer_of(optimizer)
        self.seed: list[int] | None = None
        self.lengths: list[float] = []  # of the gradient, piece by piece
        self.scale = 1.0

    def seed_dropout(self, seed: Sequence[int]) -> None:
        """Decide what dropout draws in the next batch; each part draws numbers of its own."""
        self.seed = [*seed]

    def add_gradients(self, batch: Part) -> float:
        """Compute the gradient of the mean loss over a batch, and return the loss."""
        raise NotImplementedError

    def gradients(self) -> Gradients:
        """Copies of the gradients that were computed last, by name, before they are clipped."""
        raise NotImplementedError

    def clip(self, max_norm: float) -> float:
        """Let `step` scale the gradients to a length of at most max_norm, as clip_grad_norm_ does; returns it."""
        norm = math.hypot(*self.lengths)
        self.scale = max_norm / (norm + 1e-6) if norm > max_norm else 1.0
        return norm

    def step(self) -> None:
        """Let the optimizer change the parameters.

        Raises RuntimeError where a parameter has a gradient of its own, which would be lost.
        """
        own = [name for name, p in self.optimizer.parameters.items() if p.grad is not None]
        if own:
            raise RuntimeError(f"step: {own[0]} has a gradient beside that of the workers; take it away first")
        self.update()
        self.lengths, self.scale = [], 1.0

    def update(self) -> None:
        """What `step` does, once it is known that nothing is lost."""
        raise NotImplementedError

    def collect(self) -> None:
        """Bring the optimizer's state here, where it lies elsewhere."""

    def runs_textbook(self) -> bool:
        """Whether the optimizer steps as `optim.py` reads, one parameter after the other."""
        arrays = [parameter.data for parameter in self.optimizer.parameters.values()]
        rare = any(group[option] for group in self.optimizer.param_groups for option in self.optimizer.rare)
        return rare or kernel_of(type(self.optimizer), arrays) is None


def lengths_of(pieces: Sequence[UpdatePiece], gradients: Gradients) -> list[float]:
    """The length of the gradient in each piece of an update. Raises FloatingPointError where one is not finite."""
    return [norm_of(piece.of(gradients)) for piece in pieces]


def step_alone(optimizer: Optimizer, gradients: Gradients, scale: float) -> None:
    """A step of the optimizer by this process, on gradients that are scaled first, in place."""
    for name, gradient in gradients.items():
        if scale != 1.0:
            gradient *= scale
        optimizer.parameters[name].grad = gradient
    try:
        optimizer.step()
    finally:
        optimizer.zero_grad()
