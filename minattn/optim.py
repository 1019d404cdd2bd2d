"""Optimizers, gradient clipping, and learning rates that change with the step."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .backend import Array, array_module, like, to_host
from .errors import InputError
from .fast import blocks, empty, empty_like
from .nn import Parameter
from .tensor import Tensor

if TYPE_CHECKING:
    from .parallel import Threads

Parameters = Iterable[Parameter] | Iterable[tuple[str, Parameter]]

BLOCK = 1 << 16
"""Elements that are updated at a time: their parameter, gradient, moments and scratch stay in a core's cache."""

FEW = 16
"""Blocks below which threads would cost more than they bring."""


class _Piece(NamedTuple):
    """What is updated at a time, as flat arrays: a block of a large parameter, or several small parameters whole."""

    decay: float
    parameters: list[Array]
    gradients: list[Array]
    state: list[Array]


class Optimizer:
    """What the optimizers share: parameters, the learning rate, state by name.

    parameters: Parameters, or (name, Parameter) pairs as `named_parameters()` gives; names are the keys of the state.
    """

    slots: tuple[str, ...] = ()

    def __init__(self, parameters: Parameters, lr: float, weight_decay: float) -> None:
        if isinstance(parameters, Tensor):
            raise TypeError(f"{type(self).__name__}: expected several parameters, got a Tensor; put it into a list")
        pairs = [item if isinstance(item, tuple) else (str(i), item) for i, item in enumerate(parameters)]
        if not pairs:
            raise ValueError(f"{type(self).__name__}: there are no parameters to optimize")
        if lr < 0 or weight_decay < 0:
            raise ValueError(f"{type(self).__name__}: lr {lr} and weight_decay {weight_decay} must not be negative")
        self.parameters: dict[str, Parameter] = dict(pairs)
        if len(self.parameters) < len(pairs):
            raise ValueError(f"{type(self).__name__}: two parameters have the same name")
        self.lr, self.weight_decay, self.steps = lr, weight_decay, 0
        self._bundles = _bundles(self.parameters, self.decay_of)
        self.state: dict[str, dict[str, Array]] = {slot: {} for slot in self.slots}
        self._flat_state = [self._zeros(bundle) for bundle in self._bundles]
        self._name_state()

    def _zeros(self, bundle: list[str]) -> list[Array]:
        """The state of a bundle: a flat array a slot."""
        first, size = self.parameters[bundle[0]].data, sum(self.parameters[name].size for name in bundle)
        return [array_module(first).zeros(size, first.dtype) for _ in self.slots]

    def _name_state(self) -> None:
        """Let `state` hold the parts of the flat arrays that belong to each parameter."""
        for bundle, flat in zip(self._bundles, self._flat_state, strict=True):
            for slot, rest in zip(self.slots, flat, strict=True):
                for name in bundle:
                    size, shape = self.parameters[name].size, self.parameters[name].shape
                    self.state[slot][name] = rest[:size].reshape(shape)
                    rest = rest[size:]

    def move_state(self, copy: Callable[[Array], Array]) -> None:
        """Keep the state in what `copy` makes of its flat arrays from now on."""
        self._flat_state = [[copy(array) for array in flat] for flat in self._flat_state]
        self._name_state()

    def step(self, threads: "Threads | None" = None) -> None:
        """Change every parameter that has a gradient, in place; the threads, if there are any, share the work."""
        self.steps += 1
        pieces = list(self._pieces())
        if threads is None or len(pieces) < FEW:
            self._update(pieces)
        else:
            threads.map(self._update, threads.deal(pieces))
        self._tell()

    def step_part(self, part: int, count: int) -> None:
        """One of `count` parts of what `step` does, which together, in processes that share all arrays, are a step."""
        self.steps += 1
        self._update(list(self._pieces())[part::count])
        self._tell()

    def _tell(self) -> None:
        """Say of every parameter that has a gradient that it was changed."""
        for parameter in self.parameters.values():
            if parameter.grad is not None:
                parameter.changed()

    def update(self, decay: float, p: Array, g: Array, scratch: Array, *state: Array) -> None:
        """Change p, and its state, in place; decay is the weight decay of this parameter."""
        raise NotImplementedError

    def _update(self, pieces: Sequence[_Piece]) -> None:
        for decay, parameters, gradients, state in pieces:
            p, g = _join(parameters), _join(gradients)
            self.update(decay, p, g, empty_like(p), *state)
            if len(parameters) > 1:
                for parameter in parameters:
                    parameter[...], p = p[: parameter.size], p[parameter.size :]

    def _pieces(self) -> Iterator[_Piece]:
        for bundle, state in zip(self._bundles, self._flat_state, strict=True):
            decay = self.decay_of(self.parameters[bundle[0]])
            flat = {name: self._flat(name) for name in bundle if self.parameters[name].grad is not None}
            if len(flat) == len(bundle) > 1:
                yield _Piece(decay, [p for p, _ in flat.values()], [g for _, g in flat.values()], state)
                continue
            for name, (p, g) in flat.items():
                own = [self.state[slot][name].reshape(-1) for slot in self.slots]
                for block in blocks(p, p.size, BLOCK):
                    yield _Piece(decay, [p[block]], [g[block]], [array[block] for array in own])

    def _flat(self, name: str) -> tuple[Array, Array]:
        """A parameter, as a view through which it is updated, and its gradient."""
        p, gradient = self.parameters[name].data, self.parameters[name].grad
        if not p.flags.c_contiguous:
            raise ValueError(f"{type(self).__name__}: {name} is not contiguous in memory; make it a Parameter")
        assert gradient is not None
        return p.reshape(-1), gradient.reshape(-1)

    def decay_of(self, parameter: Parameter) -> float:
        """The weight decay of one parameter."""
        return self.weight_decay

    def zero_grad(self) -> None:
        for parameter in self.parameters.values():
            parameter.grad = None

    def state_dict(self) -> dict[str, Array]:
        """All state as arrays by name: "steps", and "slot.parameter" for each."""
        arrays = {f"{slot}.{name}": array for slot in self.slots for name, array in self.state[slot].items()}
        return {"steps": np.array(self.steps), **arrays}

    def load_state_dict(self, state: dict[str, Array]) -> None:
        """Continue from what `state_dict` gave. Raises ValueError if names or shapes differ."""
        own = self.state_dict()
        wrong = sorted(own.keys() ^ state.keys()) or [n for n in own if own[n].shape != state[n].shape]
        if wrong:
            raise ValueError(f"optimizer state: {wrong[0]} is missing, unexpected, or has another shape")
        self.steps = int(state["steps"])
        for slot in self.slots:
            for name, array in self.state[slot].items():
                array[...] = like(to_host(state[f"{slot}.{name}"]), array)


