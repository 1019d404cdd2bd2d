"""Wrong ways to fill the gap, each with the sentence that answers it."""

import numpy as np

from .solution import scores_backward, softmax_backward


def still_transposed():
    """The name is right, but repaired is the old backward: queries and keys still get each other's g."""
    WRONG = "scores"

    def repaired(g, q, k):
        return scores_backward(g, q, k)

    return WRONG, repaired


def factor_lost():
    """Each of the two gradients is made right now, but the √d of forward was lost in the repair."""
    WRONG = "scores"

    def repaired(g, q, k):
        return g @ k, g.swapaxes(-1, -2) @ q

    return WRONG, repaired


def gradients_swapped():
    """dk and dq have changed places: dq = g k comes first."""
    WRONG = "scores"

    def repaired(g, q, k):
        g = g / np.sqrt(q.shape[-1])
        return g.swapaxes(-1, -2) @ q, g @ k

    return WRONG, repaired


def softmax_accused():
    """softmax is innocent: the check passes it."""
    WRONG = "softmax"

    def repaired(g, x):
        return softmax_backward(g, x)

    return WRONG, repaired
