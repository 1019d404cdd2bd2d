"""Wrong backward passes of the ops that take numbers one by one, or two by two: arithmetic, and choosing."""

import numpy as np

from ...backend import Array
from .base import Gradients, Pair, mistake, unbroadcast


@mistake("Add", "missing_path")
def add_skip_path_lost(g: Array, a: Array, b: Array) -> Pair:
    """The first operand, the skip path of a residual connection, gets zeros; it gets the whole upstream gradient, as
    the second does."""
    return np.zeros_like(a), unbroadcast(g, b.shape)


@mistake("Negate", "wrong_variable")
def negate_returns_output(g: Array, x: Array) -> Array:
    """The output -x is returned in place of a gradient; the negated upstream gradient belongs there."""
    return -x


@mistake("Multiply", "swapped_arguments")
def multiply_swapped(g: Array, a: Array, b: Array) -> Pair:
    """Each operand's gradient is the upstream gradient times that operand itself; it is times the other one."""
    return unbroadcast(g * a, a.shape), unbroadcast(g * b, b.shape)


@mistake("Multiply", "wrong_variable")
def multiply_by_output(g: Array, a: Array, b: Array) -> Pair:
    """The upstream gradient is multiplied by the product a b; only the other operand belongs there."""
    return unbroadcast(g * a * b, a.shape), unbroadcast(g * a * b, b.shape)


@mistake("Divide", "sign")
def divide_sign_of_b(g: Array, a: Array, b: Array) -> Pair:
    """The gradient of the divisor is g a / b²; a larger divisor makes the quotient smaller, and -g a / b² belongs
    there."""
    return unbroadcast(g / b, a.shape), unbroadcast(g * a / b**2, b.shape)


@mistake("Divide", "wrong_variable")
def divide_square_forgotten(g: Array, a: Array, b: Array) -> Pair:
    """The gradient of the divisor is -g a / b, with the square forgotten; -g a / b² belongs there."""
    return unbroadcast(g / b, a.shape), unbroadcast(-g * a / b, b.shape)


@mistake("Divide", "wrong_variable")
def divide_dividend_forgotten(g: Array, a: Array, b: Array) -> Pair:
    """The gradient of the divisor is -g / b², without the dividend; -g a / b² belongs there."""
    return unbroadcast(g / b, a.shape), unbroadcast(-g / b**2, b.shape)


@mistake("Divide", "wrong_variable")
def divide_multiplied_back(g: Array, a: Array, b: Array) -> Pair:
    """The gradient of the dividend is multiplied by the divisor; the upstream gradient is divided by it."""
    return unbroadcast(g * b, a.shape), unbroadcast(-g * a / b**2, b.shape)


@mistake("Power", "wrong_variable")
def power_exponent_not_lowered(g: Array, a: Array, b: Array) -> Pair:
    """The exponent is brought down but not lowered by one: the base gets g b a^b where g b a^(b-1) belongs."""
    return unbroadcast(g * b * a**b, a.shape), unbroadcast(g * a**b * np.log(a), b.shape)


@mistake("Power", "wrong_variable")
def power_exponent_not_brought_down(g: Array, a: Array, b: Array) -> Pair:
    """The exponent is lowered but not brought down: the base gets g a^(b-1) where g b a^(b-1) belongs."""
    return unbroadcast(g * a ** (b - 1), a.shape), unbroadcast(g * a**b * np.log(a), b.shape)


@mistake("Power", "wrong_variable")
def power_lowered_first(g: Array, a: Array, b: Array) -> Pair:
    """The exponent is lowered before it is brought down: the base gets g (b-1) a^(b-1) where g b a^(b-1) belongs."""
    return unbroadcast(g * (b - 1) * a ** (b - 1), a.shape), unbroadcast(g * a**b * np.log(a), b.shape)


@mistake("Power", "wrong_variable")
def power_logarithm_forgotten(g: Array, a: Array, b: Array) -> Pair:
    """The logarithm is forgotten: the exponent gets g a^b, which is right only for the base e; g a^b ln a belongs
    there."""
    return unbroadcast(g * b * a ** (b - 1), a.shape), unbroadcast(g * a**b, b.shape)


@mistake("Power", "constant_factor")
def power_decimal_logarithm(g: Array, a: Array, b: Array) -> Pair:
    """The logarithm to base 10 is taken for the exponent's gradient; the natural logarithm belongs there."""
    return unbroadcast(g * b * a ** (b - 1), a.shape), unbroadcast(g * a**b * np.log10(a), b.shape)


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
def where_branches_swapped(g: Array, condition: Array, a: Array, b: Array) -> Gradients:
    """The two branches are mixed up: a gets the gradient where the condition does not hold, and b where it does; it is
    the other way round."""
    return None, unbroadcast(np.where(condition, 0, g), a.shape), unbroadcast(np.where(condition, g, 0), b.shape)


@mistake("Where", "mask_leak")
def where_condition_ignored(g: Array, condition: Array, a: Array, b: Array) -> Gradients:
    """Both branches get the whole upstream gradient, the condition is not looked at; each gets g where it was chosen
    and 0 elsewhere."""
    return None, unbroadcast(g, a.shape), unbroadcast(g, b.shape)


@mistake("Where", "mask_leak")
def where_second_branch_not_masked(g: Array, condition: Array, a: Array, b: Array) -> Gradients:
    """The gradient of b is not masked: it also gets g where a was chosen, and 0 belongs there."""
    return None, unbroadcast(np.where(condition, g, 0), a.shape), unbroadcast(g, b.shape)


@mistake("Where", "shape")
def where_picked_out(g: Array, condition: Array, a: Array, b: Array) -> Gradients:
    """The gradients are picked out with the condition as a boolean index, which flattens them and drops every element
    that was not chosen; zeros belong there instead."""
    condition = np.broadcast_to(condition, g.shape)
    return None, g[condition], g[~condition]
