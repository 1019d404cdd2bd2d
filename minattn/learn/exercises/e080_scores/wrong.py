"""Wrong ways to fill the gap, each with the sentence that answers it."""

import numpy as np


def no_factor(g, q, k):
    """The factor 1/√d of forward is missing on the way back."""
    dq = g @ k
    dk = g.swapaxes(-1, -2) @ q
    return dq, dk


def factor_turned_round(g, q, k):
    """The way back multiplies by √d; the derivative of s / √d divides once more by it."""
    dq = g @ k * np.sqrt(q.shape[-1])
    dk = g.swapaxes(-1, -2) @ q * np.sqrt(q.shape[-1])
    return dq, dk


def divided_by_d(g, q, k):
    """The scores are divided by d, where √d belongs."""
    dq = g @ k / q.shape[-1]
    dk = g.swapaxes(-1, -2) @ q / q.shape[-1]
    return dq, dk


def wrong_axis_length(g, q, k):
    """The length in √d is that of the wrong axis: d is the width of q and k, not the number of keys."""
    dq = g @ k / np.sqrt(k.shape[-2])
    dk = g.swapaxes(-1, -2) @ q / np.sqrt(k.shape[-2])
    return dq, dk


def dk_alone_scaled(g, q, k):
    """dk was scaled and dq was not: both come out of the same s / √d."""
    dq = g @ k
    dk = g.swapaxes(-1, -2) @ q / np.sqrt(q.shape[-1])
    return dq, dk
