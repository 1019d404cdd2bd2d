"""Wrong backward passes of softmax, its logarithm and the logarithm of its denominator."""

import numpy as np

from ...backend import Array
from .base import mistake, softmax_of


@mistake("Softmax", "cross_terms_missing")
def softmax_diagonal_only(g: Array, x: Array, axis: int = -1) -> Array:
    """Only the diagonal p (1 - p) of the Jacobian is used, as if every score changed its own probability alone; a score
    also lowers all the others, and p (g - Σ g p) belongs there."""
    p = softmax_of(x, axis)
    return g * p * (1 - p)


@mistake("Softmax", "treated_as_constant")
def softmax_denominator_constant(g: Array, x: Array, axis: int = -1) -> Array:
    """The denominator is treated as a constant, which leaves g p; it grows with every score, and p (g - Σ g p) belongs
    there."""
    return g * softmax_of(x, axis)


@mistake("Softmax", "wrong_axis")
def softmax_sum_along_first_axis(g: Array, x: Array, axis: int = -1) -> Array:
    """The sum Σ g p runs along the first axis; it belongs along the axis of the softmax, one sum for each
    distribution."""
    p = softmax_of(x, axis)
    return p * (g - (g * p).sum(axis=0, keepdims=True))


@mistake("Softmax", "wrong_axis")
def softmax_sum_over_everything(g: Array, x: Array, axis: int = -1) -> Array:
    """The sum Σ g p runs over the whole array and mixes the rows; it belongs along the axis of the softmax, with the
    axis kept."""
    p = softmax_of(x, axis)
    return p * (g - (g * p).sum())


@mistake("Softmax", "wrong_variable")
def softmax_of_inputs(g: Array, x: Array, axis: int = -1) -> Array:
    """The inputs are used where the probabilities belong: x (g - Σ g x) in place of p (g - Σ g p)."""
    return x * (g - (g * x).sum(axis=axis, keepdims=True))


@mistake("Softmax", "wrong_variable")
def softmax_sum_not_weighted(g: Array, x: Array, axis: int = -1) -> Array:
    """The sum is taken over g alone: p (g - Σ g) in place of p (g - Σ g p), where every g is weighted by its
    probability."""
    return softmax_of(x, axis) * (g - g.sum(axis=axis, keepdims=True))


@mistake("Softmax", "wrong_variable")
def softmax_minus_own_probability(g: Array, x: Array, axis: int = -1) -> Array:
    """The probability itself is subtracted: p (g - p) in place of p (g - Σ g p), where Σ g p is one number per row."""
    p = softmax_of(x, axis)
    return p * (g - p)


@mistake("Softmax", "wrong_variable")
def softmax_not_normalised(g: Array, x: Array, axis: int = -1) -> Array:
    """The exponentials are used before they are divided by their sum; the probabilities p belong in p (g - Σ g p)."""
    e = np.exp(x - x.max(axis=axis, keepdims=True, initial=-np.inf))
    return e * (g - (g * e).sum(axis=axis, keepdims=True))


@mistake("Softmax", "constant_factor")
def softmax_mean_for_sum(g: Array, x: Array, axis: int = -1) -> Array:
    """The mean of g p is subtracted, 1/N of what belongs there; it is the sum Σ g p."""
    p = softmax_of(x, axis)
    return p * (g - (g * p).mean(axis=axis, keepdims=True))


@mistake("Softmax", "upstream_ignored")
def softmax_upstream_ignored(g: Array, x: Array, axis: int = -1) -> Array:
    """The slope p (1 - p) is returned without the upstream gradient; p (g - Σ g p) belongs there."""
    p = softmax_of(x, axis)
    return p * (1 - p)


@mistake("Softmax", "modified_input")
def softmax_in_place(g: Array, x: Array, axis: int = -1) -> Array:
    """The sum is subtracted from the upstream gradient in place, so that whoever else holds it finds it changed; a new
    array belongs there."""
    p = softmax_of(x, axis)
    g -= (g * p).sum(axis=axis, keepdims=True)
    return p * g


