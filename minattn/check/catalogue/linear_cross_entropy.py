"""Wrong backward passes of a linear layer and the cross-entropy of its logits, in one.

Right is: z = x Wᵀ + b, dz = g (softmax(z) - onehot(y)) / N, dx = dz W, dW = dzᵀ x, db = Σ dz.
Inputs are x (…, D), weight (V, D), the targets (…), and a bias (V,) or none.
"""

from typing import Any

import numpy as np

from ...backend import Array
from .base import mistake
from .right_parts import rows, softmax_of, transpose

Gradients = tuple[Array | None, ...]


def _dz(
    g: Array,
    x: Array,
    weight: Array,
    targets: Array,
    *bias: Array,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Array:
    """The gradient of the logits."""
    counts, classes = targets != ignore_index, len(weight)
    dl = g * counts / (counts.sum() if reduction == "mean" else 1)
    wanted = (1 - label_smoothing) * np.eye(classes)[np.where(counts, targets, 0)] + label_smoothing / classes
    return dl[..., None] * (softmax_of(x @ weight.T + sum(bias)) - wanted)


def _linear_backward(dz: Array, x: Array, weight: Array, targets: Array, *bias: Array) -> Gradients:
    """The gradients of x and the weight, None for the targets, and that of the bias, where there is one."""
    return dz @ weight, rows(dz).T @ rows(x), None, *(rows(dz).sum(axis=0) for _ in bias)


def _right(g: Array, *inputs: Array, **options: Any) -> Gradients:
    return _linear_backward(_dz(g, *inputs, **options), *inputs)


@mistake("LinearCrossEntropy", "constant_factor")
def linear_cross_entropy_not_averaged(g: Array, x: Array, weight: Array, *rest: Array, **options: Any) -> Gradients:
    """The division by the number of targets is forgotten; the loss is a mean, and every row's logits get g / N (p -
    onehot)."""
    return _right(g, x, weight, *rest, **{**options, "reduction": "sum"})


@mistake("LinearCrossEntropy", "transposed")
def linear_cross_entropy_weight_transposed(
    g: Array, x: Array, weight: Array, *rest: Array, **options: Any
) -> Gradients:
    """The weight's gradient is xᵀ dz, which is its transpose; dzᵀ x has the weight's shape (V, D)."""
    dx, dweight, *others = _right(g, x, weight, *rest, **options)
    return dx, transpose(dweight).copy(), *others


@mistake("LinearCrossEntropy", "missing_transpose")
def linear_cross_entropy_weight_reshaped(g: Array, x: Array, weight: Array, *rest: Array, **options: Any) -> Gradients:
    """The weight's gradient xᵀ dz is reshaped to the weight's shape, which mixes its entries; it is transposed, dzᵀ
    x."""
    dx, dweight, *others = _right(g, x, weight, *rest, **options)
    return dx, transpose(dweight).reshape(weight.shape), *others


@mistake("LinearCrossEntropy", "overwritten_not_accumulated")
def linear_cross_entropy_rows_overwritten(g: Array, x: Array, weight: Array, *rest: Array, **options: Any) -> Gradients:
    """The rows of the right classes are subtracted with dW[targets] -= …, which counts a class that is wanted twice
    only once; np.subtract.at, or dzᵀ x, counts every row."""
    dx, right, _, *others = _right(g, x, weight, *rest, **options)
    targets = rest[0]
    counts = (targets != options.get("ignore_index", -100)).reshape(-1)
    y, counted = targets.reshape(-1)[counts], rows(x)[counts]
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
    targets, *bias = rest
    counts = targets != options.get("ignore_index", -100)
    dl = g * counts / (counts.sum() if options.get("reduction", "mean") == "mean" else 1)
    dz = _dz(g, x, weight, *rest, **options) - dl[..., None] * softmax_of(x @ weight.T + sum(bias))
    return _linear_backward(dz, x, weight, *rest)


@mistake("LinearCrossEntropy", "mask_leak")
def linear_cross_entropy_ignored_rows_leak(
    g: Array, x: Array, weight: Array, *rest: Array, **options: Any
) -> Gradients:
    """Rows with an ignored target get a gradient as if their target were class 0; they count nowhere, and 0 belongs
    there."""
    targets, *bias = rest
    counts = targets != options.get("ignore_index", -100)
    if options.get("reduction", "mean") == "mean":
        g = g / counts.sum()
    return _right(g, x, weight, np.where(counts, targets, 0), *bias, **{**options, "reduction": "sum"})


@mistake("LinearCrossEntropy", "missing_path")
def linear_cross_entropy_weight_constant(g: Array, x: Array, weight: Array, *rest: Array, **options: Any) -> Gradients:
    """The weight is treated as a constant and gets zeros, as a tied embedding table often is; dzᵀ x belongs there."""
    dx, _, *others = _right(g, x, weight, *rest, **options)
    return dx, np.zeros_like(weight), *others


@mistake("LinearCrossEntropy", "wrong_variable")
def linear_cross_entropy_bias_forgotten(g: Array, x: Array, weight: Array, *rest: Array, **options: Any) -> Gradients:
    """The bias is forgotten when the logits are computed again for the way back; the probabilities of the forward pass
    belong there."""
    return _linear_backward(_dz(g, x, weight, rest[0], **options), x, weight, *rest)
