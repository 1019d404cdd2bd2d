"""GELU: the product rule, once

x -> y, any shape, number by number

    1  Φ = erfc(-x / √2) / 2              the probability that a normal number lies below x
    2  y = x Φ                            large x pass, very negative ones become 0, softly

(Φ is also (1 + erf(x / √2)) / 2; but far to the left that is 1 - 0.999999…, and loses all its digits: take erfc.)

x is in y twice, in line 2 and, through Φ, in line 1. The slope of Φ is the bell curve:

    dΦ/dx = φ(x) = exp(-x²/2) / √(2π)
"""

import math

import numpy as np

erfc = np.vectorize(math.erfc, otypes=[float])  # NumPy has none


def forward(x):
    return x * erfc(-x / np.sqrt(2)) / 2


def backward(g, x):
    # --- your part ---
    cdf = erfc(-x / np.sqrt(2)) / 2
    bell = np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
    dx = g * (cdf + x * bell)
    # --- end of your part ---
    return dx
