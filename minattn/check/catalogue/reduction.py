"""Wrong backward passes of sum, mean, variance and maximum along axes."""

from ...backend import Array
from .base import Axis, mistake, reduced_count, stretch


@mistake("Mean", "constant_factor")
def mean_divided_by_size(g: Array, x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """The upstream gradient is divided by the size of the whole array; it is divided by the number of elements that
    became one."""
    return stretch(g, x, axis, keepdims) / x.size


@mistake("Mean", "wrong_axis")
def mean_divided_by_first_axis(g: Array, x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """The upstream gradient is divided by the length of the first axis; it is divided by the length of the axes that
    were averaged."""
    return stretch(g, x, axis, keepdims) / len(x)


@mistake("Mean", "shape")
def mean_not_spread(g: Array, x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """The gradient has the shape of the mean; repeated along the averaged axes it belongs there."""
    return g / reduced_count(x, axis)


def _centred(x: Array, axis: Axis) -> Array:
    return x - x.mean(axis=axis, keepdims=True)


@mistake("Variance", "wrong_variable")
def variance_not_centred(g: Array, x: Array, axis: Axis = None, keepdims: bool = False, correction: int = 1) -> Array:
    """The mean is not subtracted: 2 g x / (N - correction), where x - mean(x) belongs in place of x."""
    return stretch(g, x, axis, keepdims) * 2 * x / (reduced_count(x, axis) - correction)


@mistake("Variance", "constant_factor")
def variance_other_divisor(g: Array, x: Array, axis: Axis = None, keepdims: bool = False, correction: int = 1) -> Array:
    """The divisor is the other one, N where the forward pass has N - 1 or N - 1 where it has N."""
    return stretch(g, x, axis, keepdims) * 2 * _centred(x, axis) / (reduced_count(x, axis) - (1 - correction))


@mistake("Variance", "constant_factor")
def variance_not_divided(g: Array, x: Array, axis: Axis = None, keepdims: bool = False, correction: int = 1) -> Array:
    """The division is forgotten: 2 g c in place of 2 g c / (N - correction)."""
    return stretch(g, x, axis, keepdims) * 2 * _centred(x, axis)


@mistake("Variance", "wrong_axis")
def variance_centred_over_everything(
    g: Array, x: Array, axis: Axis = None, keepdims: bool = False, correction: int = 1
) -> Array:
    """The mean of the whole array is subtracted; the mean along the axes of the variance belongs there."""
    return stretch(g, x, axis, keepdims) * 2 * (x - x.mean()) / (reduced_count(x, axis) - correction)


def _is_largest(x: Array, axis: Axis) -> Array:
    return x == x.max(axis=axis, keepdims=True)


@mistake("Max", "wrong_axis")
def max_only_the_very_largest(g: Array, x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """Only the largest element of the whole array gets a gradient; each maximum along the axis has a largest element of
    its own."""
    return stretch(g, x, axis, keepdims) * _is_largest(x, None)


@mistake("Max", "wrong_variable")
def max_smallest_gets_it(g: Array, x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """The smallest element gets the gradient, as in a minimum; it belongs to the largest one."""
    return stretch(g, x, axis, keepdims) * _is_largest(-x, axis)


@mistake("Max", "constant_factor")
def max_divided_by_count(g: Array, x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """The gradient of the largest element is divided by the number of elements, as in a mean; it gets the whole."""
    return stretch(g, x, axis, keepdims) * _is_largest(x, axis) / reduced_count(x, axis)
