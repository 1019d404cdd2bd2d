"""Wrong ways to fill the gap, each with the sentence that answers it."""

import numpy as np


# First, because p is 0 in the last case with the next one too, which fails before it comes to that.
def shift_by_masked_scores(s, mask, g):
    """The shift is the largest score of all, masked ones too: where a masked one is far above the others, their exp
    rounds to 0, and the row gets no weights."""
    exp = np.exp(s - s.max(axis=-1, keepdims=True)) * mask
    total = exp.sum(axis=-1, keepdims=True)
    p = exp / np.where(total == 0, 1, total)
    ds = p * (g - (g * p).sum(axis=-1, keepdims=True))
    return p, ds


def mask_after_softmax(s, mask, g):
    """The mask is applied after the softmax: the masked weights are taken away, but the rest no longer adds up to 1."""
    exp = np.exp(s - s.max(axis=-1, keepdims=True))
    p = exp / exp.sum(axis=-1, keepdims=True) * mask
    ds = p * (g - (g * p).sum(axis=-1, keepdims=True))
    return p, ds


def masked_scores_0(s, mask, g):
    """Masked scores are set to 0, which is a score like any other; it takes -inf to get no weight."""
    s = np.where(mask, s, 0.0)
    exp = np.exp(s - s.max(axis=-1, keepdims=True))
    p = exp / exp.sum(axis=-1, keepdims=True)
    ds = p * (g - (g * p).sum(axis=-1, keepdims=True))
    return p, ds


def large_number_for_infinity(s, mask, g):
    """With -1e9 in place of -inf a row that may look nowhere looks everywhere alike; it should be zeros."""
    s = np.where(mask, s, -1e9)
    exp = np.exp(s - s.max(axis=-1, keepdims=True))
    p = exp / exp.sum(axis=-1, keepdims=True)
    ds = p * (g - (g * p).sum(axis=-1, keepdims=True))
    return p, ds


def nan_in_empty_rows(s, mask, g):
    """A row that may look nowhere became NaN: -inf - -inf in the shift, or 0 / 0 in the division."""
    s = np.where(mask, s, -np.inf)
    with np.errstate(invalid="ignore"):
        exp = np.exp(s - s.max(axis=-1, keepdims=True))
        p = exp / exp.sum(axis=-1, keepdims=True)
        ds = p * (g - (g * p).sum(axis=-1, keepdims=True))
    return p, ds


def mask_turned_round(s, mask, g):
    """The mask is the wrong way round: True is where one may look."""
    s = np.where(mask, -np.inf, s)
    largest = s.max(axis=-1, keepdims=True)
    exp = np.exp(s - np.where(largest == -np.inf, 0, largest))
    total = exp.sum(axis=-1, keepdims=True)
    p = exp / np.where(total == 0, 1, total)
    ds = p * (g - (g * p).sum(axis=-1, keepdims=True))
    return p, ds


def leak_in_the_sum(s, mask, g):
    """ds lets masked places speak in the sum Σ g p: it runs over a softmax without the mask, and so leaks."""
    free = np.exp(s - s.max(axis=-1, keepdims=True))
    free = free / free.sum(axis=-1, keepdims=True)
    exp = np.exp(s - s.max(axis=-1, keepdims=True)) * mask
    total = exp.sum(axis=-1, keepdims=True)
    p = exp / np.where(total == 0, 1, total)
    ds = p * (g - (g * free).sum(axis=-1, keepdims=True))
    return p, ds
