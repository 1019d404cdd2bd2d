"""Wrong backward passes of layer normalisation.

Right is: with n = (x - mean) r, r = 1/√(variance + ε) and dn = g γ,
dx = r (dn - mean(dn) - n mean(dn n)), dγ = Σ g n, dβ = Σ g.
"""

from collections.abc import Callable

import numpy as np

from ...backend import Array
from .base import mistake

Axes = tuple[int, ...]
Three = tuple[Array, Array, Array]


def _normalise(x: Array, gamma: Array, eps: float) -> tuple[Array, Array, Axes, Axes]:
    """n and r, the axes of the features, and the axes of the tokens."""
    features = tuple(range(x.ndim - gamma.ndim, x.ndim))
    tokens = tuple(range(x.ndim - gamma.ndim))
    r = 1 / np.sqrt(x.var(axis=features, keepdims=True) + eps)
    return (x - x.mean(axis=features, keepdims=True)) * r, r, features, tokens


def _mean(x: Array, axes: Axes) -> Array:
    return x.mean(axis=axes, keepdims=True)


def _dx(dn: Array, n: Array, r: Array, axes: Axes) -> Array:
    return r * (dn - _mean(dn, axes) - n * _mean(dn * n, axes))


def _backward(
    g: Array, x: Array, gamma: Array, eps: float, dx: Callable[[Array, Array, Array, Axes], Array] = _dx
) -> Three:
    """The right backward pass, but for what is given in place of the gradient of x."""
    n, r, features, tokens = _normalise(x, gamma, eps)
    return dx(g * gamma, n, r, features), (g * n).sum(axis=tokens), g.sum(axis=tokens)


@mistake("LayerNorm", "treated_as_constant")
def layer_norm_statistics_constant(g: Array, x: Array, gamma: Array, beta: Array, eps: float = 1e-5) -> Three:
    """Mean and variance are treated as constants, dx = r dn; every element moves both, and dx = r (dn - mean(dn) - n
    mean(dn n)) belongs there."""
    return _backward(g, x, gamma, eps, lambda dn, n, r, axes: r * dn)


@mistake("LayerNorm", "treated_as_constant")
def layer_norm_mean_constant(g: Array, x: Array, gamma: Array, beta: Array, eps: float = 1e-5) -> Three:
    """The mean is treated as a constant: dx = r (dn - n mean(dn n)) lacks the term -r mean(dn)."""
    return _backward(g, x, gamma, eps, lambda dn, n, r, axes: r * (dn - n * _mean(dn * n, axes)))


@mistake("LayerNorm", "treated_as_constant")
def layer_norm_variance_constant(g: Array, x: Array, gamma: Array, beta: Array, eps: float = 1e-5) -> Three:
    """The variance is treated as a constant: dx = r (dn - mean(dn)) lacks the term -r n mean(dn n)."""
    return _backward(g, x, gamma, eps, lambda dn, n, r, axes: r * (dn - _mean(dn, axes)))


@mistake("LayerNorm", "wrong_place")
def layer_norm_gain_forgotten(g: Array, x: Array, gamma: Array, beta: Array, eps: float = 1e-5) -> Three:
    """The gain is forgotten in dx, right only while γ is 1 as at the start; dn = g γ belongs there in place of g."""
    return _backward(g, x, gamma, eps, lambda dn, n, r, axes: _dx(g, n, r, axes))


@mistake("LayerNorm", "wrong_place")
def layer_norm_gain_outside_means(g: Array, x: Array, gamma: Array, beta: Array, eps: float = 1e-5) -> Three:
    """The gain is multiplied on last, dx = γ r (g - mean(g) - n mean(g n)), right only where γ is the same everywhere;
    it belongs inside the means, dn = g γ."""
    return _backward(g, x, gamma, eps, lambda dn, n, r, axes: gamma * _dx(g, n, r, axes))


@mistake("LayerNorm", "wrong_variable")
def layer_norm_gain_from_input(g: Array, x: Array, gamma: Array, beta: Array, eps: float = 1e-5) -> Three:
    """The gradient of γ is built from the input, Σ g x; γ multiplies the normalised input, and Σ g n belongs there."""
    n, r, features, tokens = _normalise(x, gamma, eps)
    return _dx(g * gamma, n, r, features), (g * x).sum(axis=tokens), g.sum(axis=tokens)


@mistake("LayerNorm", "wrong_place")
def layer_norm_gain_from_output(g: Array, x: Array, gamma: Array, beta: Array, eps: float = 1e-5) -> Three:
    """The gradient of γ is built from the output, Σ g y, right only while γ is 1 and β is 0 as at the start; Σ g n
    belongs there."""
    n, r, features, tokens = _normalise(x, gamma, eps)
    y = n * gamma + beta
    return _dx(g * gamma, n, r, features), (g * y).sum(axis=tokens), g.sum(axis=tokens)


