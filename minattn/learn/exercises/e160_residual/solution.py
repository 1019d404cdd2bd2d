"""Residual: the road that is always open

x (…, D), w (D, D) -> y (…, D)

    1  u = x w
    2  c = tanh(u)                the change that the layer makes
    3  y = x + c                  added to what was there

x forks: one way leads through the layer, the other around it. dtanh(u)/du = 1 - tanh²(u).

Stack 50 layers without the way around, and the gradient is multiplied 50 times by slopes below 1: hardly any of it
arrives. With it, there is always a way on which nothing is multiplied at all.
"""

import numpy as np


def forward(x, w):
    return x + np.tanh(x @ w)


def backward(g, x, w):
    c = np.tanh(x @ w)
    # --- your part ---
    du = g * (1 - c * c)
    dx = g + du @ w.T
    dw = x.reshape(-1, x.shape[-1]).T @ du.reshape(-1, x.shape[-1])
    # --- end of your part ---
    return dx, dw
