"""A batch in parts, and the one tree in which all that the parts give is added.

Floating-point sums depend on the order in which they are taken. Here the order is fixed: parts 0 and 1 are added, 2 and
3, then both sums, and so on. So the bits of a step depend on the batch, the seed and the number of parts, and on
nothing else: not on who computes a part.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

import numpy as np

from ..backend import Array
from ..nn import Dropout, Module, Parameter
from ..tensor import Tensor

V = TypeVar("V")

Gradients = dict[str, Array]
"""By the name of a parameter; one that a part does not use is not in it."""


class SplittableModel(Protocol):
    """A model whose loss is a mean over tokens, so that parts of a batch can be computed apart."""

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


class Dealt(NamedTuple):
    """A part with its number, and what its mean loss counts in that of the batch."""

    number: int
    weight: float
    part: Part


class TreeNode(NamedTuple):
    """A place in the tree: the sum of the parts from `start` to the one before `end`."""

    start: int
    end: int

    @property
    def halves(self) -> "tuple[TreeNode, TreeNode]":
        """The two nodes whose sum this one is; the left one has as many parts as a power of 2, and not fewer."""
        middle = self.start + (1 << (self.end - self.start - 1).bit_length() - 1)
        return TreeNode(self.start, middle), TreeNode(middle, self.end)

    def within(self, start: int, end: int) -> "list[TreeNode]":
        """The largest nodes below this one, or itself, that have parts from `start` to the one before `end` alone."""
        if start >= self.end or end <= self.start:
            return []
        if start <= self.start and self.end <= end:
            return [self]
        return [node for half in self.halves for node in half.within(start, end)]


def add_in_tree(node: TreeNode, known: Callable[[TreeNode], V | None], add: Callable[[V, V], V]) -> V | None:
    """The sum of the parts of a node, from the left to the right; None where all of them are missing.

    Args:
        known: the sum of the parts of a node, or None where its halves are to be added, or its one part is missing
        add: the sum of two values; it may change the left one
    """
    value = known(node)
    if value is not None or node.end - node.start == 1:
        return value
    left, right = (add_in_tree(half, known, add) for half in node.halves)
    if left is None or right is None:
        return left if right is None else right
    return add(left, right)


def deal(batch: Part, count: int) -> list[Dealt]:
    """A batch in `count` stretches of nearly equal length; those are left out in which nothing is to be restored.

    Where nothing is to be restored at all, the last one is kept, so that the loss can say so.
    """
    ends = [round(len(batch.ids) * i / count) for i in range(count + 1)]
    parts: list[Part] = []
    for rows in map(slice, ends, ends[1:]):
        mask = None if batch.attention_mask is None else batch.attention_mask[rows]
        parts.append(Part(batch.ids[rows], mask, batch.targets[rows]))
    wanted = [part.targets_wanted for part in parts]
    total = sum(wanted)
    if not total:
        return [Dealt(count - 1, 1.0, parts[-1])]
    return [Dealt(i, n / total, part) for i, (n, part) in enumerate(zip(wanted, parts, strict=True)) if n]


def stretch(start: int, end: int, index: int, count: int) -> tuple[int, int]:
    """Where the parts begin and end that one of `count` workers has of those from `start` to `end`."""
    return tuple(start + (end - start) * i // count for i in (index, index + 1))  # type: ignore[return-value]


def dropouts_of(model: SplittableModel) -> list[Dropout]:
    """The layers of a model that draw random numbers."""
    return [module for module in model.modules() if isinstance(module, Dropout)]


def seed_dropout(dropouts: Sequence[Dropout], seed: Sequence[int], part: int = 0) -> None:
    """Let dropout draw from a new generator, which the seed and the number of the part decide."""
    generator = np.random.default_rng([*seed, part])
    for dropout in dropouts:
        dropout.generator = generator


class PartGradients:
    """Computes the gradients of parts, one after the other, on one copy of the model."""

    def __init__(self, model: SplittableModel) -> None:
        self.model, self.dropouts = model, dropouts_of(model)
        self.names = {id(p): name for name, p in model.named_parameters() if p.requires_grad}

    def modes(self) -> list[bool]:
        """Which layers of dropout are in training."""
        return [dropout.training for dropout in self.dropouts]

    def of(self, dealt: Dealt, modes: Sequence[bool], seed: Sequence[int] | None) -> tuple[float, Gradients]:
        """The weighted loss of a part and its gradients."""
        for dropout, mode in zip(self.dropouts, modes, strict=True):
            dropout.training = mode
        if seed is not None:
            seed_dropout(self.dropouts, seed, dealt.number)
        loss = self.model.loss(*dealt.part)
        value, leaves = dealt.weight * loss.item(), loss.gradients(dealt.weight)
        return value, {self.names[id(leaf)]: gradient for leaf, gradient in leaves}


def add_gradients(left: Gradients, right: Gradients) -> Gradients:
    """Add to the left ones, in place, and return them."""
    for name, gradient in right.items():
        if name in left:
            left[name][...] += gradient
        else:
            left[name] = gradient
    return left
