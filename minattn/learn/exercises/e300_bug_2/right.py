"""Other right ways to fill the gap."""

import numpy as np

from .solution import scores_backward


def einsum():
    """einsum"""
    WRONG = "scores"

    def repaired(g, q, k):
        d = q.shape[-1]
        return np.einsum("bij,bjc->bic", g, k) / d**0.5, np.einsum("bij,bic->bjc", g, q) / d**0.5

    return WRONG, repaired


def old_one_with_the_gradient_turned():
    """the old one with the gradient turned"""
    WRONG = "scores"

    def repaired(g, *inputs):
        return scores_backward(np.swapaxes(g, 1, 2), *inputs)

    return WRONG, repaired
