"""Cross-entropy from logits, and from the vectors that a linear layer makes logits of."""

from typing import Any

import numpy as np

from ..backend import Array, array_module
from .base import Op, Sample, Samples, as_rows, register
from .linear_algebra import Linear

TARGETS = np.array([0, 4, 2, 2, -100, 1])


CASES: dict[str, tuple[Array, dict[str, Any]]] = {
    f"{reduction}, smoothing {smoothing}": (TARGETS, {"reduction": reduction, "label_smoothing": smoothing})
    for reduction in ("mean", "sum", "none")
    for smoothing in (0.0, 0.1)
} | {"another ignore_index": (np.array([0, 4, 2, 2, 2, 1]), {"ignore_index": 2})}


def cross_entropy_samples(rng: np.random.Generator) -> Samples:
    """Every reduction and smoothing, targets that are ignored, leading axes, one class."""
    logits = rng.normal(size=(6, 5))
    for name, (targets, options) in CASES.items():
        yield Sample(name, (logits, targets), options)
    yield Sample("batch and tokens", (rng.normal(size=(2, 3, 4)), rng.integers(0, 4, (2, 3))))
    yield Sample("one class", (rng.normal(size=(2, 1)), np.zeros(2, int)))


def linear_cross_entropy_samples(rng: np.random.Generator) -> Samples:
    """The same, from vectors; with a bias and without."""
    x, weight, bias = rng.normal(size=(6, 3)), rng.normal(size=(5, 3)), rng.normal(size=5)
    for name, (targets, options) in CASES.items():
        yield Sample(name, (x, weight, targets, bias), options)
    yield Sample("batch and tokens", (rng.normal(size=(2, 3, 4)), rng.normal(size=(5, 4)), rng.integers(0, 5, (2, 3))))


@register(samples=cross_entropy_samples)
class CrossEntropy(Op):
    """The surprise -ln p at the right class, straight from logits (softmax and logarithm in one).

    logits (…, V), targets (…) integers -> loss, one number, or (…) with reduction "none"
    A target equal to ignore_index counts nowhere; N is the number of the others. ε is the label smoothing: the
    right class is wanted with 1 - ε + ε/V, every other one with ε/V (Szegedy et al., 2016, section 7).

    forward    1  z = logits - max(logits)                        for each row
               2  l = ln Σ exp(z) - (1 - ε) z_y - ε mean(z)
               3  loss = Σ l / N, or Σ l
    backward   3  dl = g / N, or g
               2  p = exp(z) / Σ exp(z)
                  dz = dl (p - (1 - ε) onehot(y) - ε/V)
               1  the shift cancels: dlogits = dz
    """

    def __init__(self, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0) -> None:
        self.ignore_index, self.reduction, self.label_smoothing = ignore_index, reduction, label_smoothing

    def forward(self, logits: Array, targets: Array) -> Array:
        xp, eps = array_module(logits), self.label_smoothing
        self.shape = logits.shape
        self.counted = xp.flatnonzero(targets.reshape(-1) != self.ignore_index)
        self.y = targets.reshape(-1)[self.counted]
        self.rows = xp.arange(len(self.y))
        logits = as_rows(logits)[self.counted]
        # 1
        z = logits - logits.max(axis=-1, keepdims=True)
        # 2
        exp = xp.exp(z)
        total = exp.sum(axis=-1, keepdims=True)
        self.p = exp / total
        losses = xp.log(total[:, 0]) - (1 - eps) * z[self.rows, self.y]
        if eps:
            losses = losses - eps * z.mean(axis=-1)
        # 3
        if self.reduction == "none":
            everywhere = xp.zeros(targets.size, losses.dtype)
            everywhere[self.counted] = losses
            return everywhere.reshape(targets.shape)
        return losses.sum() if self.reduction == "sum" else losses.sum() / xp.asarray(len(self.y), dtype=losses.dtype)

    def backward(self, g: Array) -> tuple[Array, None]:
        xp, eps, p = array_module(g), self.label_smoothing, self.p
        # 3  loss = Σ l / N
        dl = g.reshape(-1, 1)
        if self.reduction == "mean":
            dl = dl / len(self.y)
        elif self.reduction == "none":
            dl = dl[self.counted]
        # 2  l = ln Σ exp(z) - (1 - ε) z_y - ε mean(z)
        dz = p - eps / p.shape[-1]
        dz[self.rows, self.y] -= 1 - eps
        dz = dl * dz
        # 1  z = logits - max(logits)
        dlogits = as_rows(xp.zeros(self.shape, g.dtype))
        dlogits[self.counted] = dz
        return dlogits.reshape(self.shape), None

    def explain(self, logits: Array, targets: Array) -> str | None:
        """Why the loss is NaN or Inf: no token counts, or a row has nothing to choose from."""
        if self.reduction == "mean" and not (targets != self.ignore_index).any():
            return f"a mean over no tokens: every target is {self.ignore_index}"
        impossible = (logits == -array_module(logits).inf).all(axis=-1)
        return "every logit of a row is -inf" if impossible.any() else None


@register(samples=linear_cross_entropy_samples)
class LinearCrossEntropy(Op):
    """Score every token for each vector, and take the cross-entropy of the scores: two ops in a chain.

    x (…, D), weight (V, D), targets (…) integers, bias (V,) or none -> loss, one number, or (…) with reduction "none"

    forward    1  s = Linear(x, W, b)
               2  loss = CrossEntropy(s, y)
    backward   2  ds from the backward of CrossEntropy
               1  dx, dW, db from the backward of Linear

    float32 runs the kernel in minattn/fast/linear_cross_entropy.py.
    """

    def __init__(self, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0) -> None:
        self.ignore_index, self.reduction, self.label_smoothing = ignore_index, reduction, label_smoothing

    def forward(self, x: Array, weight: Array, targets: Array, bias: Array | None = None) -> Array:
        self.linear = Linear()
        self.cross_entropy = CrossEntropy(self.ignore_index, self.reduction, self.label_smoothing)
        # 1
        s = self.linear.forward(x, weight, bias)
        # 2
        return self.cross_entropy.forward(s, targets)

    def backward(self, g: Array) -> tuple[Array | None, ...]:
        # 2  loss = CrossEntropy(s, y)
        ds, _ = self.cross_entropy.backward(g)
        # 1  s = Linear(x, W, b)
        dx, dweight, *dbias = self.linear.backward(ds)
        return (dx, dweight, None, *dbias)

    def explain(self, x: Array, weight: Array, targets: Array, bias: Array | None = None) -> str | None:
        """Why the loss is NaN: no token counts."""
        if self.reduction == "mean" and not (targets != self.ignore_index).any():
            return f"a mean over no tokens: every target is {self.ignore_index}"
        return None