def _bundles(parameters: dict[str, Parameter], decay_of: Callable[[Parameter], float]) -> list[list[str]]:
    """The names of parameters that are updated together: large ones alone, small ones of a kind up to a block."""
    bundles: list[list[str]] = []
    open_bundles: dict[Any, tuple[list[str], int]] = {}  # kind: its bundle that still grows, and the elements in it
    for name, parameter in parameters.items():
        kind = decay_of(parameter), parameter.dtype, parameter.device
        bundle, size = open_bundles.get(kind, ([], BLOCK))
        if parameter.size > BLOCK // 2:
            bundles.append([name])
            continue
        if size + parameter.size > BLOCK:
            bundle, size = [], 0
            bundles.append(bundle)
        bundle.append(name)
        open_bundles[kind] = bundle, size + parameter.size
    return bundles


def _join(arrays: list[Array]) -> Array:
    if len(arrays) == 1:
        return arrays[0]
    joined = empty((sum(array.size for array in arrays),), arrays[0])
    return array_module(joined).concatenate(arrays, out=joined)


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum as in PyTorch: v = μ v + g, p -= lr v."""

    slots = ("momentum",)

    def __init__(
        self, parameters: Parameters, lr: float = 1e-3, momentum: float = 0.0, weight_decay: float = 0.0
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        if not 0 <= momentum < 1:
            raise ValueError(f"SGD: momentum must be in [0, 1), got {momentum}")
        self.momentum = momentum

    def update(self, decay: float, p: Array, g: Array, scratch: Array, *state: Array) -> None:
        (v,) = state
        v *= self.momentum
        v += g
        if decay:
            v += decay * p
        p -= self.lr * v


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015, algorithm 1); weight_decay is added to the gradient."""

    slots = ("m", "v")
    decoupled = False

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        if not all(0 <= beta < 1 for beta in betas) or eps < 0:
            raise ValueError(f"{type(self).__name__}: betas must be in [0, 1) and eps >= 0, got {betas} and {eps}")
        self.betas, self.eps = betas, eps

    def update(self, decay: float, p: Array, g: Array, scratch: Array, *state: Array) -> None:
        xp, (m, v), (beta1, beta2), s = array_module(p), state, self.betas, scratch
        if decay and self.decoupled:
            p *= 1 - self.lr * decay
        elif decay:
            g = g + decay * p
        # m = β1 m + (1 - β1) g
        m *= beta1
        xp.multiply(g, 1 - beta1, out=s)
        m += s
        # v = β2 v + (1 - β2) g²
        v *= beta2
        xp.multiply(g, g, out=s)
        s *= 1 - beta2
        v += s
        # p -= lr m̂ / (√v̂ + ε), with m̂ = m / (1 - β1^t), v̂ = v / c², c = √(1 - β2^t)
        c = math.sqrt(1 - beta2**self.steps)
        xp.sqrt(v, out=s)
        s += c * self.eps
        xp.divide(m, s, out=s)
        s *= c * self.lr / (1 - beta1**self.steps)
        p -= s


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019, algorithm 2), which spares biases and norms."""

    decoupled = True

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay)

    def decay_of(self, parameter: Parameter) -> float:
        """None for biases and norms, which have one axis: shrinking them helps nobody."""
        return self.weight_decay if parameter.ndim > 1 else 0.0


def clip_grad_norm_(parameters: Iterable[Parameter], max_norm: float) -> float:
    """Scale all gradients down together, in place, so that their length as one vector is at most max_norm.

    Returns the length before (Pascanu et al., 2013, algorithm 1).
    """
    if not max_norm >= 0:
        raise ValueError(f"clip_grad_norm_: max_norm must not be negative, got {max_norm}")
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = math.sqrt(sum(float(array_module(g).vdot(g, g)) for g in gradients))
    if norm > max_norm:
        for g in gradients:
            g *= max_norm / norm
    return norm


def learning_rate(step: int, steps: int, peak: float, warmup: int, decay: str = "cosine") -> float:
    """The rate at a step: a straight rise to `peak` over `warmup` steps, then a fall to 0 at `steps`.

    decay: "cosine" (Loshchilov and Hutter, 2017, equation 5), "linear", or "constant".

    >>> [round(learning_rate(step, 10, 1.0, 2, "linear"), 3) for step in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.5, 0.125]
    """
    if decay not in ("cosine", "linear", "constant"):
        raise InputError(f"decay must be cosine, linear or constant, got {decay!r}")
    if step < warmup:
        return peak * (step + 1) / warmup
    if decay == "constant":
        return peak
    done = min((step - warmup) / max(steps - warmup, 1), 1.0)
    return peak * (0.5 * (1 + math.cos(math.pi * done)) if decay == "cosine" else 1 - done)
