"""One batch on several threads: each takes some of its sentences, and their gradients are added."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..backend import Array, array_module
from ..fast.products import blocks
from ..nn import Dropout
from ..tensor import Tensor
from .threads import Threads

if TYPE_CHECKING:
    from ..optim import Optimizer
    from ..training.model import Model

BLOCK = 1 << 16
"""Elements of a gradient that are added at a time."""

LEAST = 1 << 15
"""The numbers in one layer (rows · T · D) below which a part is not worth a thread.

Python runs one thread at a time, and only NumPy's own work beside it: threads with little of that wait for each other.
"""


Piece = tuple[Array, list[Array]]
"""A block of a gradient, and those of other threads that are added to it."""


class Part(NamedTuple):
    """What one thread works on: some rows of the batch."""

    ids: Array
    attention_mask: Array | None
    targets: Array

    @property
    def counted(self) -> int:
        """How many tokens are to be restored."""
        return int((self.targets != -100).sum())


def deal(batch: Part, count: int) -> list[Part]:
    """A batch in `count` stretches of nearly equal length, without those in which nothing is to be restored."""
    ends = [round(len(batch.ids) * i / count) for i in range(count + 1)]
    parts = []
    for rows in map(slice, ends, ends[1:]):
        mask = None if batch.attention_mask is None else batch.attention_mask[rows]
        parts.append(Part(batch.ids[rows], mask, batch.targets[rows]))
    return [part for part in parts if part.counted] or parts[-1:]


def shares(parts: Sequence[Part]) -> list[float]:
    """What the mean loss of each part counts in that of the batch; 1 where no token is to be restored: it explains."""
    counted = [part.counted for part in parts]
    return [count / sum(counted) if any(counted) else 1.0 for count in counted]


class DataParallel:
    """Runs a model forward and backward on parts of a batch, each thread with its own graph.

    The models of the threads are copies that share the parameters and follow the mode of dropout; what else is changed
    in the model later they do not see. The same batch on the same number of threads gives the same bits; on another
    number the same up to rounding.
    """

    def __init__(self, model: Model, threads: Threads) -> None:
        self.model, self.threads = model, threads
        shared = {id(parameter): parameter for parameter in model.parameters()}
        self.models = [model, *(copy.deepcopy(model, dict(shared)) for _ in range(threads.count - 1))]
        self.dropouts = [[m for m in model.modules() if isinstance(m, Dropout)] for model in self.models]

    def backward(
        self,
        ids: Array,
        attention_mask: Array | None,
        targets: Array,
        generators: Sequence[np.random.Generator] | None = None,
    ) -> float:
        """Add to each parameter's `.grad` that of the mean loss over the batch, and return the loss.

        ids, attention_mask, targets: as for the model's loss; rows are dealt out in stretches of nearly equal length
        generators: for dropout, one a thread; needed where the model has dropout
        """
        if generators is not None and len(generators) < self.threads.count:
            raise ValueError(f"DataParallel: {len(generators)} generators for {self.threads.count} threads")
        for i, dropouts in enumerate(self.dropouts):
            for dropout, own in zip(dropouts, self.dropouts[0], strict=True):
                dropout.training = own.training
                if generators is not None:
                    dropout.generator = generators[i]
        parts = self._parts(Part(ids, attention_mask, targets))

        def run(work: tuple[Model, Part, float]) -> tuple[float, list[tuple[Tensor, Array]]]:
            model, part, share = work
            loss = model.loss(*part)
            return share * loss.item(), loss.gradients(share)

        results = self.threads.map(run, list(zip(self.models, parts, shares(parts), strict=False)))
        self._add([gradients for _, gradients in results])
        return sum(loss for loss, _ in results)

    @property
    def count(self) -> int:
        """The most parts of a batch."""
        return self.threads.count

    def step(self, optimizer: Optimizer) -> None:
        """Let the optimizer change the parameters, on the same threads."""
        optimizer.step(self.threads)

    def _parts(self, batch: Part) -> list[Part]:
        return deal(batch, min(max(batch.ids.size * self.model.config.width // LEAST, 1), self.threads.count))

    def _add(self, results: list[list[tuple[Tensor, Array]]]) -> None:
        """Add the gradients of the threads in the order of the parts; the threads share the work, block by block."""
        uses: dict[int, tuple[Tensor, list[Array]]] = {}
        for gradients in results:
            for leaf, gradient in gradients:
                uses.setdefault(id(leaf), (leaf, []))[1].append(gradient)
        pieces: list[Piece] = []
        for leaf, others in uses.values():
            if leaf.grad is None:
                leaf.grad = others.pop(0)
            if others:
                # it is added to through a flat view
                leaf.grad = array_module(leaf.grad).ascontiguousarray(leaf.grad).reshape(leaf.shape)
                pieces += in_blocks(leaf.grad, others)
        if pieces:
            self.threads.map(add_up, self.threads.deal(pieces))


def in_blocks(total: Array, gradients: Sequence[Array]) -> list[Piece]:
    """What is to be added to `total`, which is contiguous, block by block."""
    total, flat = total.reshape(-1), [gradient.reshape(-1) for gradient in gradients]
    return [(total[block], [g[block] for g in flat]) for block in blocks(total, total.size, BLOCK)]


def add_up(pieces: Sequence[Piece]) -> None:
    """Add to each block those that belong to it, in their order."""
    for total, gradients in pieces:
        for gradient in gradients:
            total += gradient
