"""Feed-forward: the chain rule through three ops

x (N, D), w1 (D, F), b1 (F,), w2 (F, E), b2 (E,) -> y (N, E)

    1  u = x w1 + b1              wider
    2  a = gelu(u)
    3  y = a w2 + b2              and narrow again

Every line has an input and an output. Take the gradient of the output, make the gradients of the inputs, hand them
on to the line before. What gelu does to a gradient you have written: gelu.backward(g, x), where x is what went into it.

Use the names da and du for what arrives at a and u, and the check compares them.
"""

import numpy as np
from own import gelu


def forward(x, w1, b1, w2, b2):
    return gelu.forward(x @ w1 + b1) @ w2 + b2


def backward(g, x, w1, b1, w2, b2):
    u = x @ w1 + b1
    a = gelu.forward(u)
    # --- your part ---
    da = g @ w2.T
    du = gelu.backward(da, u)
    dx = du @ w1.T

    dw2 = a.T @ g
    db2 = g.sum(axis=0)
    dw1 = x.T @ du
    db1 = du.sum(axis=0)
    # --- end of your part ---
    return dx, dw1, db1, dw2, db2
