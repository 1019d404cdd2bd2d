"""Attention: dq, dk and dv

q (…, T, d), k (…, S, d), v (…, S, e) -> y (…, T, e)

    1  s = q kᵀ / √d              every query meets every key
    2  p = softmax(s)             row by row: what each query looks at
    3  y = p v                    and takes from there

Going back, undo the lines from the last to the first. You have solved all three:

    3  g  -> dp, dv
    2  dp -> ds
    1  ds -> dq, dk

Use these names (dp, ds), and the check compares them one by one and tells you the first that is wrong. p is given, and
right for scores of 1000 as well.
"""

import numpy as np


def softmax(s):
    exp = np.exp(s - s.max(axis=-1, keepdims=True))
    return exp / exp.sum(axis=-1, keepdims=True)


def forward(q, k, v):
    return softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])) @ v


def backward(g, q, k, v):
    p = softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]))
    # --- your part ---
    dv = p.swapaxes(-1, -2) @ g
    dp = g @ v.swapaxes(-1, -2)
    ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True))
    scaled = ds / np.sqrt(q.shape[-1])
    dq = scaled @ k
    dk = scaled.swapaxes(-1, -2) @ q
    # --- end of your part ---
    return dq, dk, dv
