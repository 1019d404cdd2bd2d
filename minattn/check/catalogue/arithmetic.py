"""Wrong backward passes of addition, subtraction and the change of sign."""

import numpy as np

from ...backend import Array
from .base import mistake
from .right_parts import Pair, unbroadcast


@mistake("Add", "missing_path")
def add_skip_path_lost(g: Array, a: Array, b: Array) -> Pair:
    """The first operand, the skip path of a residual connection, gets zeros; it gets the whole upstream gradient, as
    the second does."""
    return np.zeros_like(a), unbroadcast(g, b.shape)


@mistake("Add", "constant_factor")
def add_shared_in_half(g: Array, a: Array, b: Array) -> Pair:
    """The upstream gradient is divided between the two operands; each of them gets the whole of it."""
    return unbroadcast(g / 2, a.shape), unbroadcast(g / 2, b.shape)


@mistake("Negate", "wrong_variable")
def negate_returns_output(g: Array, x: Array) -> Array:
    """The output -x is returned in place of a gradient; the negated upstream gradient belongs there."""
    return -x
