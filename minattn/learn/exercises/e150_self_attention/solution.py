"""Self-attention: one input, used three times

x (B, T, D), wq, wk, wv (D, d) -> y (B, T, d)

    q = x wq,  k = x wk,  v = x wv
    y = attention(q, k, v)

Every token asks (q), is asked (k) and answers (v): x goes into the product three times. What comes back to x along
three ways adds up. The attention itself is given, you have written it.
"""

import numpy as np


def attention(q, k, v):
    s = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    exp = np.exp(s - s.max(axis=-1, keepdims=True))
    p = exp / exp.sum(axis=-1, keepdims=True)
    return p @ v, p


def attention_backward(g, q, k, v, p):
    dp = g @ v.swapaxes(-1, -2)
    ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True))
    scaled = ds / np.sqrt(q.shape[-1])
    return scaled @ k, scaled.swapaxes(-1, -2) @ q, p.swapaxes(-1, -2) @ g


def forward(x, wq, wk, wv):
    return attention(x @ wq, x @ wk, x @ wv)[0]


def backward(g, x, wq, wk, wv):
    q, k, v = x @ wq, x @ wk, x @ wv
    y, p = attention(q, k, v)
    dq, dk, dv = attention_backward(g, q, k, v, p)
    # --- your part ---
    dx = dq @ wq.T + dk @ wk.T + dv @ wv.T
    rows = x.reshape(-1, x.shape[-1])
    dwq = rows.T @ dq.reshape(len(rows), -1)
    dwk = rows.T @ dk.reshape(len(rows), -1)
    dwv = rows.T @ dv.reshape(len(rows), -1)
    # --- end of your part ---
    return dx, dwq, dwk, dwv
