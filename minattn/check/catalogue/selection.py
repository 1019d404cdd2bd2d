"""Wrong backward passes of the ops that choose between two arrays: maximum and where."""

import numpy as np

from ...backend import Array
from .base import mistake
from .right_parts import Pair, unbroadcast

Chosen = tuple[None, Array, Array]


@mistake("Maximum", "swapped_arguments")
def maximum_smaller_gets_it(g: Array, a: Array, b: Array) -> Pair:
    """The upstream gradient goes to the smaller operand; it belongs to the larger one, which the output was taken
    from."""
    return unbroadcast(g * (a < b), a.shape), unbroadcast(g * (a > b), b.shape)


@mistake("Maximum", "constant_factor")
def maximum_always_half(g: Array, a: Array, b: Array) -> Pair:
    """Each operand gets half of the upstream gradient everywhere; half is right only where the two are equal, and the
    larger one gets all of it."""
    return unbroadcast(g / 2, a.shape), unbroadcast(g / 2, b.shape)


@mistake("Where", "swapped_arguments")
def where_branches_swapped(g: Array, condition: Array, a: Array, b: Array) -> Chosen:
    """The two branches are mixed up: a gets the gradient where the condition does not hold, and b where it does; it is
    the other way round."""
    return None, unbroadcast(np.where(condition, 0, g), a.shape), unbroadcast(np.where(condition, g, 0), b.shape)


@mistake("Where", "mask_leak")
def where_condition_ignored(g: Array, condition: Array, a: Array, b: Array) -> Chosen:
    """Both branches get the whole upstream gradient, the condition is not looked at; each gets g where it was chosen
    and 0 elsewhere."""
    return None, unbroadcast(g, a.shape), unbroadcast(g, b.shape)


@mistake("Where", "mask_leak")
def where_second_branch_not_masked(g: Array, condition: Array, a: Array, b: Array) -> Chosen:
    """The gradient of b is not masked: it also gets g where a was chosen, and 0 belongs there."""
    return None, unbroadcast(np.where(condition, g, 0), a.shape), unbroadcast(g, b.shape)


@mistake("Where", "shape")
def where_picked_out(g: Array, condition: Array, a: Array, b: Array) -> Chosen:
    """The gradients are picked out with the condition as a boolean index, which flattens them and drops every element
    that was not chosen; zeros belong there instead."""
    condition = np.broadcast_to(condition, g.shape)
    return None, g[condition], g[~condition]
