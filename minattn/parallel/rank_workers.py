"""One batch on ranks of MPI: each has a crew, which owns a share of all sums and of the update.

Each rank gets its share of the gradients of all others, adds it in the tree, updates its share of the parameters, and
gives that to all others (Rajbhandari et al., 2020, stage 1 of section 5: the optimizer's state is divided as well). So
the update costs a rank less the more ranks there are, and no rank sends or receives more than twice what the model has.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..backend import Array
from ..fast import FlatOptimizer
from ..ops.kernels import textbook_is_chosen
from ..optim import Optimizer
from .crew import Crew, Table
from .parts import Dealt, Gradients, Part, SplittableModel, TreeNode, deal
from .ranks import Ranks
from .workers import Workers, lengths_of

FIRST_ARRAY = 1 << 20
"""Numbers of messages below this are those of nodes, by the first part that they have."""


class RankCrew(Crew):
    """The crew of one rank. As Crew, and it exchanges shares with the others.

    Args:
        active: how many ranks take part; no more than there are parts
    """

    def __init__(
        self,
        model: SplittableModel,
        optimizer: Optimizer,
        flat_optimizer: FlatOptimizer,
        parts: int,
        count: int,
        least_update: int,
        ranks: Ranks,
    ) -> None:
        place = ranks.rank, min(ranks.size, parts)
        super().__init__(model, optimizer, flat_optimizer, parts, count, least_update, place)
        self.ranks, self.others = ranks, [other for other in range(place[1]) if other != ranks.rank]
        self.still = [p.data for _, p in model.named_parameters() if not p.requires_grad]
        self.received: dict[TreeNode, Array] = {}

    def compute_dealt(
        self, dealt: Sequence[Any], modes: Sequence[bool], seed: Sequence[int] | None
    ) -> tuple[list[tuple[int, float]], Table]:
        """As `compute_parts`, of parts that came as a message."""
        parts = [Dealt(number, weight, Part(*part)) for number, weight, part in dealt]
        return self.compute_parts(parts, modes, seed)

    def exchange(self, tables: Sequence[Table]) -> list[float]:
        """Add up this rank's share of what all have computed; the length of the gradient in each of its pieces.

        Args:
            tables: for each rank, what it has
        """
        have = [{TreeNode(*node): {*names} for node, names in table.items()} for table in tables]
        (start, end), mine = self.shares[self.index], have[self.index]
        sending = [
            (other, node.start, self.sums[node][slice(*self.shares[other])]) for other in self.others for node in mine
        ]
        receiving = []
        for other in self.others:
            for node in have[other]:
                memory = self.received.setdefault(node, np.empty(end - start, np.uint8))
                receiving.append((other, node.start, memory))
        self.ranks.exchange(sending, receiving)
        table = {node: names for own in have for node, names in own.items()}
        pieces = self.flat_optimizer.pieces({name for names in table.values() for name in names})
        own_pieces = self.layout.between(pieces, self.shares[self.index])

        def find(node: TreeNode, name: str, part: slice) -> Array:
            if node in mine:
                return self.slots[node][name].reshape(-1)[part]
            shape, dtype = self.layout.arrays[name]
            size = int(np.prod(shape, dtype=int))
            first, last, _ = part.indices(size)
            at = self.layout.offsets[name] - start
            found: Array = self.received[node][at + first * dtype.itemsize : at + last * dtype.itemsize].view(dtype)
            return found

        self._add(self.total, self.root, own_pieces, table, find)
        return lengths_of(own_pieces, self.total)

    def update_share(self, scale: float, rates: list[float], steps: dict[str, int], names: list[str]) -> None:
        """Update this rank's share of the parameters, and give it to all others."""
        super().update_share(scale, rates, steps, names)
        self.publish(self.parameters)

    def step_textbook(self, scale: float, rates: list[float], names: list[str]) -> None:
        """As Crew.step_textbook, on every rank alike."""
        self.publish(self.total_memory)
        super().step_textbook(scale, rates, names)

    def publish(self, memory: Array) -> None:
        """Give this rank's share of some memory to all others, and take theirs."""
        own = memory[slice(*self.shares[self.index])]
        self.ranks.exchange(
            [(other, FIRST_ARRAY, own) for other in self.others],
            [(other, FIRST_ARRAY, memory[slice(*self.shares[other])]) for other in self.others],
        )

    def give_gradients(self) -> None:
        """Give this rank's share of the sums to rank 0."""
        self._gather([self.total_memory])

    def give_state(self) -> None:
        """Give this rank's share of the optimizer's state to rank 0."""
        self._gather(self.state)

    def take_all(self, steps: dict[str, int]) -> None:
        """Take parameters, and this rank's share of the state, from rank 0."""
        self.optimizer.steps |= steps
        arrays = [self.parameters, *self.still]
        flat = [array.reshape(-1).view(np.uint8) for array in arrays]
        everything = [(other, number, array) for other in self._across() for number, array in enumerate(flat)]
        count = len(flat)
        shares = [
            (other, count + i, memory[slice(*self.shares[other or self.index])])
            for other in self._across()
            for i, memory in enumerate(self.state)
        ]
        sending, receiving = ([], everything + shares) if self.index else (everything + shares, [])
        self.ranks.exchange(sending, receiving)
        if self.index:
            for parameter in self.trained.values():
                parameter.changed()

    def _gather(self, memories: Sequence[Array]) -> None:
        messages = [
            (other, i, memory[slice(*self.shares[other or self.index])])
            for other in self._across()
            for i, memory in enumerate(memories)
        ]
        self.ranks.exchange(*((messages, []) if self.index else ([], messages)))

    def _across(self) -> list[int]:
        """The ranks to whom this one gives what rank 0 has, or gets it from: all others, or rank 0."""
        return [0] if self.index else self.others


