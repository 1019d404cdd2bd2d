"""Wrong ways to fill the gap, each with the sentence that answers it."""

import numpy as np


def p_not_transposed(g, p, v):
    """p is not transposed in dv: the weight of token j in y_i is p_ij, so that j collects along i."""
    dp = g @ v.swapaxes(-1, -2)
    dv = p @ g
    return dp, dv


def v_not_transposed(g, p, v):
    """v is not transposed in dp: how g_i fits to v_j is their product, g vᵀ."""
    dp = g @ v
    dv = p.swapaxes(-1, -2) @ g
    return dp, dv


def plain_sum_of_g(g, p, v):
    """dv is the plain sum of g over the queries; each query counts with its weight p_ij."""
    dp = g @ v.swapaxes(-1, -2)
    dv = np.ones_like(p).swapaxes(-1, -2) @ g
    return dp, dv


def weighted_twice(g, p, v):
    """dp is weighted by p once more; y is linear in p, so its slope is v alone."""
    dp = g @ v.swapaxes(-1, -2) * p
    dv = p.swapaxes(-1, -2) @ g
    return dp, dv


def y_in_place_of_v(g, p, v):
    """dp is made of y where the values v belong: it compares outputs with the gradient."""
    dp = np.repeat((g * (p @ v)).sum(axis=-1, keepdims=True), p.shape[-1], axis=-1)
    dv = p.swapaxes(-1, -2) @ g
    return dp, dv
