"""Wrong backward passes of addition, subtraction and the change of sign."""

import numpy as np

from ...backend import Array
from .base import mistake
from .right_parts import Pair, average_copies, last_copy, unbroadcast


@mistake(
    "Add",
    "broadcast_not_summed",
    "Both gradients keep the shape of the sum; an operand that was broadcast was used once for every copy, and the "
    "sum over its copies belongs there.",
)
def add_broadcast_not_summed(g: Array, a: Array, b: Array) -> Pair:
    return g.copy(), g.copy()


@mistake(
    "Add",
    "constant_factor",
    "The gradient of a broadcast operand is the mean over its copies; the sum belongs there, because every copy adds "
    "its own effect.",
)
def add_copies_averaged(g: Array, a: Array, b: Array) -> Pair:
    return average_copies(g, a.shape), average_copies(g, b.shape)


@mistake(
    "Add",
    "overwritten_not_accumulated",
    "Every copy of a broadcast operand overwrites the gradient of the copy before it, so that only the last one is "
    "left; the sum over all copies belongs there.",
)
def add_last_copy_kept(g: Array, a: Array, b: Array) -> Pair:
    return last_copy(g, a.shape), last_copy(g, b.shape)


@mistake(
    "Add",
    "missing_path",
    "The first operand, the skip path of a residual connection, gets zeros; it gets the whole upstream gradient, as "
    "the second does.",
)
def add_skip_path_lost(g: Array, a: Array, b: Array) -> Pair:
    return np.zeros_like(a), unbroadcast(g, b.shape)


@mistake(
    "Add",
    "constant_factor",
    "The upstream gradient is divided between the two operands; each of them gets the whole of it.",
)
def add_shared_in_half(g: Array, a: Array, b: Array) -> Pair:
    return unbroadcast(g / 2, a.shape), unbroadcast(g / 2, b.shape)


@mistake(
    "Add",
    "wrong_variable",
    "The upstream gradient is multiplied by the other operand, which is the rule for a product; for a sum both "
    "gradients are the upstream gradient itself.",
)
def add_product_rule(g: Array, a: Array, b: Array) -> Pair:
    return unbroadcast(g * b, a.shape), unbroadcast(g * a, b.shape)


@mistake(
    "Add",
    "upstream_ignored",
    "Both gradients are ones, the slope of a sum, and the upstream gradient that belongs on it as a factor is left "
    "out.",
)
def add_upstream_ignored(g: Array, a: Array, b: Array) -> Pair:
    return unbroadcast(np.ones_like(g), a.shape), unbroadcast(np.ones_like(g), b.shape)


@mistake(
    "Subtract",
    "sign",
    "The gradient of b has the sign of the upstream gradient; b is subtracted, so that -g belongs there.",
)
def subtract_sign_of_b(g: Array, a: Array, b: Array) -> Pair:
    return unbroadcast(g, a.shape), unbroadcast(g, b.shape)


@mistake(
    "Subtract",
    "swapped_arguments",
    "The gradients are those of b - a; the forward pass is a - b, with g for a and -g for b.",
)
def subtract_swapped(g: Array, a: Array, b: Array) -> Pair:
    return unbroadcast(-g, a.shape), unbroadcast(g, b.shape)


@mistake(
    "Subtract",
    "broadcast_not_summed",
    "Both gradients keep the shape of the difference; an operand that was broadcast gets the sum over its copies.",
)
def subtract_broadcast_not_summed(g: Array, a: Array, b: Array) -> Pair:
    return g.copy(), -g


@mistake(
    "Subtract",
    "constant_factor",
    "The gradient of a broadcast operand is the mean over its copies; the sum belongs there.",
)
def subtract_copies_averaged(g: Array, a: Array, b: Array) -> Pair:
    return average_copies(g, a.shape), average_copies(-g, b.shape)


@mistake(
    "Subtract",
    "treated_as_constant",
    "What is subtracted is treated as a constant and gets zeros; -g belongs there.",
)
def subtract_b_constant(g: Array, a: Array, b: Array) -> Pair:
    return unbroadcast(g, a.shape), np.zeros_like(b)


@mistake(
    "Subtract",
    "upstream_ignored",
    "The gradients are 1 and -1, the slopes of a difference, and the upstream gradient is not multiplied on.",
)
def subtract_upstream_ignored(g: Array, a: Array, b: Array) -> Pair:
    return unbroadcast(np.ones_like(g), a.shape), unbroadcast(-np.ones_like(g), b.shape)


@mistake("Negate", "sign", "The upstream gradient is handed on with its own sign; -g belongs there.")
def negate_sign(g: Array, x: Array) -> Array:
    return g.copy()


@mistake(
    "Negate",
    "upstream_ignored",
    "The gradient is -1 everywhere, the slope alone; the upstream gradient belongs on it as a factor.",
)
def negate_upstream_ignored(g: Array, x: Array) -> Array:
    return -np.ones_like(g)


@mistake(
    "Negate",
    "wrong_variable",
    "The output -x is returned in place of a gradient; the negated upstream gradient belongs there.",
)
def negate_returns_output(g: Array, x: Array) -> Array:
    return -x


@mistake(
    "Negate",
    "wrong_variable",
    "The upstream gradient is multiplied by the output -x; it is multiplied by the slope, which is -1.",
)
def negate_times_output(g: Array, x: Array) -> Array:
    return g * -x


@mistake(
    "Negate",
    "modified_input",
    "The upstream gradient is negated in place, so that whoever else holds it finds it changed; a new array belongs "
    "there.",
)
def negate_in_place(g: Array, x: Array) -> Array:
    g *= -1
    return g
