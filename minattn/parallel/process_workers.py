"""One batch on several processes: each takes some of its rows, and a share of the sums and of the update."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import Array
from ..fast import Workspace, blocks, flat_optimizer_of, reuse_memory
from ..ops.kernels import kernel_of
from ..optim import Optimizer
from ..tensor import add_to_grad
from .processes import Processes, shared_copy, shared_zeros
from .workers import Part, SplittableModel, Workers, dropouts_of

SUM_BLOCK = 1 << 16
"""Elements of a gradient that are added at a time: what is added to them stays in a core's cache."""

Slots = dict[str, int]
"""By the name of a parameter, which of a process's slots its gradient is in."""

NO_SLOT = -1
"""In none of them, because somebody still uses all of its shape: other processes do not see it."""


class ProcessWorkers(Workers):
    """Processes, in each of which Python runs one thread at a time, and so all of them.

    Parameters, the optimizer's state and the gradients lie in memory that the processes share. Each computes the
    gradient of its part of the batch, then adds up its share of all gradients, and in `step` updates its share of the
    parameters. The processes are copies of this one, made on entering `with`.

    Args:
        least_update: the parameters below which sums and updates are too little to be shared
    """

    def __init__(
        self, model: SplittableModel, optimizer: Optimizer, count: int, least_work: int, least_update: int
    ) -> None:
        super().__init__(model, optimizer, count, least_work)
        self._processes: Processes | None = None
        self.dropouts = dropouts_of(model)
        self.trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        self.names = {id(parameter): name for name, parameter in self.trained.items()}
        for parameter in self.trained.values():
            parameter.data = shared_copy(parameter.data)
        self.flat_optimizer = flat_optimizer_of(optimizer)
        self.flat_optimizer.move_state(shared_copy)
        # Shared memory for gradients, a slot for each parameter and process. Ops borrow it like any other, for arrays
        # of its shape; so it is known only afterwards which of several slots of one shape a gradient is in.
        self.slots = [[shared_zeros(p.data) for p in self.trained.values()] for _ in range(count)]
        self.workspaces = [Workspace(slots) for slots in self.slots]
        self.slot_numbers = [{_address(slot): i for i, slot in enumerate(slots)} for slots in self.slots]
        self.gradients: dict[str, Array] = {}  # those that this process computed last
        self.is_little = count == 1 or sum(parameter.size for parameter in self.trained.values()) < least_update

    def __enter__(self) -> ProcessWorkers:
        self._processes = Processes(self.count, self).__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if self._processes is not None:
            self._processes.__exit__()
            self._processes = None

    def add_gradients(self, batch: Part) -> float:
        """As Workers.add_gradients."""
        modes = [dropout.training for dropout in self.dropouts]
        work = [(part, weight, modes, self.seed) for part, weight in zip(*self.split(batch), strict=True)]
        try:
            results = self._map("compute", work)
            self._add([slots for _, slots in results])
            for name, gradient in self.gradients.items():
                add_to_grad(self.trained[name], gradient)
        finally:
            self.gradients.clear()
        return float(sum(loss for loss, _ in results))

    def step(self) -> None:
        """As Workers.step; the processes share the update, unless somebody has put other gradients in place."""
        gradients = {name: p.grad for name, p in self.trained.items() if p.grad is not None}
        slots = {name: self._slot_of(0, gradient) for name, gradient in gradients.items()}
        is_textbook = kernel_of(type(self.optimizer), list(gradients.values())) is None
        if self.is_little or is_textbook or NO_SLOT in slots.values():
            self.optimizer.step()
            return
        for name in gradients:
            self.optimizer.steps[name] += 1
        rates = [group["lr"] for group in self.optimizer.param_groups]
        self._map("update", [(rates, self.optimizer.steps, slots)] * self.count)

    def _map(self, method: str, parts: Sequence[tuple[Any, ...]]) -> list[Any]:
        if self._processes is None:
            raise RuntimeError("ProcessWorkers: the processes are there inside `with` only; use it there")
        return self._processes.map(method, parts)

    # --- what each process does

    def compute(
        self, rank: int, part: Part, weight: float, modes: list[bool], seed: list[int] | None
    ) -> tuple[float, Slots]:
        """The loss of a part, and where its gradients are."""
        self.set_dropout(self.dropouts, modes, seed, rank)
        self.gradients.clear()
        with reuse_memory(self.workspaces[rank]):
            loss = self.model.loss(*part)
            value, gradients = weight * loss.item(), loss.gradients(weight)
        del loss  # with it go arrays that may have borrowed a slot
        slots: Slots = {}
        for leaf, gradient in gradients:
            name = self.names[id(leaf)]
            self.gradients[name], slots[name] = self._in_slot(rank, gradient)
        return value, slots

    def add(self, rank: int, count: int, slots: Sequence[Slots]) -> None:
        """A share of adding the gradients of all processes to those of rank 0."""
        pieces: list[tuple[Array, list[Array]]] = []
        for name, first in slots[0].items():
            total = (self.gradients[name] if rank == 0 else self.slots[0][first]).reshape(-1)
            others = [self.slots[i][table[name]].reshape(-1) for i, table in enumerate(slots) if i and name in table]
            pieces += [(total[block], [g[block] for g in others]) for block in blocks(total, total.size, SUM_BLOCK)]
        for total, others in pieces[rank::count]:
            for gradient in others:
                total += gradient

    def update(self, rank: int, rates: list[float], steps: dict[str, int], slots: Slots) -> None:
        """A share of an optimizer's step."""
        if rank:
            for name, parameter in self.trained.items():
                parameter.grad = self.slots[0][slots[name]] if name in slots else None
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = lr
        self.flat_optimizer.update(slots, steps, rank, self.count)
        for name in slots:
            self.trained[name].changed()

    # --- gradients and their slots

    def _add(self, slots: list[Slots]) -> None:
        """Add the gradients of the other processes to those of this one."""
        for name in {name: None for table in slots for name in table if name not in slots[0]}:
            zeros = np.zeros_like(self.trained[name].data)
            self.gradients[name], slots[0][name] = self._in_slot(0, zeros)
        if self.is_little or len(slots) == 1 or NO_SLOT in slots[0].values():
            self.add(0, 1, slots)
        else:
            self._map("add", [(self.count, slots)] * self.count)

    def _in_slot(self, rank: int, gradient: Array) -> tuple[Array, int]:
        """A gradient in one of the slots of a process, and which; outside of them if all of its shape are taken."""
        slot = self._slot_of(rank, gradient)
        if slot == NO_SLOT:
            copy = self.workspaces[rank].empty(gradient.shape, gradient.dtype)
            copy[...] = gradient
            gradient, slot = copy, self._slot_of(rank, copy)
        if slot == NO_SLOT and rank:
            raise RuntimeError(f"ProcessWorkers: there is no slot for a gradient of shape {gradient.shape}")
        return gradient, slot

    def _slot_of(self, rank: int, gradient: Array) -> int:
        return self.slot_numbers[rank].get(_address(gradient), NO_SLOT) if gradient.flags.c_contiguous else NO_SLOT


def _address(array: Array) -> int:
    return int(array.__array_interface__["data"][0])
