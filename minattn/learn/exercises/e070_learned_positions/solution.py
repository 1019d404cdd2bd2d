"""Learned positions: slicing and broadcasting in one line

x (B, T, D), weight (M, D) with M >= T -> y (B, T, D)

    y_bt = x_bt + weight_t        the first T rows of the table, the same for every sentence of the batch

Two things happen to the table: it is cut to T rows, and these are stretched over the batch. Undo both. What became
of the rows that no sentence was long enough to use?
"""

import numpy as np


def forward(x, weight):
    return x + weight[: x.shape[1]]


def backward(g, x, weight):
    # --- your part ---
    dx = g.copy()
    dweight = np.zeros_like(weight)
    dweight[: x.shape[1]] = g.sum(axis=0)
    # --- end of your part ---
    return dx, dweight
