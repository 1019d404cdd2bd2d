"""Wrong backward passes of cross-entropy from logits.

Right is: dx = dl (p - (1 - ε) onehot(y) - ε/V), with dl = g / N for the mean over the N targets that count.
"""

from typing import Any

import numpy as np

from ...backend import Array
from .base import mistake
from .right_parts import softmax_of

Pair = tuple[Array, None]


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


@mistake("CrossEntropy", "constant_factor")
def cross_entropy_not_averaged(g: Array, x: Array, targets: Array, **options: Any) -> Pair:
    """The division by the number of targets is forgotten; the loss is a mean, and every row's gradient is g / N (p -
    onehot)."""
    dl = _losses_gradient(g, targets, **{**options, "reduction": "sum"})
    return dl * (softmax_of(x) - _wanted(x, targets, **options)), None


@mistake("CrossEntropy", "constant_factor")
def cross_entropy_ignored_counted(g: Array, x: Array, targets: Array, **options: Any) -> Pair:
    """The mean is taken over all rows, those with an ignored target included; N counts only the targets that are not
    ignored."""
    dl = _losses_gradient(g, targets, **{**options, "reduction": "sum"})
    if options.get("reduction", "mean") == "mean":
        dl = dl / targets.size
    return dl * (softmax_of(x) - _wanted(x, targets, **options)), None


@mistake("CrossEntropy", "constant_factor")
def cross_entropy_divided_by_logits(g: Array, x: Array, targets: Array, **options: Any) -> Pair:
    """The gradient is divided by the number of logits, rows times classes; it is divided by the number of targets."""
    dl = _losses_gradient(g, targets, **{**options, "reduction": "sum"}) / x.size
    return dl * (softmax_of(x) - _wanted(x, targets, **options)), None


@mistake("CrossEntropy", "mask_leak")
def cross_entropy_ignored_rows_leak(g: Array, x: Array, targets: Array, **options: Any) -> Pair:
    """Rows with an ignored target get a gradient as if their target were class 0; they count nowhere, and 0 belongs
    there."""
    counts = targets != options.get("ignore_index", -100)
    dl = np.broadcast_to(g / (counts.sum() if options.get("reduction", "mean") == "mean" else 1), targets.shape)
    return dl[..., None] * (softmax_of(x) - _wanted(x, targets, **options)), None


@mistake("CrossEntropy", "missing_path")
def cross_entropy_target_forgotten(g: Array, x: Array, targets: Array, **options: Any) -> Pair:
    """The term of the right class is forgotten: g p / N in place of g (p - onehot) / N."""
    return _losses_gradient(g, targets, **options) * softmax_of(x), None


@mistake("CrossEntropy", "treated_as_constant")
def cross_entropy_denominator_constant(g: Array, x: Array, targets: Array, **options: Any) -> Pair:
    """The logarithm of the softmax's denominator is treated as a constant: -onehot alone is left of p - onehot."""
    return -_losses_gradient(g, targets, **options) * _wanted(x, targets, **options), None


@mistake("CrossEntropy", "missing_path")
def cross_entropy_softmax_skipped(g: Array, x: Array, targets: Array, **options: Any) -> Pair:
    """The way back ends at the probabilities, with -1/p at the right class; the softmax comes before them, and p -
    onehot belongs at the logits."""
    return -_losses_gradient(g, targets, **options) * _wanted(x, targets, **options) / softmax_of(x), None


@mistake("CrossEntropy", "wrong_variable")
def cross_entropy_logits_as_probabilities(g: Array, x: Array, targets: Array, **options: Any) -> Pair:
    """The logits are used as if they were probabilities: x - onehot in place of softmax(x) - onehot."""
    return _losses_gradient(g, targets, **options) * (x - _wanted(x, targets, **options)), None


@mistake("CrossEntropy", "wrong_variable")
def cross_entropy_softmax_twice(g: Array, x: Array, targets: Array, **options: Any) -> Pair:
    """The softmax is applied twice: softmax(softmax(x)) - onehot in place of softmax(x) - onehot."""
    return _losses_gradient(g, targets, **options) * (softmax_of(softmax_of(x)) - _wanted(x, targets, **options)), None


@mistake("CrossEntropy", "wrong_axis")
def cross_entropy_softmax_over_rows(g: Array, x: Array, targets: Array, **options: Any) -> Pair:
    """The softmax runs along the first axis, over the rows; it runs over the classes, along the last axis."""
    return _losses_gradient(g, targets, **options) * (softmax_of(x, 0) - _wanted(x, targets, **options)), None


@mistake("CrossEntropy", "missing_path")
def cross_entropy_smoothing_forgotten(g: Array, x: Array, targets: Array, **options: Any) -> Pair:
    """The label smoothing is forgotten on the way back: p - onehot(y) in place of p - (1 - ε) onehot(y) - ε/V."""
    sharp = {**options, "label_smoothing": 0.0}
    return _losses_gradient(g, targets, **options) * (softmax_of(x) - _wanted(x, targets, **sharp)), None


@mistake("CrossEntropy", "constant_factor")
def cross_entropy_smoothing_not_shared(g: Array, x: Array, targets: Array, **options: Any) -> Pair:
    """The smoothing is not divided by the number of classes: ε is subtracted from every class, where ε/V belongs."""
    eps, classes = options.get("label_smoothing", 0.0), x.shape[-1]
    wanted = _wanted(x, targets, **options) - eps / classes + eps
    return _losses_gradient(g, targets, **options) * (softmax_of(x) - wanted), None
