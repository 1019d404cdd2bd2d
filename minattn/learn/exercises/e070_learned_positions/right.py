"""Other right ways to fill the gap."""

import numpy as np


def scatter_add_over_positions(g, x, weight):
    """scatter-add over positions"""
    dx = 1.0 * g
    dweight = np.zeros_like(weight)
    np.add.at(dweight, np.tile(np.arange(g.shape[1]), len(g)), g.reshape(-1, g.shape[2]))
    return dx, dweight


def product_with_a_matrix_that_cuts(g, x, weight):
    """a product with a matrix that cuts"""
    cut = np.eye(len(weight))[: g.shape[1]]
    dx = g + 0
    dweight = np.einsum("tm,btd->md", cut, g)
    return dx, dweight


def padding(g, x, weight):
    """padding"""
    dx = g.copy()
    dweight = np.pad(np.einsum("btd->td", g), ((0, len(weight) - g.shape[1]), (0, 0)))
    return dx, dweight
