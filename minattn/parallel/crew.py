"""A crew: this process and copies of it, which share memory, and compute some parts of each batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from ..backend import Array
from ..fast import FlatOptimizer, UpdatePiece, Workspace, reuse_memory
from ..optim import Optimizer
from .memory import Layout, shared_bytes
from .parts import Dealt, Gradients, PartGradients, SplittableModel, TreeNode, add_gradients, add_in_tree, stretch
from .processes import Processes
from .workers import lengths_of, step_alone

Table = dict[TreeNode, list[str]]
"""The nodes of the tree whose sum is there, and the parameters that have a gradient in it."""


class Crew:
    """Computes, adds and updates: its own parts, and where there are other crews, its share of what all have computed.

    Parameters, the optimizer's state and the gradients lie in memory that the processes share, each in one stretch.

    Args:
        parts: how many there are of a batch
        count: processes of this crew; no more than it has parts are of use
        least_update: bytes of parameters below which sums and updates are too little to be shared by processes
        place: which crew this is, and how many there are
    """

    def __init__(
        self,
        model: SplittableModel,
        optimizer: Optimizer,
        flat_optimizer: FlatOptimizer,
        parts: int,
        count: int,
        least_update: int,
        place: tuple[int, int] = (0, 1),
    ) -> None:
        self.optimizer, self.flat_optimizer = optimizer, flat_optimizer
        self.root, (self.index, self.crews) = TreeNode(0, parts), place
        start, end = stretch(0, parts, *place)
        self.count = max(min(count, end - start), 1)
        self.nodes = self.root.within(start, end)
        self.nodes_of = [self.root.within(*stretch(start, end, worker, self.count)) for worker in range(self.count)]
        self.trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        self.part_gradients = PartGradients(model)
        self._lay_out()
        self.workspaces = [Workspace() for _ in range(self.count)]
        self.is_little = self.count == 1 or self.layout.size < least_update
        self.processes: Processes | None = None

    def _lay_out(self) -> None:
        """Move parameters and state into shared memory, and make places for gradients."""
        arrays = {name: parameter.data for name, parameter in self.trained.items()}
        self.layout = Layout(arrays, self.flat_optimizer.bundles)
        all_pieces = self.flat_optimizer.pieces(self.trained)
        self.shares = self.layout.cut(all_pieces, 0, self.layout.size, self.crews)
        whole = 0, self.layout.size
        self.cuts = {share: self.layout.cut(all_pieces, *share, self.count) for share in (whole, *self.shares)}
        self.parameters = shared_bytes(self.layout.size)
        for name, place in self.layout.views(self.parameters).items():
            place[...] = arrays[name]
            self.trained[name].data = place
        self.state = [shared_bytes(self.layout.size) for _ in self.flat_optimizer.slots]

        def place_state(slot: int, name: str, array: Array) -> Array:
            start = self.layout.offsets[name]
            return self.state[slot][start : start + array.nbytes].view(array.dtype)

        self.flat_optimizer.move_state(place_state)
        self.sums = {node: shared_bytes(self.layout.size) for nodes in self.nodes_of for node in nodes}
        self.slots = {node: self.layout.views(memory) for node, memory in self.sums.items()}
        # the sum of a node of the crew comes into the place of the first of those of which it consists
        self.place_of = {node: next(own for own in self.slots if own.start == node.start) for node in self.nodes}
        self.total_memory = self.sums[self.place_of[self.nodes[0]]]
        self.total = self.slots[self.place_of[self.nodes[0]]]

    def __enter__(self) -> Self:
        self.processes = Processes(self.count, self).__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if self.processes is not None:
            self.processes.__exit__()
            self.processes = None

    def map(self, method: str, parts: Sequence[tuple[Any, ...]]) -> list[Any]:
        """method(worker, *part) in each of as many processes as there are parts."""
        if self.processes is None:
            raise RuntimeError("Crew: the processes are there inside `with` only; use it there")
        return self.processes.map(method, parts)

    # --- what the crew is asked to do

    def compute_parts(
        self, dealt: Sequence[Dealt], modes: Sequence[bool], seed: Sequence[int] | None
    ) -> tuple[list[tuple[int, float]], Table]:
        """Compute the gradients of some parts, and add them as far as the tree has them together.

        Returns the number and the loss of each part, and what was added.
        """
        ranges = [(nodes[0].start, nodes[-1].end) for nodes in self.nodes_of]
        work = [([part for part in dealt if a <= part.number < b], modes, seed) for a, b in ranges]
        results = self.map("compute", work)
        tables: Table = {node: names for _, own in results for node, names in own.items()}
        losses = [loss for own, _ in results for loss in own]
        if self.crews > 1 and self.count > 1:
            self._share_out("add", (self.nodes, tables, (0, self.layout.size)))
            tables = {self.place_of[node]: _names(tables, node) for node in self.nodes}
        return losses, {node: names for node, names in tables.items() if names}

    def total_up(self, table: Table) -> list[float]:
        """Add what the only crew there is has computed; the length of the gradient in each piece."""
        lengths = self._share_out("add", ([self.root], table, (0, self.layout.size)))
        return [length for own in lengths for length in own]

    def update_share(self, scale: float, rates: list[float], steps: dict[str, int], names: list[str]) -> None:
        """Update this crew's share of the parameters."""
        self._share_out("update", (scale, rates, steps, names))

    def step_textbook(self, scale: float, rates: list[float], names: list[str]) -> None:
        """Update all parameters as `optim.py` reads, in this process."""
        self._set_rates(rates)
        with reuse_memory(self.workspaces[0]):
            step_alone(self.optimizer, {name: self.total[name] for name in names}, scale)

    def _share_out(self, method: str, arguments: tuple[Any, ...]) -> list[Any]:
        count = 1 if self.is_little else self.count
        return self.map(method, [(count, *arguments)] * count)

    # --- what each of its processes does

    def compute(
        self, worker: int, dealt: Sequence[Dealt], modes: Sequence[bool], seed: Sequence[int] | None
    ) -> tuple[list[tuple[int, float]], Table]:
        """As `compute_parts`, for the parts of one worker."""
        parts, losses, table = {part.number: part for part in dealt}, [], {}

        def computed(node: TreeNode) -> Gradients | None:
            if node.end - node.start > 1 or node.start not in parts:
                return None
            loss, gradients = self.part_gradients.of(parts[node.start], modes, seed)
            losses.append((node.start, loss))
            return gradients

        with reuse_memory(self.workspaces[worker]):
            for node in self.nodes_of[worker]:
                if names := _sum_all_into(self.slots[node], node, computed):
                    table[node] = names
        return losses, table

    def add(
        self, worker: int, count: int, nodes: Sequence[TreeNode], table: Table, share: tuple[int, int]
    ) -> list[float]:
        """A share of adding what the processes have computed; the length of the gradient in each of its pieces."""
        names = {name for own in table.values() for name in own}
        pieces = self._own(worker, count, share, self.flat_optimizer.pieces(names))
        for node in nodes:
            below = {own: {*present} for own, present in table.items() if node.start <= own.start < node.end}
            place = self.slots[self.place_of[node]]
            self._add(place, node, pieces, below, lambda own, name, part: self.slots[own][name].reshape(-1)[part])
        return lengths_of(pieces, self.total) if self.crews == 1 else []

    def update(
        self, worker: int, count: int, scale: float, rates: list[float], steps: dict[str, int], names: list[str]
    ) -> None:
        """A share of the crew's share of an optimizer's step."""
        self._set_rates(rates)
        self.optimizer.steps |= steps
        pieces = self.flat_optimizer.pieces({*names}, steps)
        with reuse_memory(self.workspaces[worker]):
            own = self._own(worker, count, self.shares[self.index], pieces)
            self.flat_optimizer.update_pieces(own, self.total, scale)
        for name in names:
            self.trained[name].changed()

    def _own(self, worker: int, count: int, share: tuple[int, int], pieces: Sequence[UpdatePiece]) -> list[UpdatePiece]:
        """Those of the pieces in a share that fall to one of `count` workers."""
        return self.layout.between(pieces, share if count == 1 else self.cuts[share][worker])

    def _add(
        self,
        place: Gradients,
        node: TreeNode,
        pieces: Sequence[UpdatePiece],
        table: Mapping[TreeNode, set[str]],
        find: Callable[[TreeNode, str, slice], Array],
    ) -> None:
        """Add up the pieces of a node, each array of which is where `find` says, into their place."""
        for piece in pieces:
            for name in piece.names:
                known = {own: find(own, name, piece.part) for own, names in table.items() if name in names}
                _sum_into(place[name].reshape(-1)[piece.part], node, known.get)

    def _set_rates(self, rates: list[float]) -> None:
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = lr


