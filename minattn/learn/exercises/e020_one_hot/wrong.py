"""Wrong ways to fill the gap, each with the sentence that answers it."""

import numpy as np


def divided_by_the_count(ids, weight, g):
    """dweight is divided by the number of times a token occurs, as for a mean; what every use sends back adds up."""
    one_hot = (ids[:, None] == np.arange(len(weight))).astype(float)
    y = one_hot @ weight
    dweight = one_hot.T @ g / np.maximum(one_hot.sum(axis=0), 1)[:, None]
    return one_hot, y, dweight


def y_in_place_of_g(ids, weight, g):
    """dweight is made of y where the upstream gradient g belongs."""
    one_hot = (ids[:, None] == np.arange(len(weight))).astype(float)
    y = one_hot @ weight
    dweight = one_hot.T @ y
    return one_hot, y, dweight


def last_of_equal_tokens(ids, weight, g):
    """dweight[ids] = g keeps only the last of several equal tokens; one_hot.T @ g adds them up."""
    one_hot = (ids[:, None] == np.arange(len(weight))).astype(float)
    y = one_hot @ weight
    dweight = np.zeros_like(weight)
    dweight[ids] = g
    return one_hot, y, dweight


def one_hot_transposed(ids, weight, g):
    """one_hot lies on its side: it has a row for each token of the table, and should have one for each position."""
    one_hot = (np.arange(len(weight))[:, None] == ids).astype(float)
    y = one_hot.T @ weight
    dweight = one_hot @ g
    return one_hot, y, dweight
