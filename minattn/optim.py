"""Optimizers, gradient clipping, and learning rates that change with the step, as the papers write them."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from .backend import Array, array_module, like, to_host, zeros_like
from .errors import InputError
from .ops.kernels import kernel_of
from .tensor import Tensor
from .validate import Parameters, parameter_groups, require_same_shapes, require_shape

Group = dict[str, Any]


class Optimizer:
    """What the optimizers share: parameters in groups, and state by name. float32 runs minattn/fast/flat_optimizer.py.

    params: Tensors; or (name, Tensor) pairs as `named_parameters()` gives; or groups, each a dict with "params" and its
    own options, e.g. {"params": norms, "weight_decay": 0.0}. Raises TypeError or ValueError for what cannot be used.
    """

    slots: tuple[str, ...] = ()
    lr = property(lambda self: self.param_groups[0]["lr"], doc="That of the first group; set it in the groups.")

    def __init__(self, params: Parameters, **options: Any) -> None:
        self.param_groups = parameter_groups(type(self).__name__, params, options)
        named = (zip(group["names"], group["params"], strict=True) for group in self.param_groups)
        self.parameters: dict[str, Tensor] = {name: p for pairs in named for name, p in pairs}
        self.group_of: dict[str, Group] = {name: group for group in self.param_groups for name in group["names"]}
        self.steps = dict.fromkeys(self.parameters, 0)  # each counts its own: one may get its first gradient late
        self.state = {slot: {name: zeros_like(p.data) for name, p in self.parameters.items()} for slot in self.slots}

    def step(self) -> None:
        """Change every parameter that has a gradient, in place. Raises ValueError if one is of another shape."""
        names = [name for name, p in self.parameters.items() if p.grad is not None]
        for name in names:
            p = self.parameters[name]
            require_shape(type(self).__name__, f"the gradient of {name}", p.grad, p.shape)
            self.steps[name] += 1
        kernel = kernel_of(type(self), [self.parameters[name].data for name in names])
        if kernel is not None:
            kernel.of(self).update(names, self.steps)
        else:
            for name in names:
                p, state = self.parameters[name], [self.state[slot][name] for slot in self.slots]
                self.update(p.data, p.grad, self.steps[name], self.group_of[name], *state)
        for name in names:
            self.parameters[name].changed()

    def update(self, p: Array, g: Array, t: int, group: Group, *state: Array) -> None:
        """Change a parameter and its state in place, given its gradient g, in its step t = 1, 2, … and its group."""
        raise NotImplementedError

    def zero_grad(self) -> None:
        """Take the gradients of all parameters away."""
        for p in self.parameters.values():
            p.grad = None

    def state_dict(self) -> dict[str, Array]:
        """All state as arrays by name: "steps", in the order of the parameters, and "slot.parameter" for each."""
        arrays = {f"{slot}.{name}": array for slot in self.slots for name, array in self.state[slot].items()}
        return {"steps": np.array(list(self.steps.values())), **arrays}

    def load_state_dict(self, state: dict[str, Array]) -> None:
        """Continue from what `state_dict` gave. Raises ValueError if names or shapes differ."""
        steps = to_host(state.get("steps", np.zeros(0)))
        steps = np.full(len(self.steps), steps) if steps.ndim == 0 else steps  # one number for all in older files
        require_same_shapes("optimizer state", self.state_dict(), {**state, "steps": steps})
        self.steps = dict(zip(self.steps, steps.tolist(), strict=True))
        for slot in self.slots:
            for name, array in self.state[slot].items():
                array[...] = like(to_host(state[f"{slot}.{name}"]), array)


class SGD(Optimizer):
    """Stochastic gradient descent with momentum as in PyTorch: g += λ p, v = μ v + g, p -= lr v."""

    slots = ("momentum",)

    def __init__(self, params: Parameters, lr: float = 1e-3, momentum: float = 0.0, weight_decay: float = 0.0) -> None:
        super().__init__(params, lr=lr, momentum=momentum, weight_decay=weight_decay)

    def update(self, p: Array, g: Array, t: int, group: Group, *state: Array) -> None:
        """One step of one parameter."""
        (v,) = state
        g = g + group["weight_decay"] * p
        v[...] = group["momentum"] * v + g
        p[...] = p - group["lr"] * v


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015, algorithm 1); weight_decay, by default 0, is added to the gradient."""

    slots = ("m", "v")
    decoupled, default_decay = False, 0.0

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float | None = None,
    ) -> None:
        decay = self.default_decay if weight_decay is None else weight_decay
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=decay)

    def update(self, p: Array, g: Array, t: int, group: Group, *state: Array) -> None:
        """One step of one parameter: algorithm 1 of Adam, or where the decay is decoupled algorithm 2 of AdamW."""
        (m, v), (beta1, beta2), lr, decay = state, group["betas"], group["lr"], group["weight_decay"]
        if self.decoupled:
            p[...] = p - lr * decay * p
        else:
            g = g + decay * p
        m[...] = beta1 * m + (1 - beta1) * g
        v[...] = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        p[...] = p - lr * m_hat / (array_module(p).sqrt(v_hat) + group["eps"])


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019, algorithm 2), by default 0.01."""

    decoupled, default_decay = True, 0.01


def clip_grad_norm_(parameters: Tensor | Iterable[Tensor], max_norm: float) -> float:
    """Scale the gradients together to a length of at most max_norm; returns it (Pascanu et al., 2013, algorithm 1)."""
    if not max_norm >= 0:
        raise ValueError(f"clip_grad_norm_: max_norm must not be negative, got {max_norm}")
    tensors = [parameters] if isinstance(parameters, Tensor) else parameters
    gradients = [p.grad for p in tensors if p.grad is not None]
    norm = math.sqrt(sum(float(array_module(g).vdot(g, g)) for g in gradients))
    if norm > max_norm:
        for g in gradients:
            g *= max_norm / (norm + 1e-6)  # as in PyTorch
    return norm


def learning_rate(step: int, steps: int, peak: float, warmup: int, decay: str = "cosine") -> float:
    """The rate at a step: a straight rise to `peak` over `warmup` steps, then a fall to 0 at `steps`.

    decay: "cosine" (Loshchilov and Hutter, 2017, equation 5), "linear", or "constant". Raises InputError for another.

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
