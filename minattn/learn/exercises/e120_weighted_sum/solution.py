"""Weighted sum: who was looked at gets the gradient

p (…, T, S) weights, v (…, S, e) values -> y (…, T, e)

    y_i = Σ_j p_ij v_j            y = p v

Query i takes p_ij of the value of token j. Going back:

    dv_j    token j was taken by every query i, each with its own weight
    dp_ij   had i looked at j a little more, y_i would have moved along v_j: how much does g_i like that?
"""

import numpy as np


def forward(p, v):
    return p @ v


def backward(g, p, v):
    # --- your part ---
    dp = g @ v.swapaxes(-1, -2)
    dv = p.swapaxes(-1, -2) @ g
    # --- end of your part ---
    return dp, dv
