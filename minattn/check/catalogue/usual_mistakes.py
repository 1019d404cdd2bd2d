"""Mistakes that are made in op after op: the op's own backward pass, right but for one thing."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ...backend import Array
from ...ops import registry
from .base import Mistake, catalogue
from .registered_op import snake_case
from .right_parts import average_copies

Gradients = tuple[Array | None, ...]
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


def usual_mistake(kind: str, sentences: dict[str, str]) -> Callable[[Right], Right]:
    """Function decorator: enter what it makes of the right backward pass of each op, with the sentence for that op."""

    def enter(change: Right) -> Right:
        for op, sentence in sentences.items():

            def backward(g: Array, *inputs: Array, op: str = op, **options: Any) -> Gradients:
                def right(g: Array, *inputs: Array) -> Gradients:
                    made = registry[op].op(**options)
                    made(*inputs)
                    return tuple(made.gradients(g))

                return change(right, g, *inputs)

            name = f"{snake_case(op)}_{change.__name__}"
            catalogue.setdefault(op, []).append(Mistake(name, kind, sentence, backward, op))
        return change

    return enter


@usual_mistake("upstream_ignored", UPSTREAM_IGNORED)
def upstream_ignored(right: Right, g: Array, *inputs: Array) -> Gradients:
    """The gradients for an upstream of 1 everywhere."""
    return right(np.ones_like(g), *inputs)


@usual_mistake("treated_as_constant", LAST_INPUT_CONSTANT)
def last_input_constant(right: Right, g: Array, *inputs: Array) -> Gradients:
    """Zeros for the last input."""
    return *right(g, *inputs)[:-1], np.zeros_like(inputs[-1])


@usual_mistake("broadcast_not_summed", COPIES_NOT_SUMMED)
def copies_not_summed(right: Right, g: Array, *inputs: Array) -> Gradients:
    """The gradients of the inputs as they are after broadcasting."""
    return right(g, *(np.broadcast_to(x, g.shape) for x in inputs))


@usual_mistake("constant_factor", COPIES_AVERAGED)
def copies_averaged(right: Right, g: Array, *inputs: Array) -> Gradients:
    """Their means over the copies."""
    pairs = zip(copies_not_summed(right, g, *inputs), inputs, strict=True)
    return tuple(None if dx is None else average_copies(dx, x.shape) for dx, x in pairs)
