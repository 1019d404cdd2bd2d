"""Other right ways to fill the gap."""

import numpy as np


def loop_over_positions(g, ids, weight):
    """a loop over positions"""
    dweight = np.zeros(weight.shape)
    for position in np.ndindex(ids.shape):
        dweight[ids[position]] += g[position]
    return None, dweight  # ids are whole numbers: they have no gradient


def sum_for_each_row_of_the_table(g, ids, weight):
    """a sum for each row of the table"""
    dweight = np.stack([g[ids == token].sum(axis=0) for token in range(len(weight))])
    return None, dweight  # ids are whole numbers: they have no gradient


def matrix_of_zeros_and_ones(g, ids, weight):
    """a matrix of zeros and ones"""
    chosen = (ids.reshape(-1, 1) == np.arange(len(weight))).astype(float)
    dweight = chosen.T @ g.reshape(-1, weight.shape[1])
    return None, dweight  # ids are whole numbers: they have no gradient
