"""Positional encoding: clocks that turn at different speeds

tokens T, width D (even) -> table (T, D), one row a position

Attention cannot see order. So every position gets a vector of its own, which is added to the token's: D/2 hands of
clocks, of which the first turns fast and the last hardly at all (Vaswani et al., 2017, section 3.5).

    angle(position, i)        = position / 10000^(2i / D)      for the pairs i = 0, 1, … D/2 - 1
    table[position, 2i]       = sin angle
    table[position, 2i + 1]   = cos angle

Sine and cosine of one hand stand side by side: sin, cos, sin, cos, …
Nothing here is learned, so there is no gradient: it is added, and g passes through unchanged.
"""

import numpy as np


def sinusoids(tokens, width):
    # --- your part ---
    angles = np.arange(tokens)[:, None] / 10000 ** (np.arange(0, width, 2) / width)
    table = np.empty((tokens, width))
    table[:, 0::2] = np.sin(angles)
    table[:, 1::2] = np.cos(angles)
    # --- end of your part ---
    return table


if __name__ == "__main__":  # run this file and look
    print(sinusoids(4, 6).round(2))
