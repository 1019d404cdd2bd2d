"""Optimizers that update small parameters together, and large ones block by block."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self
from weakref import WeakKeyDictionary

import numpy as np

from ..backend import Array, array_module
from ..ops.base import squarable
from ..ops.kernels import implements, kernels
from ..optim import SGD, Adam, AdamW, Optimizer
from .products import blocks
from .workspace import empty, empty_like

BLOCK = 1 << 16
"""Elements that are updated at a time."""


class UpdatePiece(NamedTuple):
    """What is updated at a time: a block of a large parameter, or several small parameters whole.

    part: which elements of each, in rows
    state: flat arrays, as many as the optimizer has slots
    """

    names: list[str]
    part: slice
    step: int
    state: list[Array]

    def of(self, arrays: Mapping[str, Array]) -> list[Array]:
        """The same elements of other arrays by name, such as gradients, as flat views."""
        return [arrays[name].reshape(-1)[self.part] for name in self.names]


class FlatOptimizer:
    """The updates of one optimizer, on flat arrays.

    The trick: parameter, gradient, moments and scratch of a block stay in a core's cache, without an array for each
    intermediate result; small parameters of one kind are joined, so that each line of the update is one call for all of
    them. For that their state lies in one flat array, of which the optimizer's `state` then holds views. It costs a
    copy of the small parameters.
    """

    _of: ClassVar[WeakKeyDictionary[Optimizer, Any]] = WeakKeyDictionary()

    def __init__(self, optimizer: Optimizer, block: int = BLOCK) -> None:
        # no reference back: the optimizer is the key under which this is kept
        self.parameters, self.group_of, self.slots = optimizer.parameters, optimizer.group_of, optimizer.slots
        self.state, self.block = optimizer.state, block
        self.bundles = list(self._bundles())
        self.flat_state = [[self._joined_state(slot, names) for slot in self.slots] for names in self.bundles]
        self._name_state()

    @classmethod
    def of(cls, optimizer: Optimizer) -> Self:
        """The one of this optimizer, made at its first step."""
        if optimizer not in cls._of:
            cls.keep(optimizer, cls(optimizer))
        found: Self = cls._of[optimizer]
        return found

    @classmethod
    def keep(cls, optimizer: Optimizer, own: Self) -> None:
        """From now on `own` updates this optimizer's parameters."""
        cls._of[optimizer] = own

    def update(self, names: Iterable[str], steps: dict[str, int]) -> None:
        """Change the parameters of these names by their gradients; steps counts those of each."""
        gradients = {name: self.parameters[name].grad for name in names}
        self.update_pieces(self.pieces(set(names), steps), gradients)

    def update_pieces(self, pieces: Iterable[UpdatePiece], gradients: Mapping[str, Any], scale: float = 1.0) -> None:
        """Change some pieces of the parameters by these gradients, scaled."""
        for piece in pieces:
            parameters = [self._flat(name)[piece.part] for name in piece.names]
            p, g = _join(parameters), _join(piece.of(gradients))
            scratch = empty_like(p)
            if scale != 1.0:
                g = array_module(g).multiply(g, scale, out=g)
            self.update_flat(p, g, scratch, piece.step, self.group_of[piece.names[0]], *piece.state)
            if len(parameters) > 1:
                for parameter in parameters:
                    parameter[...], p = p[: parameter.size], p[parameter.size :]

    def update_flat(self, p: Array, g: Array, scratch: Array, t: int, group: dict[str, Any], *state: Array) -> None:
        """One step of flat arrays, in place; scratch: an array like p, with any content."""
        raise NotImplementedError

    def move_state(self, place: Callable[[int, str, Array], Array]) -> None:
        """Keep the state elsewhere from now on.

        Args:
            place: given the number of a slot, the first name of a bundle and the bundle's state, where that shall lie
        """
        for bundle, flat in zip(self.bundles, self.flat_state, strict=True):
            for number, before in enumerate(flat):
                flat[number] = place(number, bundle[0], before)
                flat[number][...] = before
        self._name_state()

    def pieces(self, names: Collection[str], steps: Mapping[str, int] | None = None) -> list[UpdatePiece]:
        """What the step of these parameters consists of, in the order of the bundles.

        A bundle of which not all take part, or not all at the same step, is updated one parameter at a time.
        """
        pieces: list[UpdatePiece] = []
        for bundle, flat in zip(self.bundles, self.flat_state, strict=True):
            taking_part = [name for name in bundle if name in names]
            own = [steps[name] if steps else 0 for name in taking_part]
            if len(taking_part) == len(bundle) > 1 and len(set(own)) == 1:
                pieces.append(UpdatePiece(bundle, slice(None), own[0], flat))
                continue
            for name, step in zip(taking_part, own, strict=True):
                state, size = [self.state[slot][name].reshape(-1) for slot in self.slots], self.parameters[name].size
                for part in blocks(self.parameters[name].data, size, self.block):
                    pieces.append(UpdatePiece([name], part, step, [array[part] for array in state]))
        return pieces

    def _bundles(self) -> Iterable[list[str]]:
        """The names of parameters that are updated together: large ones alone, small ones of a kind up to a block."""
        growing: dict[Any, list[str]] = {}
        for name, p in self.parameters.items():
            kind = id(self.group_of[name]), p.dtype, p.device
            if p.size > self.block // 2:
                yield [name]
                continue
            bundle = growing.setdefault(kind, [])
            if bundle and sum(self.parameters[other].size for other in bundle) + p.size > self.block:
                yield growing.pop(kind)
                bundle = growing.setdefault(kind, [])
            bundle.append(name)
        yield from growing.values()

    def _joined_state(self, slot: str, names: list[str]) -> Array:
        arrays = [self.state[slot][name].reshape(-1) for name in names]
        return array_module(arrays[0]).concatenate(arrays)

    def _name_state(self) -> None:
        """Let `state` hold the parts of the flat arrays that belong to each parameter."""
        for bundle, flat in zip(self.bundles, self.flat_state, strict=True):
            for slot, rest in zip(self.slots, flat, strict=True):
                for name in bundle:
                    p = self.parameters[name]
                    self.state[slot][name], rest = rest[: p.size].reshape(p.shape), rest[p.size :]

    def _flat(self, name: str) -> Array:
        """A parameter, as a flat view through which it is updated."""
        p = self.parameters[name].data
        if not p.flags.c_contiguous:
            raise ValueError(f"{type(self).__name__}: {name} is not contiguous in memory; make it a Parameter")
        flat: Array = p.reshape(-1)
        return flat


