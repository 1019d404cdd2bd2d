"""Mistakes that are made in op after op: the op's own backward pass, right but for one thing."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ...backend import Array
from ...ops import registry
from .base import Mistake, catalogue
from .registered_op import snake_case
from .right_parts import Gradients, average_copies, last_copy

Right = Callable[..., Gradients]

SLOPES = {
    **{"ReLU": "mask x > 0", "GELU": "slope Φ + x φ", "Dropout": "slope keep / (1 - p)", "Exp": "slope e^x"},
    **{"Log": "slope 1 / x", "Sqrt": "slope 1 / (2 √x)", "Tanh": "slope 1 - y²", "Sigmoid": "slope y (1 - y)"},
    **{"Negate": "slope -1", "Subtract": "slope, 1 and -1,", "Mean": "slope 1/N", "LogSumExp": "slope softmax(x)"},
    **{"Add": "slope 1", "Multiply": "other operand", "Divide": "slope, 1 / b and -a / b²,", "Maximum": "mask"},
    **{"Power": "slope", "Variance": "slope 2 c / (N - correction)", "Max": "slope, 1 at the largest element,"},
}
PRODUCTS = {
    **{"MatMul": "g bᵀ and aᵀ g", "Linear": "g W, gᵀ x and Σ g", "Einsum": "both einsums"},
    **{"LayerNorm": "all three gradients", "ScaledDotProductAttention": "dv = pᵀ g and dp = g vᵀ"},
}
UPSTREAM_IGNORED = {
    **{
        op: f"The {slope} is returned alone; the upstream gradient belongs on it as a factor."
        for op, slope in SLOPES.items()
    },
    **{
        op: f"The upstream gradient is taken to be 1 everywhere; g itself belongs in {what}."
        for op, what in PRODUCTS.items()
    },
    **dict.fromkeys(
        ("CrossEntropy", "LinearCrossEntropy"),
        "The upstream gradient is taken to be 1, as if nothing came after; it belongs on the gradient as a factor.",
    ),
    **dict.fromkeys(
        ("Concatenate", "Stack", "Split", "Reshape", "Transpose"),
        "The gradient is 1, the slope alone; the upstream gradient, carried back to its place, belongs there.",
    ),
    "Embedding": "Every row counts how often its token occurs; the upstream gradients of all these are added up there.",
    "Index": "The gradient counts how often an element was picked; the upstream gradients of these are added up there.",
    "Sum": "The gradient is 1 everywhere, the slope alone; every term gets the upstream gradient of its own sum.",
    "BroadcastTo": "The gradient is the number of copies, a sum of ones; their upstream gradients belong in the sum.",
}

LAST_INPUT_CONSTANT = {
    "Subtract": "What is subtracted is treated as a constant and gets zeros; -g belongs there.",
    "Multiply": "The second operand is treated as a constant, as a gain or a mask, and gets zeros; g a belongs there.",
    "Divide": "The divisor is treated as a constant and gets zeros; -g a / b² belongs there.",
    "Power": "The exponent is treated as a constant and gets zeros; g a^b ln a belongs there.",
    "Einsum": "The second operand is treated as a constant and gets zeros; the einsum of g and a belongs there.",
    "Maximum": "The second operand is treated as a threshold and gets zeros; it gets g where it is the larger one.",
    "Where": "The second branch is treated as a constant and gets zeros; it gets g where the condition does not hold.",
}

BROADCASTING = ("Add", "Subtract", "Multiply", "Divide", "Power", "Maximum", "Where", "BroadcastTo")
COPIES_NOT_SUMMED = dict.fromkeys(
    BROADCASTING,
    "The gradient keeps the shape of the output; an input that was broadcast gets the sum over its copies.",
)
COPIES_AVERAGED = dict.fromkeys(
    BROADCASTING,
    "The gradient of what was broadcast is the mean over its copies; every copy adds its own effect, a sum.",
)

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


def usual_mistake(kind: str, **sentences: str) -> Callable[[Right], Right]:
    """Function decorator: enter what it makes of the right backward pass of each op, with the sentence for that op."""

    def enter(change: Right) -> Right:
        for op, sentence in sentences.items():
            _enter(op, change.__name__, kind, sentence, change, op)
        return change

    return enter


def _enter(op: str, name: str, kind: str, sentence: str, change: Right, rule: str) -> None:
    """rule: the op whose right backward pass is changed."""

    def backward(g: Array, *inputs: Array, **options: Any) -> Gradients:
        given = inspect.signature(registry[op].op).bind(**options)
        given.apply_defaults()
        taken = inspect.signature(registry[rule].op).parameters

        def right(g: Array, *inputs: Array) -> Gradients:
            made = registry[rule].op(**{name: x for name, x in given.arguments.items() if name in taken})
            made(*inputs)
            return tuple(made.gradients(g))

        return change(right, g, *inputs)

    catalogue.setdefault(op, []).append(Mistake(f"{snake_case(op)}_{name}", kind, sentence, backward, op))


@usual_mistake("upstream_ignored", **UPSTREAM_IGNORED)
def upstream_ignored(right: Right, g: Array, *inputs: Array) -> Gradients:
    """The gradients for an upstream of 1 everywhere."""
    return right(np.ones_like(g), *inputs)


@usual_mistake("treated_as_constant", **LAST_INPUT_CONSTANT)
def last_input_constant(right: Right, g: Array, *inputs: Array) -> Gradients:
    """Zeros for the last input."""
    return *right(g, *inputs)[:-1], np.zeros_like(inputs[-1])


@usual_mistake("broadcast_not_summed", **COPIES_NOT_SUMMED)
def copies_not_summed(right: Right, g: Array, *inputs: Array) -> Gradients:
    """The gradients of the inputs as they are after broadcasting."""
    return right(g, *(np.broadcast_to(x, g.shape) for x in inputs))


@usual_mistake("constant_factor", **COPIES_AVERAGED)
def copies_averaged(right: Right, g: Array, *inputs: Array) -> Gradients:
    """Their means over the copies."""
    pairs = zip(copies_not_summed(right, g, *inputs), inputs, strict=True)
    return tuple(None if dx is None else average_copies(dx, x.shape) for dx, x in pairs)


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
    "shape",
    Sum="The upstream gradient is returned in the shape of the sum; repeated along the summed axes it belongs there.",
    Reshape="The upstream gradient is returned in the new shape; reshaped back to that of the input it belongs there.",
    Split="The upstream gradient is returned in the shape of the piece; it belongs at the piece's place in zeros "
    "of the input's shape.",
    Index="The upstream gradient is returned in the shape of what was picked; it belongs at the picked places in "
    "zeros of the input's shape.",
    Embedding="The upstream gradient is returned as it came, one row for each token; it belongs in a table of "
    "the weight's shape, one row for each word of the vocabulary.",
)
@usual_mistake(
    "missing_transpose",
    Transpose="The upstream gradient is returned in the new order of axes; permuted back it belongs there.",
)
@usual_mistake(
    "wrong_place",
    Exp="The upstream gradient is handed on unchanged, as if the slope were 1, which it is only at x = 0; g e^x "
    "belongs there.",
)
@usual_mistake(
    "mask_leak",
    ReLU="The upstream gradient passes everywhere; it passes only where x > 0, and 0 belongs elsewhere.",
    Dropout="The upstream gradient is handed on unchanged, as in evaluation; g keep / (1 - p) belongs there.",
)
@usual_mistake(
    "treated_as_constant",
    LogSoftmax="The logarithm of the sum is treated as a constant, which leaves g; it grows with every score, "
    "and g - p Σ g belongs there.",
)
def handed_on(right: Right, g: Array, *inputs: Array) -> Gradients:
    """The upstream gradient as it came."""
    return tuple(None if dx is None else g.copy() for dx in right(g, *inputs))


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
    "modified_input",
    Negate="The upstream gradient is negated in place, so that whoever else holds it finds it changed; a new "
    "array belongs there.",
    Log="The upstream gradient is divided in place, so that whoever else holds it finds it changed; a new array "
    "belongs there.",
    ReLU="The upstream gradient is set to 0 in place, so that whoever else holds it finds it changed; a new "
    "array belongs there.",
    Softmax="The sum is subtracted from the upstream gradient in place, so that whoever else holds it finds it "
    "changed; a new array belongs there.",
)
def in_place(right: Right, g: Array, *inputs: Array) -> Gradients:
    """The right gradient, written into the array of the upstream gradient."""
    g = np.asarray(g)  # the same array, but for a single number, which may come as a scalar
    g[...] = right(g, *inputs)[0]
    return (g,)


@usual_mistake(
    "constant_factor",
    Index="An element that was picked several times gets the mean of its gradients; it gets their sum.",
    Embedding="A token that occurs several times gets the mean of its gradients; it gets their sum.",
)
def averaged(right: Right, g: Array, *inputs: Array) -> Gradients:
    """The mean of what an element got where it was used several times."""
    pairs = zip(right(g, *inputs), right(np.ones_like(g), *inputs), strict=True)
    return tuple(None if dx is None or uses is None else dx / np.maximum(uses, 1) for dx, uses in pairs)


@usual_mistake(
    "swapped_arguments",
    Concatenate="The stretches are cut off in reverse, the last input's first; they lie in the order of the inputs.",
    Stack="The layers are handed out in reverse order; the first input gets the first layer.",
    Subtract="The gradients are those of b - a; the forward pass is a - b, with g for a and -g for b.",
    Divide="The gradients are those of b / a; the forward pass is a / b, with g / b for a and -g a / b² for b.",
)
def inputs_reversed(right: Right, g: Array, *inputs: Array) -> Gradients:
    """The gradients of the inputs in reverse order, handed out in the right one."""
    return right(g, *inputs[::-1])[::-1]


@usual_mistake(
    "overwritten_not_accumulated",
    Add="Every copy of a broadcast operand overwrites the gradient of the copy before it, so that only the last "
    "one is left; the sum over all copies belongs there.",
    BroadcastTo="Every copy overwrites the gradient of the copy before it, so that only the last one is left; "
    "the sum over all copies belongs there.",
)
def last_copy_kept(right: Right, g: Array, *inputs: Array) -> Gradients:
    """The gradient of one copy, each of which has overwritten the one before it."""
    pairs = zip(copies_not_summed(right, g, *inputs), inputs, strict=True)
    return tuple(None if dx is None else last_copy(dx, x.shape) for dx, x in pairs)


for (_op, _other, _kind), _sentence in OTHER_RULES.items():
    _enter(_op, f"rule_of_{snake_case(_other)}", _kind, _sentence, lambda right, g, *inputs: right(g, *inputs), _other)