def _names(table: Table, node: TreeNode) -> list[str]:
    """The parameters that have a gradient in some part of a node."""
    return [*{name: None for own, names in table.items() if node.start <= own.start < node.end for name in names}]


def _add_in_place(left: Array, right: Array) -> Array:
    left += right
    return left


def _sum_into(place: Array, node: TreeNode, known: Callable[[TreeNode], Array | None]) -> None:
    """As `add_in_tree`, with the sum in its place."""
    value = known(node)
    if value is None and node.end - node.start > 1:
        left, value = (add_in_tree(half, known, _add_in_place) for half in node.halves)
        if left is not None and value is not None:
            np.add(left, value, out=place)
            return
        value = left if value is None else value
    if value is not None:
        place[...] = value


def _sum_all_into(places: Gradients, node: TreeNode, computed: Callable[[TreeNode], Gradients | None]) -> list[str]:
    """As `add_in_tree` for the gradients of all parameters, with the sums in their places; which there are."""
    halves = node.halves if node.end - node.start > 1 else (node,)
    sums = [own for half in halves if (own := add_in_tree(half, computed, add_gradients))]
    for name, place in places.items():
        match [own[name] for own in sums if name in own]:
            case [left, right]:
                np.add(left, right, out=place)
            case [only]:
                place[...] = only
    return [name for name in places if any(name in own for own in sums)]
