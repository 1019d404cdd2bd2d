"""Other right ways to fill the gap."""

import numpy as np


def product_rule(g, x):
    """the product rule"""
    dx = g * x * x + x * g * x + x * x * g
    return dx


def einsum(g, x):
    """einsum"""
    dx = 3 * np.einsum("...,...,...->...", g, x, x)
    return dx