@mistake("LayerNorm", "wrong_variable")
def layer_norm_gain_as_shift(g: Array, x: Array, gamma: Array, beta: Array, eps: float = 1e-5) -> Three:
    """The gradient of γ is that of β, Σ g; γ multiplies the normalised input, and Σ g n belongs there."""
    dx, _, dbeta = _backward(g, x, gamma, eps)
    return dx, dbeta.copy(), dbeta


@mistake("LayerNorm", "constant_factor")
def layer_norm_parameters_averaged(g: Array, x: Array, gamma: Array, beta: Array, eps: float = 1e-5) -> Three:
    """The gradients of γ and β are means over the tokens; sums belong there, because every token uses both."""
    n, r, features, tokens = _normalise(x, gamma, eps)
    return _dx(g * gamma, n, r, features), (g * n).mean(axis=tokens), g.mean(axis=tokens)


@mistake("LayerNorm", "broadcast_not_summed")
def layer_norm_parameters_not_summed(g: Array, x: Array, gamma: Array, beta: Array, eps: float = 1e-5) -> Three:
    """The gradients of γ and β keep one row for each token; the sum over the tokens belongs there."""
    n, r, features, _ = _normalise(x, gamma, eps)
    return _dx(g * gamma, n, r, features), g * n, g.copy()


@mistake("LayerNorm", "wrong_variable")
def layer_norm_deviation_forgotten(g: Array, x: Array, gamma: Array, beta: Array, eps: float = 1e-5) -> Three:
    """The factor r = 1/√(variance + ε) is forgotten in dx; r (dn - mean(dn) - n mean(dn n)) belongs there."""
    return _backward(g, x, gamma, eps, lambda dn, n, r, axes: _dx(dn, n, r**0, axes))


@mistake("LayerNorm", "wrong_variable")
def layer_norm_divided_by_variance(g: Array, x: Array, gamma: Array, beta: Array, eps: float = 1e-5) -> Three:
    """The gradient dx is divided by the variance in place of the standard deviation: r² stands where r belongs."""
    return _backward(g, x, gamma, eps, lambda dn, n, r, axes: r * _dx(dn, n, r, axes))


@mistake("LayerNorm", "wrong_axis")
def layer_norm_means_over_tokens(g: Array, x: Array, gamma: Array, beta: Array, eps: float = 1e-5) -> Three:
    """The means in dx run over the tokens; they run over the features, the axes that were normalised."""
    n, r, _, tokens = _normalise(x, gamma, eps)
    return _dx(g * gamma, n, r, tokens), (g * n).sum(axis=tokens), g.sum(axis=tokens)


@mistake("LayerNorm", "constant_factor")
def layer_norm_unbiased(g: Array, x: Array, gamma: Array, beta: Array, eps: float = 1e-5) -> Three:
    """The variance is treated as if it were divided by D - 1, so that the last term of dx is divided by D - 1; the
    forward pass divides by D."""
    count = gamma.size - 1
    return _backward(g, x, gamma, eps, lambda dn, n, r, axes: _dx(dn, n, r, axes) - r * n * _mean(dn * n, axes) / count)


@mistake("LayerNorm", "constant_factor")
def layer_norm_sums_for_means(g: Array, x: Array, gamma: Array, beta: Array, eps: float = 1e-5) -> Three:
    """Sums over the features stand where their means belong: dx = r (dn - Σ dn - n Σ dn n) lacks the division by D."""
    count = gamma.size
    return _backward(
        g, x, gamma, eps, lambda dn, n, r, axes: r * (dn - count * (_mean(dn, axes) + n * _mean(dn * n, axes)))
    )


@mistake("LayerNorm", "sign")
def layer_norm_sign(g: Array, x: Array, gamma: Array, beta: Array, eps: float = 1e-5) -> Three:
    """The last term of dx is added: r (dn - mean(dn) + n mean(dn n)), where it is subtracted."""
    return _backward(g, x, gamma, eps, lambda dn, n, r, axes: r * (dn - _mean(dn, axes) + n * _mean(dn * n, axes)))


@mistake("LayerNorm", "wrong_variable")
def layer_norm_eps_forgotten(g: Array, x: Array, gamma: Array, beta: Array, eps: float = 1e-5) -> Three:
    """The ε is forgotten where the deviation is computed again: 1/√variance in place of 1/√(variance + ε), a small
    error that grows where a token's features are nearly equal."""
    n, r, features, tokens = _normalise(x, gamma, 0.0)
    return _dx(g * gamma, n, r, features), (g * n).sum(axis=tokens), g.sum(axis=tokens)
