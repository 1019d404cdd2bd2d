"""Wrong ways to fill the gap, each with the sentence that answers it."""

import numpy as np


def averaged_over_the_batch(g, x, weight):
    """dweight is the mean over the batch; every sentence that used a row counts in full, so it is the sum."""
    dx = g.copy()
    dweight = np.zeros_like(weight)
    dweight[: x.shape[1]] = g.mean(axis=0)
    return dx, dweight


def one_sentence_only(g, x, weight):
    """dweight takes the gradient of one sentence only; the rows were used by all of the batch."""
    dx = g.copy()
    dweight = np.zeros_like(weight)
    for sentence in g:
        dweight[: x.shape[1]] = sentence
    return dx, dweight


def unused_rows_missing(g, x, weight):
    """dweight has only T rows; the rows that were not used have the gradient 0, but they are there."""
    dx = g.copy()
    dweight = g.sum(axis=0)
    return dx, dweight


def last_rows(g, x, weight):
    """The gradient went to the last rows of the table; forward used the first."""
    dx = g.copy()
    dweight = np.zeros_like(weight)
    dweight[len(weight) - x.shape[1] :] = g.sum(axis=0)
    return dx, dweight
