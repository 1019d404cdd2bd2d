"""Clipping: shorten the step, keep its direction

gradients: a list of arrays of any shapes; max_norm, a number -> norm, clipped (a list like gradients)

    norm = √(Σ of the squares of all numbers in all arrays)       the length of all gradients as one long vector

If norm is larger than max_norm, all gradients are multiplied by one and the same number, so that the length becomes
max_norm. If it is not, they stay as they are, also if all are 0. The norm that is returned is the one before, for the
log. What comes in must stay as it is.

One strange sentence in a batch can make a gradient a hundred times longer than usual, and one such step can undo an
hour of training.
"""

import numpy as np


def clip(gradients, max_norm):
    # --- your part ---
    norm = np.sqrt(sum((g * g).sum() for g in gradients))
    scale = max_norm / max(norm, max_norm)
    clipped = [g * scale for g in gradients]
    # --- end of your part ---
    return norm, clipped
