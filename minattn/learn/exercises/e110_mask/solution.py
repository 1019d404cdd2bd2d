"""Masking: minus infinity, and the row that may look nowhere

s (…, S) scores, mask boolean, broadcasting with s: True where one may look; g, of the shape of s -> p, ds

    1  s = -inf where the mask is False
    2  p = softmax(s) along the last axis: a masked place has exp(-inf) = 0, and the others share the 1

Padding is masked so that nobody looks at it; the future is masked so that nobody copies the answer from it.

One row may look nowhere at all. Its softmax would be 0/0, NaN, and the first NaN ruins a training.
Such a row must give zeros, forward and backward.

Write both: the probabilities p, and the gradient ds of the scores, given the gradient g of p.
Masked scores must have no gradient, whatever g says about them. Scores may be 1000 or -1000.
Better divide by nothing that is 0: NumPy warns.
"""

import numpy as np


def masked_softmax(s, mask, g):
    # --- your part ---
    scores = np.where(mask, s, -np.inf)
    largest = scores.max(axis=-1, keepdims=True)
    exp = np.exp(scores - np.where(largest == -np.inf, 0, largest))
    total = exp.sum(axis=-1, keepdims=True)
    p = exp / np.where(total == 0, 1, total)
    ds = p * (g - (g * p).sum(axis=-1, keepdims=True))
    # --- end of your part ---
    return p, ds
