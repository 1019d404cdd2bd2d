"""Other right ways to fill the gap."""

import numpy as np


def one_hot(g, ids, table):
    """one-hot"""
    h = np.tanh(table[ids])
    dx = (g @ table) * (1 - h**2)
    one_hot = np.eye(len(table))[ids]
    dtable = np.einsum("tv,td->vd", g, h) + np.einsum("tv,td->vd", one_hot, dx)
    return None, dtable


def position_by_position(g, ids, table):
    """position by position"""
    h = np.tanh(table[ids])
    dtable = np.zeros_like(table)
    for t, token in enumerate(ids):
        dtable += np.outer(g[t], h[t])
        dtable[token] += (table.T @ g[t]) * (1 - h[t] ** 2)
    return None, dtable


def both_ends_as_one_product(g, ids, table):
    """both ends as one product"""
    h = np.tanh(table[ids])
    dx = np.tensordot(g, table, axes=1) / np.cosh(table[ids]) ** 2
    left = np.hstack([g.T, np.equal.outer(np.arange(len(table)), ids)])
    dtable = left @ np.vstack([h, dx])
    return None, dtable
