"""Wrong backward passes of multiplication, division and powers."""

import numpy as np

from ...backend import Array
from .base import mistake
from .right_parts import Pair, unbroadcast


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
