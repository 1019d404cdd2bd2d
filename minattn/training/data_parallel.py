"""One batch on several threads: each takes some of its sentences, and their gradients are added."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..backend import Array, array_module
from ..nn import Dropout
from ..ops.fast import blocks
from ..parallel import Threads
from ..tensor import Tensor
from .model import Model

BLOCK = 1 << 16
"""Elements of a gradient that are added at a time."""

LEAST = 1 << 15
"""The numbers in one layer (rows · T · D) below which a part is not worth a thread.

Python runs one thread at a time, and only NumPy's own work beside it: threads with little of that wait for each other.
"""


class Part(NamedTuple):
    """What one thread works on: its model, and some rows of the batch."""

    model: Model
    ids: Array
    attention_mask: Array | None
    targets: Array


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
        parts = self._parts(ids, attention_mask, targets)
        total = sum(_counted(part) for part in parts)

        def run(part: Part) -> tuple[float, list[tuple[Tensor, Array]]]:
            loss = part.model.loss(part.ids, part.attention_mask, part.targets)
            share = _counted(part) / total if total else 1.0  # without any token to restore: the loss will explain
            return share * loss.item(), loss.gradients(share)

        results = self.threads.map(run, parts)
        self._add([gradients for _, gradients in results])
        return sum(loss for loss, _ in results)

    def _parts(self, ids: Array, attention_mask: Array | None, targets: Array) -> list[Part]:
        count = min(max(ids.size * self.model.config.width // LEAST, 1), self.threads.count)
        ends = [round(len(ids) * i / count) for i in range(count + 1)]
        parts = []
        for i, model in enumerate(self.models[:count]):
            rows = slice(ends[i], ends[i + 1])
            mask = None if attention_mask is None else attention_mask[rows]
            parts.append(Part(model, ids[rows], mask, targets[rows]))
        return [part for part in parts if _counted(part)] or parts[-1:]

    def _add(self, results: list[list[tuple[Tensor, Array]]]) -> None:
        """Add the gradients of the threads in the order of the parts; the threads share the work, block by block."""
        shares: dict[int, tuple[Tensor, list[Array]]] = {}
        for gradients in results:
            for leaf, gradient in gradients:
                shares.setdefault(id(leaf), (leaf, []))[1].append(gradient)
        pieces: list[tuple[Array, list[Array]]] = []
        for leaf, others in shares.values():
            if leaf.grad is None:
                leaf.grad = others.pop(0)
            if not others:
                continue
            # it is added to through a flat view
            leaf.grad = array_module(leaf.grad).ascontiguousarray(leaf.grad).reshape(leaf.shape)
            total, flat = leaf.grad.reshape(-1), [other.reshape(-1) for other in others]
            pieces += [(total[block], [g[block] for g in flat]) for block in blocks(total, total.size, BLOCK)]
        if pieces:
            self.threads.map(_sum, self.threads.deal(pieces))


def _sum(pieces: Sequence[tuple[Array, list[Array]]]) -> None:
    for total, gradients in pieces:
        for gradient in gradients:
            total += gradient


def _counted(part: Part) -> int:
    """How many tokens of a part are to be restored."""
    return int((part.targets != -100).sum())
