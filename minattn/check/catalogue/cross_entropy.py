"""Wrong backward passes of cross-entropy from logits, alone and in one with the linear layer that makes them.

Right is: dx = dl (p - (1 - ε) onehot(y) - ε/V), with dl = g / N for the mean over the N targets that count. Behind a
linear layer z = x Wᵀ + b, from x (…, D), weight (V, D), the targets (…), and a bias (V,) or none: with this dx as dz,
dx = dz W, dW = dzᵀ x, db = Σ dz.
"""

from typing import Any

import numpy as np

from ...backend import Array
from ...ops.base import as_rows
from .base import Backward, Gradients, mistake, softmax_of


def _wanted(x: Array, targets: Array, label_smoothing: float = 0.0, ignore_index: int = -100, **_: Any) -> Array:
    """What the probabilities ought to be: (1 - ε) onehot(y) + ε/V."""
    y = np.where(targets == ignore_index, 0, targets)
    return (1 - label_smoothing) * np.eye(x.shape[-1])[y] + label_smoothing / x.shape[-1]


def _losses_gradient(
    g: Array, targets: Array, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0
) -> Array:
    """The gradient dl of each row's own loss, as a column."""
    counts = targets != ignore_index
    return (g * counts / (counts.sum() if reduction == "mean" else 1))[..., None]


def _right(g: Array, x: Array, targets: Array, **options: Any) -> Gradients:
    return _losses_gradient(g, targets, **options) * (softmax_of(x) - _wanted(x, targets, **options)), None


@mistake("CrossEntropy", "constant_factor")
def cross_entropy_not_averaged(g: Array, x: Array, targets: Array, **options: Any) -> Gradients:
    """The division by the number of targets is forgotten; the loss is a mean, and every row's gradient is g / N (p -
    onehot)."""
    return _right(g, x, targets, **{**options, "reduction": "sum"})


@mistake("CrossEntropy", "constant_factor")
def cross_entropy_ignored_counted(g: Array, x: Array, targets: Array, **options: Any) -> Gradients:
    """The mean is taken over all rows, those with an ignored target included; N counts only the targets that are not
    ignored."""
    count = targets.size if options.get("reduction", "mean") == "mean" else 1
    return _right(g / count, x, targets, **{**options, "reduction": "sum"})


@mistake("CrossEntropy", "constant_factor")
def cross_entropy_divided_by_logits(g: Array, x: Array, targets: Array, **options: Any) -> Gradients:
    """The gradient is divided by the number of logits, rows times classes; it is divided by the number of targets."""
    return _right(g / x.size, x, targets, **{**options, "reduction": "sum"})


@mistake("CrossEntropy", "mask_leak")
def cross_entropy_ignored_rows_leak(g: Array, x: Array, targets: Array, **options: Any) -> Gradients:
    """Rows with an ignored target get a gradient as if their target were class 0; they count nowhere, and 0 belongs
    there."""
    counts = targets != options.get("ignore_index", -100)
    dl = np.broadcast_to(g / (counts.sum() if options.get("reduction", "mean") == "mean" else 1), targets.shape)
    return dl[..., None] * (softmax_of(x) - _wanted(x, targets, **options)), None


@mistake("CrossEntropy", "missing_path")
def cross_entropy_target_forgotten(g: Array, x: Array, targets: Array, **options: Any) -> Gradients:
    """The term of the right class is forgotten: g p / N in place of g (p - onehot) / N."""
    return _losses_gradient(g, targets, **options) * softmax_of(x), None


@mistake("CrossEntropy", "treated_as_constant")
def cross_entropy_denominator_constant(g: Array, x: Array, targets: Array, **options: Any) -> Gradients:
    """The logarithm of the softmax's denominator is treated as a constant: -onehot alone is left of p - onehot."""
    return -_losses_gradient(g, targets, **options) * _wanted(x, targets, **options), None


@mistake("CrossEntropy", "missing_path")
def cross_entropy_softmax_skipped(g: Array, x: Array, targets: Array, **options: Any) -> Gradients:
    """The way back ends at the probabilities, with -1/p at the right class; the softmax comes before them, and p -
    onehot belongs at the logits."""
    return -_losses_gradient(g, targets, **options) * _wanted(x, targets, **options) / softmax_of(x), None


@mistake("CrossEntropy", "wrong_variable")
def cross_entropy_logits_as_probabilities(g: Array, x: Array, targets: Array, **options: Any) -> Gradients:
    """The logits are used as if they were probabilities: x - onehot in place of softmax(x) - onehot."""
    return _losses_gradient(g, targets, **options) * (x - _wanted(x, targets, **options)), None


@mistake("CrossEntropy", "wrong_variable")
def cross_entropy_softmax_twice(g: Array, x: Array, targets: Array, **options: Any) -> Gradients:
    """The softmax is applied twice: softmax(softmax(x)) - onehot in place of softmax(x) - onehot."""
    return _losses_gradient(g, targets, **options) * (softmax_of(softmax_of(x)) - _wanted(x, targets, **options)), None


