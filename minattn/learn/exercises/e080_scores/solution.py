"""Scores: every query meets every key

q (…, T, d), k (…, S, d) -> s (…, T, S)

    s_ij = Σ_c q_ic k_jc / √d          s = q kᵀ / √d

T tokens ask, S tokens are looked at. The leading axes (sentences, heads) are as many matrix products side by side:
.T would turn all axes round, .swapaxes(-1, -2) turns the last two.

Without the √d the scores of wide vectors would be large, softmax would pick one token alone, and nothing would learn.
"""

import numpy as np


def forward(q, k):
    return q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])


def backward(g, q, k):
    # --- your part ---
    scaled = g / np.sqrt(q.shape[-1])
    dq = scaled @ k
    dk = scaled.swapaxes(-1, -2) @ q
    # --- end of your part ---
    return dq, dk
