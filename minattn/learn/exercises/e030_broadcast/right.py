"""Other right ways to fill the gap."""

import numpy as np


def one_axis_at_a_time(g, shape):
    """one axis at a time"""
    dx = g
    while dx.ndim > len(shape):
        dx = dx.sum(axis=0)
    for axis, n in enumerate(shape):
        if n == 1:
            dx = dx.sum(axis=axis, keepdims=True)
    return dx


def scatter_add_to_where_each_number_came_from(g, shape):
    """scatter-add to where each number came from"""
    places = np.broadcast_to(np.arange(np.prod(shape, dtype=int)).reshape(shape), g.shape)
    dx = np.bincount(places.ravel(), g.ravel(), minlength=np.prod(shape, dtype=int)).reshape(shape)
    return dx
