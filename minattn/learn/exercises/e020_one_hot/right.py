"""Other right ways to fill the gap."""

import numpy as np


def rows_of_the_identity(ids, weight, g):
    """rows of the identity"""
    one_hot = np.eye(len(weight))[ids]
    y = np.einsum("tv,vd->td", one_hot, weight)
    dweight = np.einsum("tv,td->vd", one_hot, g)
    return one_hot, y, dweight


def loop(ids, weight, g):
    """a loop"""
    one_hot = np.zeros((len(ids), len(weight)))
    for t, token in enumerate(ids):
        one_hot[t, token] = 1
    y = np.dot(one_hot, weight)
    dweight = sum(np.outer(one_hot[t], g[t]) for t in range(len(ids)))
    return one_hot, y, dweight
