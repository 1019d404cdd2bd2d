"""Other right ways to fill the gap."""

import numpy as np

from .solution import block_backward, gelu_backward, layer_norm, layer_norm_backward


def around_the_old_one():
    """around the old one"""
    WRONG = "block"

    def repaired(g, *inputs):
        dx, *rest = block_backward(g, *inputs)
        return (dx + g, *rest)

    return WRONG, repaired


def as_two_paths():
    """as two paths"""
    WRONG = "block"

    def repaired(g, x, gamma, beta, weight, bias):
        normed = layer_norm(x, gamma, beta)
        paths = [np.array(g)]
        back = gelu_backward(g, normed @ weight + bias)
        dweight, dbias = np.einsum("ni,no->io", normed, back), np.einsum("no->o", back)
        inner, dgamma, dbeta = layer_norm_backward(np.einsum("no,io->ni", back, weight), x, gamma, beta)
        paths.append(inner)
        return np.sum(paths, axis=0), dgamma, dbeta, dweight, dbias

    return WRONG, repaired
