"""Wrong ways to fill the gap, each with the sentence that answers it."""

import numpy as np


def around_missing(g, x, w):
    """The way around is missing: dx has only what came through the layer."""
    c = np.tanh(x @ w)
    du = g * (1 - c * c)
    dx = du @ w.T
    dw = x.reshape(-1, len(w)).T @ du.reshape(-1, len(w))
    return dx, dw


def through_missing(g, x, w):
    """The way through the layer is missing: dx is only what came around it."""
    c = np.tanh(x @ w)
    du = g * (1 - c * c)
    dx = g.copy()
    dw = x.reshape(-1, len(w)).T @ du.reshape(-1, len(w))
    return dx, dw


def no_slope(g, x, w):
    """The slope of tanh is missing: the gradient goes through the layer as if it were linear."""
    c = np.tanh(x @ w)
    du = g
    dx = g + du @ w.T
    dw = x.reshape(-1, len(w)).T @ du.reshape(-1, len(w))
    return dx, dw


def slope_without_square(g, x, w):
    """The slope is taken as 1 - c; it is 1 - c²."""
    c = np.tanh(x @ w)
    du = g * (1 - c)
    dx = g + du @ w.T
    dw = x.reshape(-1, len(w)).T @ du.reshape(-1, len(w))
    return dx, dw


def w_not_transposed(g, x, w):
    """w is not transposed on the way back: du_o reaches x_i by w_io, so it is du wᵀ."""
    c = np.tanh(x @ w)
    du = g * (1 - c * c)
    dx = g + du @ w
    dw = x.reshape(-1, len(w)).T @ du.reshape(-1, len(w))
    return dx, dw


def slope_on_both_paths(g, x, w):
    """The gradient of the way around went through the slope of tanh too; it goes straight to x."""
    c = np.tanh(x @ w)
    du = g * (1 - c * c)
    dx = du + du @ w.T
    dw = x.reshape(-1, len(w)).T @ du.reshape(-1, len(w))
    return dx, dw
