"""Layer norm: mean and variance depend on x as well

x (…, D), gamma (D,), beta (D,) -> y (…, D)

    1  c = x - mean(x)                    mean over the last axis
    2  r = 1 / √(mean(c²) + ε)            one number a token
    3  n = c r                            mean 0, variance 1
    4  y = gamma n + beta

dgamma and dbeta sum over all tokens. For dx go back line by line, and divide by no c: where all numbers of a token are
equal it is 0.

    4  dn = g gamma
    3  dc = dn r          and  dr = Σ dn c            (c is used in lines 2 and 3)
    2  dr/dc_i = -r³ c_i / D
    1  a mean was taken away from every x; so the mean of dc is taken away from dc

Whoever forgets that mean and variance change with x gets dn r, which looks right and trains badly.
"""

import numpy as np

EPS = 1e-5


def normalise(x):
    c = x - x.mean(axis=-1, keepdims=True)
    r = 1 / np.sqrt((c * c).mean(axis=-1, keepdims=True) + EPS)
    return c, r


def forward(x, gamma, beta):
    c, r = normalise(x)
    return gamma * c * r + beta


def backward(g, x, gamma, beta):
    c, r = normalise(x)
    # --- your part ---
    n = c * r
    width = x.shape[-1]
    dbeta = g.reshape(-1, width).sum(axis=0)
    dgamma = (g * n).reshape(-1, width).sum(axis=0)
    dn = g * gamma
    dr = (dn * c).sum(axis=-1, keepdims=True)
    dc = dn * r - dr * r**3 * c / width
    dx = dc - dc.mean(axis=-1, keepdims=True)
    # --- end of your part ---
    return dx, dgamma, dbeta
