"""Other right ways to fill the gap."""

import numpy as np

from .solution import HEADS, forward


def side_by_side(g, x):
    """side by side"""
    dx = np.concatenate([g[:, head] for head in range(HEADS)], axis=-1)
    return dx


def send_the_places_through_forward(g, x):
    """send the places through forward"""
    places = forward(np.arange(x.size).reshape(x.shape))
    dx = np.empty(x.size)
    dx[places] = g
    dx = dx.reshape(x.shape)
    return dx


def loops(g, x):
    """loops"""
    dx = np.zeros_like(x)
    for head in range(HEADS):
        for c in range(g.shape[3]):
            dx[:, :, head * g.shape[3] + c] = g[:, head, :, c]
    return dx
