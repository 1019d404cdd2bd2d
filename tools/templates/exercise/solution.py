"""New exercise: a title of a few words

x (…, D) -> y (…, D)

    y = x³

Say here what is known of the forward pass, and what is to be written.
"""

import numpy as np


def forward(x):
    return np.power(x, 3)


def backward(g, x):
    # --- your part ---
    slope = 3 * x**2
    dx = g * slope
    # --- end of your part ---
    return dx
