"""One batch on several processes: each takes some of its sentences, and a share of the sums and of the update."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backend import Array
from ..fast import Workspace, reuse_memory
from ..nn import Dropout
from ..ops.base import as_array
from ..optim import Optimizer

FEW = 16
from .data_parallel import BLOCK, DataParallel, Part, Piece, add_up, deal, in_blocks, shares
from .processes import Processes, can_fork, shared, shared_copy
from .threads import Threads

if TYPE_CHECKING:
    from ..training.model import Model

LEAST = 1 << 13
"""As for threads: the numbers in one layer below which a part is not worth a process."""

Places = dict[str, int]
"""By the name of a parameter, which of a process's places its gradient is in."""

NOWHERE = -1
"""In none of them, because somebody still uses those of its shape."""


class ForkedDataParallel:
    """What DataParallel does, on processes: Python runs one thread at a time in each of them, and so all of them.

    Parameters, the optimizer's state and the gradients lie in memory that the processes share. Each computes the
    gradient of its part of the batch, then adds up its share of all gradients, and in `step` updates its share of the
    parameters. The bits are those of as many threads. The processes are copies of this one, made on entering `with`:
    what is changed in the model later they do not see, but for parameters and the mode of dropout. To be used inside
    `with Threads(…)`, which holds BLAS to one thread.
    """

    def __init__(self, model: Model, optimizer: Optimizer, count: int) -> None:
        self.model, self.optimizer, self.count = model, optimizer, count
        self._processes: Processes | None = None
        self.dropouts = [module for module in model.modules() if isinstance(module, Dropout)]
        self.trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        self.names = {id(parameter): name for name, parameter in self.trained.items()}
        for parameter in self.trained.values():
            parameter.data = shared_copy(parameter.data)
        optimizer.move_state(shared_copy)
        # The memory of gradients, a place a parameter and process. Ops borrow it like any other, for arrays of its
        # shape; so it is known only afterwards which of several places of one shape a gradient is in.
        self.places = [[shared(parameter.data) for parameter in self.trained.values()] for _ in range(count)]
        self.workspaces = [Workspace(places) for places in self.places]
        self.indices = [{_address(place): i for i, place in enumerate(places)} for places in self.places]
        self.own: dict[str, Array] = {}  # the gradients that this process computed last
        elements = sum(parameter.size for parameter in self.trained.values())
        self.alone = count == 1 or elements < FEW * BLOCK  # whether sums and updates are too little to be shared

    def __enter__(self) -> ForkedDataParallel:
        self._processes = Processes(self.count, self).__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._processes is not None:
            self._processes.__exit__(kind, error, trace)
            self._processes = None

    def backward(
        self,
        ids: Array,
        attention_mask: Array | None,
        targets: Array,
        generators: Sequence[np.random.Generator] | None = None,
    ) -> float:
        """As DataParallel.backward."""
        if generators is not None and len(generators) < self.count:
            raise ValueError(f"ForkedDataParallel: {len(generators)} generators for {self.count} processes")
        count = min(max(ids.size * self.model.config.width // LEAST, 1), self.count)
        parts = deal(Part(ids, attention_mask, targets), count)
        modes = [dropout.training for dropout in self.dropouts]
        work = [
            (*part, share, modes, generators[i] if generators else None)
            for i, (part, share) in enumerate(zip(parts, shares(parts), strict=True))
        ]
        try:
            results = self._map("run", work)
            self._add([places for _, places in results])
            for name, gradient in self.own.items():
                parameter = self.trained[name]
                parameter.grad = gradient if parameter.grad is None else as_array(parameter.grad + gradient)
        finally:
            self.own.clear()
        return float(sum(loss for loss, _ in results))

    def step(self, optimizer: Optimizer) -> None:
        """Let the optimizer change the parameters; the processes share the work."""
        if optimizer is not self.optimizer:
            raise ValueError("ForkedDataParallel: step: this is not the optimizer whose state the processes share")
        gradients = {name: p.grad for name, p in self.trained.items() if p.grad is not None}
        places = {name: self._place_of(0, gradient) for name, gradient in gradients.items()}
        if self.alone or NOWHERE in places.values():  # somebody has put another gradient there
            optimizer.step()
        else:
            self._map("update", [(optimizer.lr, optimizer.steps, places)] * self.count)

    def _map(self, method: str, parts: Sequence[tuple[Any, ...]]) -> list[Any]:
        if self._processes is None:
            raise RuntimeError("ForkedDataParallel: it has its processes inside `with` only; use it there")
        return self._processes.map(method, parts)

    # --- what the processes do

    def run(
        self,
        rank: int,
        ids: Array,
        attention_mask: Array | None,
        targets: Array,
        share: float,
        modes: list[bool],
        generator: np.random.Generator | None,
    ) -> tuple[float, Places]:
        """The loss of a part, and where its gradients are."""
        for dropout, mode in zip(self.dropouts, modes, strict=True):
            dropout.training = mode
            if generator is not None:
                dropout.generator = generator
        self.own.clear()
        with reuse_memory(self.workspaces[rank]):
            loss = self.model.loss(ids, attention_mask, targets)
            value, gradients = share * loss.item(), loss.gradients(share)
        del loss  # with it go arrays that may have borrowed a place
        places: Places = {}
        for leaf, gradient in gradients:
            name = self.names[id(leaf)]
            self.own[name], places[name] = self._placed(rank, gradient)
        return value, places

    def add(self, rank: int, count: int, places: Sequence[Places]) -> None:
        """A share of adding the gradients of all processes to those of rank 0."""
        pieces: list[Piece] = []
        for name, own in places[0].items():
            total = self.own[name] if rank == 0 else self.places[0][own]
            others = [self.places[i][table[name]] for i, table in enumerate(places) if i and name in table]
            pieces += in_blocks(total, others)
        add_up(pieces[rank::count])

    def update(self, rank: int, lr: float, steps: int, places: Places) -> None:
        """A share of an optimizer's step."""
        if rank:
            for name, parameter in self.trained.items():
                parameter.grad = self.places[0][places[name]] if name in places else None
        self.optimizer.lr, self.optimizer.steps = lr, steps
        self.optimizer.step_part(rank, self.count)

    # --- gradients and their places

    def _add(self, places: list[Places]) -> None:
        """Add the gradients of the other processes to those of this one."""
        for name in {name: None for table in places for name in table if name not in places[0]}:
            zeros = np.zeros_like(self.trained[name].data)
            self.own[name], places[0][name] = self._placed(0, zeros)
        if self.alone or len(places) == 1 or NOWHERE in places[0].values():
            self.add(0, 1, places)
        else:
            self._map("add", [(self.count, places)] * self.count)

    def _placed(self, rank: int, gradient: Array) -> tuple[Array, int]:
        """A gradient in one of the places of a process, and which; outside of them if all of its shape are taken."""
        place = self._place_of(rank, gradient)
        if place == NOWHERE:
            copy = self.workspaces[rank].empty(gradient.shape, gradient.dtype)
            copy[...] = gradient
            gradient, place = copy, self._place_of(rank, copy)
        if place == NOWHERE and rank:
            raise RuntimeError(f"ForkedDataParallel: there is no place for a gradient of shape {gradient.shape}")
        return gradient, place

    def _place_of(self, rank: int, gradient: Array) -> int:
        return self.indices[rank].get(_address(gradient), NOWHERE) if gradient.flags.c_contiguous else NOWHERE


Parallel = DataParallel | ForkedDataParallel


def sharing(model: Model, optimizer: Optimizer, threads: Threads) -> AbstractContextManager[Parallel]:
    """What shares each step, inside `with threads`: as many processes, or the threads where there are none."""
    if threads.count > 1 and can_fork():
        return ForkedDataParallel(model, optimizer, threads.count)
    return nullcontext(DataParallel(model, threads))


def _address(array: Array) -> int:
    address: int = array.__array_interface__["data"][0]
    return address
