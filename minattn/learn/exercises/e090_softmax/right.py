"""Other right ways to fill the gap."""

import numpy as np

from .solution import forward


def jacobian_row_by_row(g, x):
    """the Jacobian, row by row"""
    p = forward(x)
    dx = np.zeros_like(x)
    for row in np.ndindex(x.shape[:-1]):
        jacobian = np.diag(p[row]) - np.outer(p[row], p[row])
        dx[row] = jacobian @ g[row]
    return dx


def einsum(g, x):
    """einsum"""
    p = forward(x)
    dx = p * g - np.einsum("...i,...i,...j->...j", g, p, p)
    return dx


def by_way_of_the_quotient(g, x):
    """by way of the quotient"""
    p = forward(x)
    exp = np.exp(x - x.max(axis=-1, keepdims=True))
    total = exp.sum(axis=-1, keepdims=True)
    dexp = g / total - (g * exp).sum(axis=-1, keepdims=True) / total**2
    dx = dexp * exp
    return dx
