"""Other right ways to fill the gap."""

import numpy as np

from .solution import P, forward


def where(g, x, keep):
    """where"""
    dx = np.where(keep, g / (1 - P), 0.0)
    return dx, None  # keep is no number to be changed a little


def indexing(g, x, keep):
    """indexing"""
    dx = np.zeros_like(g)
    dx[keep] = g[keep] / (1 - P)
    return dx, None  # keep is no number to be changed a little


def slope_by_its_definition(g, x, keep):
    """the slope, by its definition"""
    # y is linear in x: its slope is what it does to ones
    slope = forward(np.ones_like(x), keep)
    dx = slope * g
    return dx, None  # keep is no number to be changed a little
