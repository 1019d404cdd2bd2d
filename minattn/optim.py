"""Optimizers, gradient clipping, and learning rates that change with the step, as the papers write them."""

import math
from collections.abc import Callable, Iterable

import numpy as np

from . import validate
from .backend import Array, array_module, like, to_host, zeros_like
from .ops.base import norm_of, squarable
from .ops.kernels import kernel_of
from .tensor import Tensor
from .validate import Group, Parameters


class Optimizer:
    """What the optimizers share: parameters in groups, and state by name. float32 runs minattn/fast/flat_optimizer.py.
    params: Tensors; or (name, Tensor) pairs; or groups, each {"params": …} with its own options, "weight_decay": 0.0.
    """

    slots: tuple[str, ...] = ()
    rare: tuple[str, ...] = ()  # options that no kernel has
    update: Callable[..., None]  # (p, its gradient g, its step t = 1, 2, …, its group, *its state), in place
    lr = property(lambda self: self.param_groups[0]["lr"], doc="That of the first group; set it in the groups.")

    def __init__(self, params: Parameters, options: Group, maximize: bool = False) -> None:
        self.param_groups = validate.parameter_groups(type(self).__name__, params, {**options, "maximize": maximize})
        self.parameters = {n: p for g in self.param_groups for n, p in zip(g["names"], g["params"], strict=True)}
        self.group_of: dict[str, Group] = {name: group for group in self.param_groups for name in group["names"]}
        self.steps = dict.fromkeys(self.parameters, 0)  # each counts its own: one may get its first gradient late
        self.state = {slot: {name: zeros_like(p.data) for name, p in self.parameters.items()} for slot in self.slots}

    def step(self) -> None:
        """Change every parameter that has a gradient, in place. Raises ValueError if one is of another shape."""
        names = validate.names_with_gradient(type(self).__name__, self.parameters)
        self.steps |= {name: self.steps[name] + 1 for name in names}
        kernel = kernel_of(type(self), [self.parameters[name].data for name in names])
        if kernel is not None and not any(group[option] for group in self.param_groups for option in self.rare):
            kernel.of(self).update(names, self.steps)
        else:
            for name in names:
                p, group, state = self.parameters[name], self.group_of[name], [self.state[s][name] for s in self.slots]
                self.update(p.data, p.grad * (-1 if group["maximize"] else 1), self.steps[name], group, *state)
        for name in names:
            self.parameters[name].changed()

    def clip_grad_norm_(self, max_norm: float) -> float:
        """Scale all gradients together to a length of at most max_norm, by the function of this name."""
        return clip_grad_norm_(self.parameters.values(), max_norm)

    def zero_grad(self) -> None:
        """Take the gradients of all parameters away."""
        for p in self.parameters.values():
            p.grad = None

    def state_dict(self) -> dict[str, Array]:
        """All state as arrays by name: "steps", in the order of the parameters, and "slot.parameter" for each."""
        arrays = {f"{slot}.{name}": array.copy() for slot in self.slots for name, array in self.state[slot].items()}
        return {"steps": np.array(list(self.steps.values())), **arrays}

    def load_state_dict(self, state: dict[str, Array]) -> None:
        """Continue from what `state_dict` gave. Raises ValueError if names or shapes differ."""
        steps = to_host(state.get("steps", np.zeros(0)))
        steps = np.full(len(self.steps), steps) if steps.ndim == 0 else steps  # one number for all in older files
        validate.require_same_shapes("optimizer state", self.state_dict(), {**state, "steps": steps})
        self.steps = dict(zip(self.steps, steps.tolist(), strict=True))
        for slot in self.slots:
            for name, array in self.state[slot].items():
                array[...] = like(to_host(state[f"{slot}.{name}"]), array)


class SGD(Optimizer):
    """Gradient descent as in PyTorch: g += λ p, v = μ v + (1 - dampening) g, p -= lr v; nesterov: lr (g + μ v)."""

    slots, rare = ("momentum",), ("maximize", "nesterov", "dampening")

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        options = {"momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov}
        super().__init__(params, {"lr": lr, **options}, maximize)

    def update(self, p: Array, g: Array, t: int, group: Group, *state: Array) -> None:
        """One step of one parameter."""
        (v,), momentum = state, group["momentum"]
        g = g + group["weight_decay"] * p
        if momentum:
            v[...] = momentum * v + (1 - group["dampening"] if t > 1 else 1) * g
        p[...] = p - group["lr"] * (g + momentum * v if group["nesterov"] else v if momentum else g)


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015, algorithm 1): p -= lr m̂ / (√v̂ + ε); weight_decay is added to the gradient."""

    rare, decoupled, default_decay = ("maximize", "amsgrad"), False, 0.0

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float | None = None,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        decay = self.default_decay if weight_decay is None else weight_decay
        self.slots = ("m", "v", "v_max")[: 3 if amsgrad else 2]
        own = {"betas": betas, "eps": eps, "weight_decay": decay, "amsgrad": amsgrad}
        super().__init__(params, {"lr": lr, **own}, maximize)

    def update(self, p: Array, g: Array, t: int, group: Group, *state: Array) -> None:
        """One step of one parameter: algorithm 1 of Adam, or where the decay is decoupled algorithm 2 of AdamW."""
        xp, (m, v, *v_max), (beta1, beta2) = array_module(p), state, group["betas"]
        lr, decay = group["lr"], group["weight_decay"] * p
        if self.decoupled:
            p[...] = p - lr * decay
        g = squarable(g if self.decoupled else g + decay)
        m[...] = beta1 * m + (1 - beta1) * g
        v[...] = beta2 * v + (1 - beta2) * g**2
        if v_max:  # AMSGrad (Reddi et al., 2018, algorithm 2)
            v_max[0][...] = v = xp.maximum(v_max[0], v)
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        p[...] = p - lr * m_hat / (xp.sqrt(v_hat) + group["eps"])


class AdamW(Adam):
    """Adam with decoupled decay (Loshchilov and Hutter, 2019, algorithm 2): p -= lr (m̂ / (√v̂ + ε) + λ p)."""

    decoupled, default_decay = True, 0.01


def clip_grad_norm_(parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0) -> float:
    """Scale the gradients together to a length of at most max_norm; returns it (Pascanu et al., 2013, algorithm 1)."""
    validate.require_positive("clip_grad_norm_", max_norm=max_norm, norm_type=norm_type)
    norm = norm_of(gradients := validate.gradients_of("clip_grad_norm_", parameters), norm_type)
    for g in gradients if norm > max_norm else []:
        g *= max_norm / (norm + 1e-6)  # as in PyTorch
    return norm


def learning_rate(step: int, steps: int, peak: float, warmup: int, decay: str = "cosine") -> float:
    """The rate at a step: a straight rise to `peak` over `warmup` steps, then a fall to 0 at `steps`.
    decay: "cosine" (Loshchilov and Hutter, 2017, equation 5), "linear", or "constant". Raises ValueError for another.
    >>> [round(learning_rate(step, 10, 1.0, 2, "linear"), 3) for step in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.5, 0.125]
    """
    done = min(max(step - warmup, 0) / max(steps - warmup, 1), 1.0)
    falls = {"cosine": 0.5 * (1 + math.cos(math.pi * done)), "linear": 1 - done, "constant": 1.0}
    validate.require_one_of("learning_rate", "decay", decay, tuple(falls))
    return peak * (step + 1) / warmup if step < warmup else peak * falls[decay]