def _join(arrays: Sequence[Array]) -> Array:
    if len(arrays) == 1:
        return arrays[0]
    joined = empty((sum(array.size for array in arrays),), arrays[0])
    return array_module(joined).concatenate(arrays, out=joined)


@implements(SGD)
class FlatSGD(FlatOptimizer):
    """SGD on flat arrays."""

    def update_flat(self, p: Array, g: Array, scratch: Array, t: int, group: dict[str, Any], *state: Array) -> None:
        """v = μ v + g + λ p, p -= lr v"""
        (v,) = state
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        if group["momentum"]:
            v *= group["momentum"]
            v += g
            g = v
        p -= array_module(p).multiply(g, group["lr"], out=scratch)


@implements(Adam)
class FlatAdam(FlatOptimizer):
    """Adam on flat arrays. √v̂ + ε is √v + ε c, both divided by c = √(1 - β2^t), which goes into the learning rate."""

    decoupled = False

    def update_flat(self, p: Array, g: Array, scratch: Array, t: int, group: dict[str, Any], *state: Array) -> None:
        """p -= lr m̂ / (√v̂ + ε)"""
        xp, (m, v), (beta1, beta2), s = array_module(p), state, group["betas"], scratch
        lr, decay = group["lr"], group["weight_decay"]
        if decay and self.decoupled:
            p *= 1 - lr * decay
        elif decay:
            g = g + decay * p
        # v = β2 v + (1 - β2) g²
        g = squared(g, s)
        s *= 1 - beta2
        v *= beta2
        v += s
        # m = β1 m + (1 - β1) g
        m *= beta1
        m += xp.multiply(g, 1 - beta1, out=s)
        # p -= lr m̂ / (√v̂ + ε)
        c = math.sqrt(1 - beta2**t)
        xp.sqrt(v, out=s)
        s += c * group["eps"]
        xp.divide(m, s, out=s)
        s *= c * lr / (1 - beta1**t)
        p -= s


def squared(g: Array, out: Array) -> Array:
    """g² into out, and g itself, but where a square overflows g with its largest elements cut off."""
    try:
        if array_module(g) is np:
            with np.errstate(over="raise"):
                np.multiply(g, g, out=out)
                return g
    except FloatingPointError:
        pass
    g = squarable(g)
    array_module(g).multiply(g, g, out=out)
    return g


@implements(AdamW)
class FlatAdamW(FlatAdam):
    """AdamW on flat arrays."""

    decoupled = True


def flat_optimizer_of(optimizer: Optimizer) -> FlatOptimizer:
    """What divides the update of an optimizer into pieces; it computes them too, where the class has a kernel."""
    own: FlatOptimizer = kernels.get(type(optimizer), FlatOptimizer).of(optimizer)
    return own
