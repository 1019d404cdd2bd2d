"""Wrong backward passes of functions of one number: exponential, logarithm, root, tanh, sigmoid."""

import numpy as np

from ...backend import Array
from .base import mistake


@mistake("Exp", "wrong_variable")
def exp_power_rule(g: Array, x: Array) -> Array:
    """The power rule is used, x e^(x-1); the exponent is the variable here, and e^x is its own slope."""
    return g * x * np.exp(x - 1)


@mistake("Exp", "wrong_variable")
def exp_times_input(g: Array, x: Array) -> Array:
    """The upstream gradient is multiplied by the input x; the output e^x belongs there."""
    return g * x


@mistake("Exp", "wrong_variable")
def exp_of_output(g: Array, x: Array) -> Array:
    """The exponential is taken of the output, e^(e^x); the output e^x is already the slope."""
    return g * np.exp(np.exp(x))


@mistake("Exp", "nonlinear_in_upstream")
def exp_clipped(g: Array, x: Array) -> Array:
    """The gradient is clipped to [-1, 1] inside the backward pass, which changes it wherever it is larger; g e^x
    belongs there, and clipping belongs before the optimizer's step."""
    return np.clip(g * np.exp(x), -1, 1)


@mistake("Log", "wrong_variable")
def log_times_input(g: Array, x: Array) -> Array:
    """The upstream gradient is multiplied by x; it is divided by it, g / x."""
    return g * x


@mistake("Log", "wrong_variable")
def log_divided_by_output(g: Array, x: Array) -> Array:
    """The upstream gradient is divided by the output ln x; it is divided by the input, g / x."""
    return g / np.log(x)


@mistake("Log", "wrong_variable")
def log_differentiated_twice(g: Array, x: Array) -> Array:
    """The slope is differentiated once more, -1 / x², the slope of 1 / x; that of ln x is 1 / x."""
    return -g / x**2


@mistake("Sqrt", "wrong_variable")
def sqrt_root_forgotten(g: Array, x: Array) -> Array:
    """The upstream gradient is divided by 2 x; by twice the root, 2 √x, it belongs."""
    return g / (2 * x)


@mistake("Sqrt", "wrong_variable")
def sqrt_exponent_not_lowered(g: Array, x: Array) -> Array:
    """The exponent is brought down but not lowered: g √x / 2 in place of g x^(-1/2) / 2."""
    return g * np.sqrt(x) / 2


@mistake("Sqrt", "wrong_variable")
def sqrt_of_reciprocal(g: Array, x: Array) -> Array:
    """The slope is that of 1 / √x, -1 / (2 x √x); that of √x is 1 / (2 √x)."""
    return -g / (2 * x * np.sqrt(x))


@mistake("Sqrt", "wrong_place")
def sqrt_slope_half(g: Array, x: Array) -> Array:
    """The slope is 1/2 everywhere, right only at x = 1; g / (2 √x) belongs there."""
    return g / 2


@mistake("Tanh", "wrong_variable")
def tanh_square_forgotten(g: Array, x: Array) -> Array:
    """The square is forgotten: g (1 - y) in place of g (1 - y²)."""
    return g * (1 - np.tanh(x))


@mistake("Tanh", "wrong_variable")
def tanh_of_input(g: Array, x: Array) -> Array:
    """The input is squared: g (1 - x²), as if x were already the output; y = tanh x belongs there, g (1 - y²)."""
    return g * (1 - x**2)


@mistake("Tanh", "wrong_variable")
def tanh_twice(g: Array, x: Array) -> Array:
    """Tanh is taken of the output once more: g (1 - tanh² y) in place of g (1 - y²)."""
    return g * (1 - np.tanh(np.tanh(x)) ** 2)


@mistake("Tanh", "wrong_variable")
def tanh_rule_of_sigmoid(g: Array, x: Array) -> Array:
    """This is the slope of the sigmoid, y (1 - y); that of tanh is 1 - y²."""
    y = np.tanh(x)
    return g * y * (1 - y)


@mistake("Tanh", "sign")
def tanh_sign(g: Array, x: Array) -> Array:
    """The square is added: g (1 + y²), the slope of the tangent; g (1 - y²) belongs there."""
    return g * (1 + np.tanh(x) ** 2)


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


@mistake("Sigmoid", "wrong_variable")
def sigmoid_of_input(g: Array, x: Array) -> Array:
    """The input stands where the output belongs: g x (1 - x) in place of g y (1 - y)."""
    return g * x * (1 - x)


@mistake("Sigmoid", "wrong_variable")
def sigmoid_twice(g: Array, x: Array) -> Array:
    """The sigmoid is taken of the output once more before y (1 - y) is formed; y is already the sigmoid of x."""
    y = _sigmoid(_sigmoid(x))
    return g * y * (1 - y)


@mistake("Sigmoid", "wrong_variable")
def sigmoid_rule_of_tanh(g: Array, x: Array) -> Array:
    """This is the slope of tanh, 1 - y²; that of the sigmoid is y (1 - y)."""
    return g * (1 - _sigmoid(x) ** 2)


@mistake("Sigmoid", "wrong_variable")
def sigmoid_factor_forgotten(g: Array, x: Array) -> Array:
    """The factor y is forgotten: g (1 - y) in place of g y (1 - y)."""
    return g * (1 - _sigmoid(x))


@mistake("Sigmoid", "wrong_place")
def sigmoid_slope_quarter(g: Array, x: Array) -> Array:
    """The slope is 1/4 everywhere, right only at x = 0; g y (1 - y) belongs there."""
    return g / 4
