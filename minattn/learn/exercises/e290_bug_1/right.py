"""Other right ways to fill the gap."""

import numpy as np

from .solution import linear_backward


def einsum():
    """einsum"""
    WRONG = "linear"

    def repaired(g, x, weight, bias):
        return np.einsum("no,io->ni", g, weight), np.einsum("ni,no->io", x, g), np.einsum("no->o", g)

    return WRONG, repaired


def around_the_old_one():
    """around the old one"""
    WRONG = "linear"

    def repaired(g, *inputs):
        x, weight, bias = inputs
        _, dweight, dbias = linear_backward(g, x, weight, bias)
        return np.stack([weight @ row for row in g]), dweight, dbias

    return WRONG, repaired
