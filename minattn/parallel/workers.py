"""What all ways of sharing a batch have in common: its parts, what each counts, and what is needed of a model."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..backend import Array
from ..nn import Dropout, Module, Parameter
from ..optim import Optimizer
from ..tensor import Tensor


class Sized(Protocol):
    """The sizes of a model, as far as they tell how much work a batch is."""

    @property
    def width(self) -> int: ...


class SplittableModel(Protocol):
    """A model whose loss is a mean over tokens, so that parts of a batch can be computed apart."""

    @property
    def config(self) -> Sized: ...

    def loss(self, ids: Array, attention_mask: Array | None, targets: Array) -> Tensor: ...

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]: ...

    def modules(self) -> Iterator[Module]: ...


class Part(NamedTuple):
    """Some rows of a batch: what a model's loss takes."""

    ids: Array
    attention_mask: Array | None
    targets: Array

    @property
    def targets_wanted(self) -> int:
        """How many tokens are to be restored."""
        return int((self.targets != -100).sum())


def split_batch(batch: Part, count: int) -> list[Part]:
    """A batch in `count` stretches of nearly equal length, without those in which nothing is to be restored."""
    ends = [round(len(batch.ids) * i / count) for i in range(count + 1)]
    parts = []
    for rows in map(slice, ends, ends[1:]):
        mask = None if batch.attention_mask is None else batch.attention_mask[rows]
        parts.append(Part(batch.ids[rows], mask, batch.targets[rows]))
    return [part for part in parts if part.targets_wanted] or parts[-1:]


def part_weights(parts: Sequence[Part]) -> list[float]:
    """What the mean loss of each part counts in that of the batch; 1 without any target, so that the loss says so."""
    wanted = [part.targets_wanted for part in parts]
    return [count / sum(wanted) if any(wanted) else 1.0 for count in wanted]


def dropouts_of(model: SplittableModel) -> list[Dropout]:
    """The layers of a model that draw random numbers."""
    return [module for module in model.modules() if isinstance(module, Dropout)]


def seed_dropout(dropouts: Sequence[Dropout], seed: Sequence[int], worker: int = 0) -> None:
    """Let the dropout of one worker's model draw from a new generator, which the seed and its number decide."""
    generator = np.random.default_rng([*seed, worker])
    for dropout in dropouts:
        dropout.generator = generator


class Workers:
    """Several workers, each with some rows of a batch: their gradients are added. The base of all kinds.

    The same batch on the same number of workers gives the same bits, whatever their kind; on another number the same
    up to rounding. Workers follow the parameters and the mode of dropout; other changes of the model they do not see.

    Args:
        count: the most parts of a batch
        least_work: the numbers in one layer (rows · T · D) below which a part is not worth a worker
    """

    def __init__(self, model: SplittableModel, optimizer: Optimizer, count: int, least_work: int) -> None:
        self.model, self.optimizer, self.count, self.least_work = model, optimizer, count, least_work
        self.seed: list[int] | None = None

    def seed_dropout(self, seed: Sequence[int]) -> None:
        """Decide what dropout draws in the next batch; each worker draws numbers of its own."""
        self.seed = [*seed]

    def add_gradients(self, batch: Part) -> float:
        """Add to each parameter's `.grad` that of the mean loss over the batch, and return the loss."""
        raise NotImplementedError

    def step(self) -> None:
        """Let the optimizer change the parameters."""
        self.optimizer.step()

    def split(self, batch: Part) -> tuple[list[Part], list[float]]:
        """The parts of a batch, at most one for each worker, and their weights."""
        worthwhile = batch.ids.size * self.model.config.width // self.least_work
        parts = split_batch(batch, min(max(worthwhile, 1), self.count))
        return parts, part_weights(parts)

    def set_dropout(self, dropouts: Sequence[Dropout], modes: Sequence[bool], seed: Any, worker: int) -> None:
        """Make the dropout of one worker's model follow that of the model itself."""
        for dropout, mode in zip(dropouts, modes, strict=True):
            dropout.training = mode
        if seed is not None:
            seed_dropout(dropouts, seed, worker)
