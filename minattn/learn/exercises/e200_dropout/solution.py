"""Dropout: the same coins on the way back

x, keep (boolean, of the shape of x) -> y, of the same shape

    y = x / (1 - P) where keep, else 0        P is the probability to be dropped

The coins have been thrown before and come in as `keep`. What is kept is scaled up, so that the mean of y is that of x
and nothing has to be changed when dropout is switched off.

Going back, what was dropped gets nothing, and what was kept was scaled, also if it was 0.
"""

import numpy as np

P = 0.5


def forward(x, keep):
    return np.where(keep, x / (1 - P), 0.0)


def backward(g, x, keep):
    # --- your part ---
    slope = keep / (1 - P)
    dx = g * slope
    # --- end of your part ---
    return dx, None  # keep is no number to be changed a little