@mistake("LogSoftmax", "upstream_ignored")
def log_softmax_sum_forgotten(g: Array, x: Array, axis: int = -1) -> Array:
    """The sum of the upstream gradient is left out: g - p in place of g - p Σ g, right only where g sums to 1."""
    return g - softmax_of(x, axis)


@mistake("LogSoftmax", "wrong_variable")
def log_softmax_exp_forgotten(g: Array, x: Array, axis: int = -1) -> Array:
    """The output, a logarithm, is used as if it were a probability: g - y Σ g, where p = exp(y) belongs."""
    y = np.log(softmax_of(x, axis))
    return g - y * g.sum(axis=axis, keepdims=True)


@mistake("LogSoftmax", "cross_terms_missing")
def log_softmax_diagonal_only(g: Array, x: Array, axis: int = -1) -> Array:
    """Only the diagonal 1 - p of the Jacobian is used; every score also lowers all the other outputs, and g - p Σ g
    belongs there."""
    return g * (1 - softmax_of(x, axis))


@mistake("LogSoftmax", "wrong_variable")
def log_softmax_probability_inside(g: Array, x: Array, axis: int = -1) -> Array:
    """The probability stands inside the sum: g - Σ g p in place of g - p Σ g."""
    return g - (g * softmax_of(x, axis)).sum(axis=axis, keepdims=True)


@mistake("LogSoftmax", "sign")
def log_softmax_sign(g: Array, x: Array, axis: int = -1) -> Array:
    """The second term is added: g + p Σ g in place of g - p Σ g."""
    return g + softmax_of(x, axis) * g.sum(axis=axis, keepdims=True)


@mistake("LogSoftmax", "wrong_axis")
def log_softmax_sum_over_everything(g: Array, x: Array, axis: int = -1) -> Array:
    """The upstream gradient is summed over the whole array, which mixes the rows; the sum belongs along the axis of the
    softmax, with the axis kept."""
    return g - softmax_of(x, axis) * g.sum()


@mistake("LogSoftmax", "wrong_axis")
def log_softmax_probabilities_along_first_axis(g: Array, x: Array, axis: int = -1) -> Array:
    """The probabilities are taken along the first axis; they belong along the axis of the forward pass."""
    return g - softmax_of(x, 0) * g.sum(axis=axis, keepdims=True)


@mistake("LogSoftmax", "wrong_place")
def log_softmax_equal_scores(g: Array, x: Array, axis: int = -1) -> Array:
    """The mean of g is subtracted, as if all scores were equal, which they are only at the start; p Σ g belongs
    there."""
    return g - g.sum(axis=axis, keepdims=True) / x.shape[axis]


def _row_gradient(g: Array, axis: int, keepdims: bool) -> Array:
    return g if keepdims else np.expand_dims(g, axis)


@mistake("LogSumExp", "wrong_variable")
def logsumexp_not_normalised(g: Array, x: Array, axis: int = -1, keepdims: bool = False) -> Array:
    """The upstream gradient is multiplied by exp(x), which is not divided by its sum; softmax(x) belongs there."""
    return _row_gradient(g, axis, keepdims) * np.exp(x)


@mistake("LogSumExp", "wrong_axis")
def logsumexp_softmax_over_everything(g: Array, x: Array, axis: int = -1, keepdims: bool = False) -> Array:
    """The softmax is taken over the whole array; it belongs along the reduced axis, one distribution for each
    output."""
    e = np.exp(x - x.max(initial=-np.inf))
    return _row_gradient(g, axis, keepdims) * e / e.sum()


@mistake("LogSumExp", "wrong_variable")
def logsumexp_slope_of_softmax(g: Array, x: Array, axis: int = -1, keepdims: bool = False) -> Array:
    """The slope of softmax, p (1 - p), stands where softmax itself belongs: log-sum-exp is differentiated only once."""
    p = softmax_of(x, axis)
    return _row_gradient(g, axis, keepdims) * p * (1 - p)
