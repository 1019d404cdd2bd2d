"""Mistakes that are the right backward pass of something else: of another op, or times something."""

import math

import numpy as np

from ...backend import Array
from .base import Gradients
from .registered_op import snake_case
from .usual_mistakes import Right, enter_mistake, usual_mistake

OTHER_RULES = {
    ("Softmax", "LogSoftmax", "wrong_variable"): "This is the backward pass of log-softmax, g - p Σ g; that of softmax "
    "is p (g - Σ g p).",
    ("LogSoftmax", "Softmax", "wrong_variable"): "This is the backward pass of softmax, p (g - Σ g p); that of "
    "log-softmax is g - p Σ g.",
    ("GELU", "ReLU", "wrong_variable"): "This is the backward pass of ReLU, g where x > 0; that of GELU is "
    "g (Φ + x φ).",
    ("Multiply", "Add", "wrong_variable"): "The upstream gradient is handed on as in a sum; in a product it is first "
    "multiplied by the other operand.",
    ("Add", "Multiply", "wrong_variable"): "The upstream gradient is multiplied by the other operand, which is the "
    "rule for a product; for a sum both gradients are the upstream gradient itself.",
    ("Subtract", "Add", "sign"): "The gradient of b has the sign of the upstream gradient; b is subtracted, so that -g "
    "belongs there.",
    ("Maximum", "Add", "mask_leak"): "Both operands get the whole upstream gradient; only the larger one does, and the "
    "smaller one gets 0.",
    ("Sum", "Mean", "constant_factor"): "The upstream gradient is divided by the number of terms, as in a mean; every "
    "term gets the whole of it.",
    ("Mean", "Sum", "constant_factor"): "The division by the number of elements is forgotten: g in place of g / N.",
    ("Max", "Sum", "mask_leak"): "Every element gets the upstream gradient; only the largest one does, and 0 belongs "
    "at the others.",
    ("LogSumExp", "Sum", "wrong_variable"): "Every score gets the whole upstream gradient, as in a sum; it gets its "
    "share, g softmax(x).",
    ("LogSumExp", "Max", "wrong_variable"): "The whole upstream gradient goes to the largest score, as in a maximum; "
    "every score gets its share, g softmax(x).",
    ("LogSumExp", "Mean", "wrong_place"): "The upstream gradient is shared out equally, right only where all scores "
    "are equal; each gets g softmax(x).",
}
"""An op, the op whose rule is used for it, the kind of mistake, and the sentence."""

FACTORS = {
    ("Sqrt", 2.0): "The factor 1/2 is forgotten: g / √x in place of g / (2 √x).",
    ("Log", 1 / math.log(10)): "The slope is that of the logarithm to base 10, 1 / (x ln 10); that of ln x is 1 / x.",
    ("Variance", 0.5): "The 2 from the square is forgotten: g c / (N - correction) in place of 2 g c / (N - "
    "correction).",
    ("Add", 0.5): "The upstream gradient is divided between the two operands; each of them gets the whole of it.",
}
"""An op, a constant factor that its gradients do not have, and the sentence."""


@usual_mistake(
    "sign",
    Variance="The difference is the wrong way round: mean(x) - x in place of x - mean(x).",
    Softmax="The two terms are the wrong way round: p (Σ g p - g) in place of p (g - Σ g p), which turns every sign.",
    Sigmoid="The difference is the wrong way round: g y (y - 1) in place of g y (1 - y).",
    Negate="The upstream gradient is handed on with its own sign; -g belongs there.",
    CrossEntropy="The difference is the wrong way round, onehot - p, which climbs where it ought to descend; p - "
    "onehot belongs there.",
    LinearCrossEntropy="The difference is the wrong way round, onehot - p; the logits get p - onehot, and every "
    "gradient follows from that.",
)
def sign(right: Right, g: Array, *inputs: Array) -> Gradients:
    """The gradients with the other sign."""
    return tuple(None if dx is None else -dx for dx in right(g, *inputs))


@usual_mistake(
    "wrong_variable",
    Sum="The upstream gradient is multiplied by x; the slope of a sum is 1, and g belongs there.",
    Max="The upstream gradient is multiplied by the maximum itself; the slope at the largest element is 1.",
    Maximum="The larger operand's gradient is multiplied by its value; its slope is 1, and the upstream gradient "
    "alone belongs there.",
    Where="The upstream gradient is multiplied by the chosen values; the slope of choosing is 1, and g alone "
    "belongs there.",
    ReLU="The upstream gradient is multiplied by the output max(x, 0); it is multiplied by the slope, 1 where x > 0.",
    Negate="The upstream gradient is multiplied by the output -x; it is multiplied by the slope, which is -1.",
    Dropout="The upstream gradient is multiplied by the output; it is multiplied by the slope, keep / (1 - p).",
    Index="The upstream gradient is multiplied by the picked values; the slope of picking is 1.",
    Embedding="The gradient is multiplied by the looked-up vectors; the slope of looking up is 1, and g alone is "
    "added.",
)
def times_value(right: Right, g: Array, *inputs: Array) -> Gradients:
    """The gradients, each times its own input."""
    return tuple(None if dx is None else dx * x for dx, x in zip(right(g, *inputs), inputs, strict=True))


@usual_mistake(
    "wrong_variable",
    Exp="The exponential is taken of the output, e^(e^x); the output e^x is already the slope.",
    Log="The upstream gradient is divided by the output ln x; it is divided by the input, g / x.",
    Tanh="Tanh is taken of the output once more: g (1 - tanh² y) in place of g (1 - y²).",
    Sigmoid="The sigmoid is taken of the output once more before y (1 - y) is formed; y is already the sigmoid of x.",
)
def of_output(right: Right, g: Array, *inputs: Array) -> Gradients:
    """The rule fed with the output in place of the input."""
    return right(g, right.forward(*inputs))


@usual_mistake(
    "wrong_variable",
    Exp="The upstream gradient is multiplied by the input x; the output e^x belongs there.",
    Log="The upstream gradient is multiplied by x; it is divided by it, g / x.",
)
def upstream_times_input(right: Right, g: Array, *inputs: Array) -> Gradients:
    """The upstream gradient times the input, as if that were the slope."""
    return tuple(g * x for x in inputs)


@usual_mistake(
    "wrong_axis",
    Sum="The upstream gradient is repeated in the order of memory until the shape is full, which is right only for "
    "leading axes; it is repeated along the summed axes.",
    Mean="The upstream gradient is repeated in the order of memory until the shape is full, which is right only for "
    "leading axes; it is repeated along the averaged axes.",
)
def in_memory_order(right: Right, g: Array, *inputs: Array) -> Gradients:
    """The upstream gradient, repeated in the order of memory, times the slope."""
    return (np.resize(g, inputs[0].shape) * right(np.ones_like(g), *inputs)[0],)


def _unchanged(right: Right, g: Array, *inputs: Array) -> Gradients:
    return right(g, *inputs)


for (_op, _other, _kind), _sentence in OTHER_RULES.items():
    enter_mistake(_op, f"rule_of_{snake_case(_other)}", _kind, _sentence, _unchanged, _other)
for (_op, _factor), _sentence in FACTORS.items():

    def _multiplied(right: Right, g: Array, *inputs: Array, factor: float = _factor) -> Gradients:
        return tuple(None if dx is None else factor * dx for dx in right(g, *inputs))

    enter_mistake(_op, "other_factor", "constant_factor", _sentence, _multiplied)
