"""Wrong ways to fill the gap, each with the sentence that answers it."""

import numpy as np


def de_embedding_only(g, ids, table):
    """Only the de-embedding's use of the table is there; the lookup's is missing."""
    h = np.tanh(table[ids])
    dtable = g.T @ h
    return None, dtable


def lookup_only(g, ids, table):
    """Only the lookup's use of the table is there; the de-embedding's is missing."""
    h = np.tanh(table[ids])
    dx = (g @ table) * (1 - h * h)
    dtable = np.zeros_like(table)
    np.add.at(dtable, ids, dx)
    return None, dtable


def lookup_overwrites(g, ids, table):
    """The lookup's gradient overwrites rows of the other one; the two uses add up."""
    h = np.tanh(table[ids])
    dx = (g @ table) * (1 - h * h)
    dtable = g.T @ h
    dtable[ids] = dx
    return None, dtable


def equal_tokens_once(g, ids, table):
    """dtable[ids] += dx adds only once for equal tokens; np.add.at adds for each."""
    h = np.tanh(table[ids])
    dx = (g @ table) * (1 - h * h)
    dtable = g.T @ h
    dtable[ids] += dx
    return None, dtable


def no_slope(g, ids, table):
    """The slope of tanh is missing on the way to the lookup."""
    h = np.tanh(table[ids])
    dx = g @ table
    dtable = g.T @ h
    np.add.at(dtable, ids, dx)
    return None, dtable


def averaged(g, ids, table):
    """The two uses are averaged; they add up."""
    h = np.tanh(table[ids])
    dx = (g @ table) * (1 - h * h)
    dtable = g.T @ h
    np.add.at(dtable, ids, dx)
    dtable = dtable / 2
    return None, dtable
