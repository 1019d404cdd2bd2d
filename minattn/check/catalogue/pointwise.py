"""Wrong backward passes of functions of one number, exponential, logarithm and activations, and of dropout."""

import math

import numpy as np

from ...backend import Array
from ...ops.activations import normal_cdf, normal_density, tanh_cdf, tanh_density
from .base import Gradients, mistake


@mistake("Exp", "wrong_variable")
def exp_power_rule(g: Array, x: Array) -> Array:
    """The power rule is used, x e^(x-1); the exponent is the variable here, and e^x is its own slope."""
    return g * x * np.exp(x - 1)


@mistake("Exp", "nonlinear_in_upstream")
def exp_clipped(g: Array, x: Array) -> Array:
    """The gradient is clipped to [-1, 1] inside the backward pass, which changes it wherever it is larger; g e^x
    belongs there, and clipping belongs before the optimizer's step."""
    return np.clip(g * np.exp(x), -1, 1)


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


@mistake("ReLU", "nonlinear_in_upstream")
def relu_mask_of_upstream(g: Array, x: Array) -> Array:
    """The mask is taken from the upstream gradient, which lets only positive gradients through; it belongs to the
    input, g where x > 0."""
    return np.maximum(g, 0)


@mistake("ReLU", "mask_leak")
def relu_mask_inverted(g: Array, x: Array) -> Array:
    """The mask is the wrong way round: the gradient passes where x < 0; it passes where x > 0."""
    return g * (x < 0)


@mistake("ReLU", "mask_leak")
def relu_leaky(g: Array, x: Array) -> Array:
    """A share of 0.01 leaks through where x < 0, which is the leaky ReLU; 0 belongs there."""
    return np.where(x > 0, g, 0.01 * g)


@mistake("ReLU", "sign")
def relu_slope_of_absolute_value(g: Array, x: Array) -> Array:
    """The sign of x is the slope, which is that of |x|; where x < 0 it gives -g, and 0 belongs there."""
    return g * np.sign(x)


def _cdf_and_slope(x: Array, approximate: str) -> tuple[Array, Array]:
    """Φ(x), or its approximation by tanh, and the derivative of that."""
    if approximate == "none":
        return normal_cdf(x), normal_density(x)
    cdf = tanh_cdf(x)
    return cdf, tanh_density(x, cdf)


@mistake("GELU", "missing_path")
def gelu_second_term_missing(g: Array, x: Array, approximate: str = "none") -> Array:
    """Only g Φ(x) is returned; x also moves Φ itself, and the second term of the product rule, g x φ(x), belongs beside
    it."""
    cdf, _ = _cdf_and_slope(x, approximate)
    return g * cdf


@mistake("GELU", "missing_path")
def gelu_first_term_missing(g: Array, x: Array, approximate: str = "none") -> Array:
    """Only g x φ(x) is returned; the first term of the product rule, g Φ(x), belongs beside it."""
    _, slope = _cdf_and_slope(x, approximate)
    return g * x * slope


@mistake("GELU", "wrong_variable")
def gelu_other_form(g: Array, x: Array, approximate: str = "none") -> Array:
    """This is the backward pass of the other form of GELU, exact where the forward pass has tanh or the reverse; the
    two differ from the fourth decimal on."""
    cdf, slope = _cdf_and_slope(x, "tanh" if approximate == "none" else "none")
    return g * (cdf + x * slope)


@mistake("GELU", "wrong_variable")
def gelu_factor_forgotten(g: Array, x: Array, approximate: str = "none") -> Array:
    """The x before φ(x) is forgotten: g (Φ + φ) in place of g (Φ + x φ)."""
    cdf, slope = _cdf_and_slope(x, approximate)
    return g * (cdf + slope)


@mistake("GELU", "sign")
def gelu_sign(g: Array, x: Array, approximate: str = "none") -> Array:
    """The second term is subtracted: g (Φ - x φ) in place of g (Φ + x φ)."""
    cdf, slope = _cdf_and_slope(x, approximate)
    return g * (cdf - x * slope)


@mistake("GELU", "constant_factor")
def gelu_constant_forgotten(g: Array, x: Array, approximate: str = "none") -> Array:
    """The slope of Φ lacks a constant, 1/√(2π) of the normal density or the 1/2 before tanh, so that the second term is
    too large."""
    cdf, slope = _cdf_and_slope(x, approximate)
    return g * (cdf + x * slope * (math.sqrt(2 * math.pi) if approximate == "none" else 2))


@mistake("GELU", "wrong_variable")
def gelu_exponent_not_halved(g: Array, x: Array, approximate: str = "none") -> Array:
    """The exponent of the normal density is not halved: exp(-x²) in place of exp(-x²/2)."""
    cdf, slope = _cdf_and_slope(x, approximate)
    if approximate == "none":
        slope = slope * np.exp(-(x**2) / 2)
    return g * (cdf + x * slope)


@mistake("GELU", "treated_as_constant")
def gelu_cubic_term_constant(g: Array, x: Array, approximate: str = "none") -> Array:
    """The cubic term inside tanh is treated as a constant: its derivative 3 · 0.044715 x² is missing from the inner
    slope."""
    cdf, slope = _cdf_and_slope(x, approximate)
    if approximate == "tanh":
        slope = slope / (1 + 3 * 0.044715 * x**2)
    return g * (cdf + x * slope)


def _scale(p: float) -> float:
    return 1 / (1 - p) if p < 1 else 0.0


@mistake("Dropout", "constant_factor")
def dropout_scale_forgotten(g: Array, x: Array, keep: Array, p: float = 0.5) -> Gradients:
    """The scale 1 / (1 - p) is forgotten: g keep in place of g keep / (1 - p)."""
    return g * keep, None


@mistake("Dropout", "mask_leak")
def dropout_mask_forgotten(g: Array, x: Array, keep: Array, p: float = 0.5) -> Gradients:
    """The mask is forgotten: elements that were dropped get a gradient, and 0 belongs there."""
    return g * _scale(p), None


@mistake("Dropout", "mask_leak")
def dropout_mask_inverted(g: Array, x: Array, keep: Array, p: float = 0.5) -> Gradients:
    """The mask is inverted: the dropped elements get the gradient, which belongs to those that were kept."""
    return g * ~keep.astype(bool) * _scale(p), None


@mistake("Dropout", "constant_factor")
def dropout_scale_multiplied(g: Array, x: Array, keep: Array, p: float = 0.5) -> Gradients:
    """The gradient is multiplied by 1 - p; the forward pass divided by it, and so does the backward pass."""
    return g * keep * (1 - p), None


@mistake("Dropout", "constant_factor")
def dropout_divided_by_p(g: Array, x: Array, keep: Array, p: float = 0.5) -> Gradients:
    """The gradient is divided by p, the share that was dropped; it is divided by 1 - p, the share that was kept."""
    return g * keep / p, None


@mistake("Dropout", "constant_factor")
def dropout_scale_twice(g: Array, x: Array, keep: Array, p: float = 0.5) -> Gradients:
    """The scale is applied twice: g keep / (1 - p)² in place of g keep / (1 - p)."""
    return g * keep * _scale(p) ** 2, None
