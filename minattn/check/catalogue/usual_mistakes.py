"""Mistakes that are made in op after op: the op's own backward pass, right but for one thing."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ...backend import Array
from ...ops import registry
from ...ops.base import transposed
from .base import Gradients, Mistake, average_copies, catalogue, last_copy
from .registered_op import snake_case


class Right:
    """The right passes of an op with its options: called with (g, *inputs), the backward pass."""

    def __init__(self, op: str, options: dict[str, Any]) -> None:
        self.op, self.options = op, options

    def forward(self, *inputs: Array) -> Array:
        """The output of the op."""
        return registry[self.op].op(**self.options)(*inputs)

    def __call__(self, g: Array, *inputs: Array) -> Gradients:
        made = registry[self.op].op(**self.options)
        made(*inputs)
        return tuple(made.gradients(g))


Change = Callable[..., Gradients]
"""(right, g, *inputs) -> what a mistake makes of it."""

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


def usual_mistake(kind: str, **sentences: str) -> Callable[[Change], Change]:
    """Function decorator: enter what it makes of the right backward pass of each op, with the sentence for that op."""

    def enter(change: Change) -> Change:
        for op, sentence in sentences.items():
            enter_mistake(op, change.__name__, kind, sentence, change)
        return change

    return enter


def enter_mistake(op: str, name: str, kind: str, sentence: str, change: Change, rule: str = "") -> None:
    """Enter what a change makes of the op's right backward pass, or of that of another op, `rule`, with its options."""

    def backward(g: Array, *inputs: Array, **options: Any) -> Any:
        given = inspect.signature(registry[op].op).bind(**options)
        given.apply_defaults()
        known = inspect.signature(registry[rule or op].op).parameters
        taken = {name: x for name, x in given.arguments.items() if name in known}
        gradients = change(Right(rule or op, taken), g, *inputs)
        return gradients[0] if len(gradients) == 1 else gradients

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
    "modified_input",
    Negate="The upstream gradient is negated in place, so that whoever else holds it finds it changed; a new "
    "array belongs there.",
    Log="The upstream gradient is divided in place, so that whoever else holds it finds it changed; a new array "
    "belongs there.",
    ReLU="The upstream gradient is set to 0 in place, so that whoever else holds it finds it changed; a new "
    "array belongs there.",
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


@usual_mistake(
    "zero_gradient",
    Reshape="The gradient is zero, as if an op that computes nothing passed nothing on; every number is handed on, and "
    "so is its gradient.",
    Split="The gradient is zero, as if cutting a piece out cut it off from its input; the upstream gradient belongs at "
    "the piece's place.",
)
def zero(right: Right, g: Array, *inputs: Array) -> Gradients:
    """Zeros for every input."""
    return tuple(np.zeros_like(x) for x in inputs)


@usual_mistake(
    "missing_path",
    Concatenate="Only the first input gets its stretch, the others get zeros; each gets its own.",
    Stack="Only the first input gets its layer, the others get zeros; each gets its own.",
)
def only_first(right: Right, g: Array, *inputs: Array) -> Gradients:
    """Zeros for every input but the first."""
    return right(g, *inputs)[0], *(np.zeros_like(x) for x in inputs[1:])


@usual_mistake(
    "wrong_axis",
    Sum="The upstream gradients are added up before they are spread, which mixes sums that have nothing to do with "
    "each other; each is spread along the axes that its own sum ran over.",
    BroadcastTo="The sum runs over everything; it belongs only along the axes that were repeated.",
)
def summed_over_everything(right: Right, g: Array, *inputs: Array) -> Gradients:
    """The sum of the upstream gradient everywhere."""
    return tuple(np.full(x.shape, g.sum()) for x in inputs)


@usual_mistake(
    "transposed",
    MatMul="The gradient of b comes out transposed, gᵀ a; aᵀ g has the shape of b.",
    Linear="The weight's gradient is xᵀ g, which is its transpose; gᵀ x has the weight's shape (O, I).",
    LinearCrossEntropy="The weight's gradient is xᵀ dz, which is its transpose; dzᵀ x has the weight's shape (V, D).",
)
def weight_transposed(right: Right, g: Array, *inputs: Array) -> Gradients:
    """The gradient of the second input with its last two axes exchanged."""
    dx, dweight, *others = right(g, *inputs)
    turned = np.array(dweight)
    return dx, turned if turned.ndim < 2 else transposed(turned), *others


@usual_mistake(
    "missing_transpose",
    Linear="The weight's gradient xᵀ g is reshaped to the weight's shape, which mixes its entries; it is transposed, "
    "gᵀ x.",
    LinearCrossEntropy="The weight's gradient xᵀ dz is reshaped to the weight's shape, which mixes its entries; it is "
    "transposed, dzᵀ x.",
)
def weight_reshaped(right: Right, g: Array, *inputs: Array) -> Gradients:
    """The transpose of the gradient of the second input, reshaped."""
    dx, dweight, *others = right(g, *inputs)
    return dx, transposed(dweight).reshape(inputs[1].shape), *others