class RankWorkers(Workers):
    """All ranks share the parts of each batch. This is what rank 0 has; it asks the crews of all ranks.

    Args:
        count: processes on each rank
        description: of the model and the optimizer, for those who build them on the other ranks
    """

    def __init__(
        self,
        model: SplittableModel,
        optimizer: Optimizer,
        parts: int,
        count: int,
        ranks: Ranks,
        description: dict[str, Any],
        least_update: int = 1 << 18,
    ) -> None:
        super().__init__(model, optimizer, parts, count * ranks.size)
        own = {"parts": parts, "count": count, "least_update": 4 * least_update, "textbook": textbook_is_chosen()}
        self.ranks, self.description = ranks, description | own
        self.active = min(ranks.size, parts)
        self.crew = RankCrew(model, optimizer, self.flat_optimizer, parts, count, 4 * least_update, ranks)
        self.names: list[str] = []  # of the parameters that got a gradient last

    def __enter__(self) -> RankWorkers:
        self.crew.__enter__()
        self.ranks.ask(self, "begin", [(self.description,)] * self.active)
        self.ask("take_all", self.optimizer.steps)
        return self

    def __exit__(self, kind: type[BaseException] | None = None, *_: object) -> None:
        if kind is None or issubclass(kind, OSError):  # else a rank may be in the middle of something
            self.collect()
        self.crew.__exit__()

    def begin(self, description: dict[str, Any]) -> None:
        """Nothing: the crew of rank 0 is there already."""

    def ask(self, method: str, *arguments: Any) -> list[Any]:
        """The same of every rank that takes part."""
        return self.ranks.ask(self.crew, method, [arguments] * self.active)

    def add_gradients(self, batch: Part) -> float:
        """As Workers.add_gradients."""
        self.names = []
        dealt, modes = deal(batch, self.parts), self.crew.part_gradients.modes()
        bounds = [self.parts * i // self.active for i in range(self.active + 1)]
        shares = [[part for part in dealt if a <= part.number < b] for a, b in pairwise(bounds)]
        answers = self.ranks.ask(self.crew, "compute_dealt", [(share, modes, self.seed) for share in shares])
        tables = [table for _, table in answers]
        self.lengths = [length for own in self.ask("exchange", tables) for length in own]
        found = {name for table in tables for names in table.values() for name in names}
        self.names = [name for name in self.crew.layout.offsets if name in found]
        losses = sorted(tuple(one) for own, _ in answers for one in own)
        return float(sum(loss for _, loss in losses))

    def gradients(self) -> Gradients:
        """As Workers.gradients."""
        self.ask("give_gradients")
        return {name: self.crew.total[name].copy() for name in self.names}

    def update(self) -> None:
        """As Workers.update; all ranks share it."""
        rates = [group["lr"] for group in self.optimizer.param_groups]
        if self.runs_textbook():
            self.ask("step_textbook", self.scale, rates, self.names)
        else:
            for name in self.names:
                self.optimizer.steps[name] += 1
            steps = {name: self.optimizer.steps[name] for name in self.names}
            self.ask("update_share", self.scale, rates, steps, self.names)
        self.names = []

    def collect(self) -> None:
        """As Workers.collect."""
        if not self.runs_textbook():
            self.ask("give_state")
