"""Wrong backward passes of addition, subtraction and the change of sign."""

import numpy as np

from ...backend import Array
from .base import mistake
from .right_parts import Pair, last_copy, unbroadcast


@mistake("Add", "overwritten_not_accumulated")
def add_last_copy_kept(g: Array, a: Array, b: Array) -> Pair:
    """Every copy of a broadcast operand overwrites the gradient of the copy before it, so that only the last one is
    left; the sum over all copies belongs there."""
    return last_copy(g, a.shape), last_copy(g, b.shape)


@mistake("Add", "missing_path")
def add_skip_path_lost(g: Array, a: Array, b: Array) -> Pair:
    """The first operand, the skip path of a residual connection, gets zeros; it gets the whole upstream gradient, as
    the second does."""
    return np.zeros_like(a), unbroadcast(g, b.shape)


@mistake("Add", "constant_factor")
def add_shared_in_half(g: Array, a: Array, b: Array) -> Pair:
    """The upstream gradient is divided between the two operands; each of them gets the whole of it."""
    return unbroadcast(g / 2, a.shape), unbroadcast(g / 2, b.shape)


@mistake("Add", "wrong_variable")
def add_product_rule(g: Array, a: Array, b: Array) -> Pair:
    """The upstream gradient is multiplied by the other operand, which is the rule for a product; for a sum both
    gradients are the upstream gradient itself."""
    return unbroadcast(g * b, a.shape), unbroadcast(g * a, b.shape)


@mistake("Subtract", "sign")
def subtract_sign_of_b(g: Array, a: Array, b: Array) -> Pair:
    """The gradient of b has the sign of the upstream gradient; b is subtracted, so that -g belongs there."""
    return unbroadcast(g, a.shape), unbroadcast(g, b.shape)


@mistake("Subtract", "swapped_arguments")
def subtract_swapped(g: Array, a: Array, b: Array) -> Pair:
    """The gradients are those of b - a; the forward pass is a - b, with g for a and -g for b."""
    return unbroadcast(-g, a.shape), unbroadcast(g, b.shape)


@mistake("Negate", "sign")
def negate_sign(g: Array, x: Array) -> Array:
    """The upstream gradient is handed on with its own sign; -g belongs there."""
    return g.copy()


@mistake("Negate", "wrong_variable")
def negate_returns_output(g: Array, x: Array) -> Array:
    """The output -x is returned in place of a gradient; the negated upstream gradient belongs there."""
    return -x


@mistake("Negate", "wrong_variable")
def negate_times_output(g: Array, x: Array) -> Array:
    """The upstream gradient is multiplied by the output -x; it is multiplied by the slope, which is -1."""
    return g * -x


@mistake("Negate", "modified_input")
def negate_in_place(g: Array, x: Array) -> Array:
    """The upstream gradient is negated in place, so that whoever else holds it finds it changed; a new array belongs
    there."""
    g *= -1
    return g
