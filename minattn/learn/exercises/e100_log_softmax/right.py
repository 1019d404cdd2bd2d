"""Other right ways to fill the gap."""

import numpy as np

from .solution import forward


def jacobian_row_by_row(g, x):
    """the Jacobian, row by row"""
    y = forward(x)
    dx = np.empty_like(x)
    for row in np.ndindex(x.shape[:-1]):
        p = np.exp(y[row])
        jacobian = np.eye(len(p)) - p  # row i: δ_ij - p_j
        dx[row] = g[row] @ jacobian
    return dx


def by_way_of_softmax(g, x):
    """by way of softmax"""
    y = forward(x)
    p = np.exp(y)
    dp = g / p
    dx = p * (dp - np.sum(dp * p, axis=-1, keepdims=True))
    return dx


def step_by_step(g, x):
    """step by step"""
    y = forward(x)
    exp = np.exp(x - x.max(axis=-1, keepdims=True))
    sums = np.einsum("...i->...", exp)[..., None]
    dsums = -np.einsum("...i->...", g)[..., None] / sums
    dx = g + dsums * exp
    return dx