@mistake("CrossEntropy", "wrong_axis")
def cross_entropy_softmax_over_rows(g: Array, x: Array, targets: Array, **options: Any) -> Gradients:
    """The softmax runs along the first axis, over the rows; it runs over the classes, along the last axis."""
    return _losses_gradient(g, targets, **options) * (softmax_of(x, 0) - _wanted(x, targets, **options)), None


@mistake("CrossEntropy", "missing_path")
def cross_entropy_smoothing_forgotten(g: Array, x: Array, targets: Array, **options: Any) -> Gradients:
    """The label smoothing is forgotten on the way back: p - onehot(y) in place of p - (1 - ε) onehot(y) - ε/V."""
    return _right(g, x, targets, **{**options, "label_smoothing": 0.0})


@mistake("CrossEntropy", "constant_factor")
def cross_entropy_smoothing_not_shared(g: Array, x: Array, targets: Array, **options: Any) -> Gradients:
    """The smoothing is not divided by the number of classes: ε is subtracted from every class, where ε/V belongs."""
    eps, classes = options.get("label_smoothing", 0.0), x.shape[-1]
    wanted = _wanted(x, targets, **options) - eps / classes + eps
    return _losses_gradient(g, targets, **options) * (softmax_of(x) - wanted), None


def _behind_linear(
    cross_entropy: Backward, g: Array, x: Array, weight: Array, targets: Array, *bias: Array, **options: Any
) -> Gradients:
    """The gradients that follow from those which a backward pass of cross-entropy gives for the logits."""
    dz, _ = cross_entropy(g, x @ weight.T + sum(bias), targets, **options)
    return dz @ weight, as_rows(dz).T @ as_rows(x), None, *(as_rows(dz).sum(axis=0) for _ in bias)


@mistake("LinearCrossEntropy", "constant_factor")
def linear_cross_entropy_not_averaged(g: Array, x: Array, weight: Array, *rest: Array, **options: Any) -> Gradients:
    """The division by the number of targets is forgotten; the loss is a mean, and every row's logits get g / N (p -
    onehot)."""
    return _behind_linear(cross_entropy_not_averaged, g, x, weight, *rest, **options)


@mistake("LinearCrossEntropy", "overwritten_not_accumulated")
def linear_cross_entropy_rows_overwritten(g: Array, x: Array, weight: Array, *rest: Array, **options: Any) -> Gradients:
    """The rows of the right classes are subtracted with dW[targets] -= …, which counts a class that is wanted twice
    only once; np.subtract.at, or dzᵀ x, counts every row."""
    dx, right, _, *others = _behind_linear(_right, g, x, weight, *rest, **options)
    targets = rest[0]
    counts = (targets != options.get("ignore_index", -100)).reshape(-1)
    y, counted = targets.reshape(-1)[counts], as_rows(x)[counts]
    dl = np.broadcast_to(g, targets.shape).reshape(-1)[counts] * (1 - options.get("label_smoothing", 0.0))
    if options.get("reduction", "mean") == "mean":
        dl = dl / counts.sum()
    pull_to_target, dweight = dl[:, None] * counted, np.array(right)
    np.add.at(dweight, y, pull_to_target)  # what is left is the part of the probabilities
    dweight[y] -= pull_to_target
    return dx, dweight, None, *others


@mistake("LinearCrossEntropy", "treated_as_constant")
def linear_cross_entropy_denominator_constant(
    g: Array, x: Array, weight: Array, *rest: Array, **options: Any
) -> Gradients:
    """The logarithm of the softmax's denominator is treated as a constant, so that only the rows of the right classes
    get gradients; the logits get p - onehot."""
    return _behind_linear(cross_entropy_denominator_constant, g, x, weight, *rest, **options)


@mistake("LinearCrossEntropy", "mask_leak")
def linear_cross_entropy_ignored_rows_leak(
    g: Array, x: Array, weight: Array, *rest: Array, **options: Any
) -> Gradients:
    """Rows with an ignored target get a gradient as if their target were class 0; they count nowhere, and 0 belongs
    there."""
    return _behind_linear(cross_entropy_ignored_rows_leak, g, x, weight, *rest, **options)


@mistake("LinearCrossEntropy", "missing_path")
def linear_cross_entropy_weight_constant(g: Array, x: Array, weight: Array, *rest: Array, **options: Any) -> Gradients:
    """The weight is treated as a constant and gets zeros, as a tied embedding table often is; dzᵀ x belongs there."""
    dx, _, *others = _behind_linear(_right, g, x, weight, *rest, **options)
    return dx, np.zeros_like(weight), *others


@mistake("LinearCrossEntropy", "wrong_variable")
def linear_cross_entropy_bias_forgotten(g: Array, x: Array, weight: Array, *rest: Array, **options: Any) -> Gradients:
    """The bias is forgotten when the logits are computed again for the way back; the probabilities of the forward pass
    belong there."""
    targets, *bias = rest
    return _behind_linear(_right, g, x, weight, targets, *(np.zeros_like(b) for b in bias), **options)
