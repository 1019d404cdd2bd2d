"""Layer norm: a mean and a variance through which the gradient flows too."""

import numpy as np

from ..exercise import Cases, Exercise


def cases(rng: np.random.Generator) -> Cases:
    yield rng.normal(1.0, 2.0, (2, 3, 5)), 1 + rng.normal(size=5), rng.normal(size=5)
    yield rng.normal(size=(3, 2)), 1 + rng.normal(size=2), rng.normal(size=2)


exercise = Exercise(
    title="Layer norm: mean and variance depend on x as well",
    template='''
"""Layer norm: mean and variance depend on x as well

x (…, D), gamma (D,), beta (D,) -> y (…, D)

    1  c = x - mean(x)                    mean over the last axis
    2  r = 1 / √(mean(c²) + ε)            one number a token
    3  n = c r                            mean 0, variance 1
    4  y = gamma n + beta

dgamma and dbeta sum over all tokens. For dx go back line by line:

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
    dx = ...
    dgamma = ...
    dbeta = ...
    # --- end of your part ---
    return dx, dgamma, dbeta
''',
    solution="""
n = c * r
width = x.shape[-1]
dbeta = g.reshape(-1, width).sum(axis=0)
dgamma = (g * n).reshape(-1, width).sum(axis=0)
dn = g * gamma
dr = (dn * c).sum(axis=-1, keepdims=True)
dc = dn * r - dr * r**3 * c / width
dx = dc - dc.mean(axis=-1, keepdims=True)
""",
    alternatives={
        "in one formula": """
        n = c * r
        tokens = tuple(range(x.ndim - 1))
        dbeta, dgamma = g.sum(axis=tokens), (g * n).sum(axis=tokens)
        dn = g * gamma
        dx = r * (dn - dn.mean(axis=-1, keepdims=True) - n * (dn * n).mean(axis=-1, keepdims=True))
        """,
        "projections": """
        # dx = r P dn: P takes away the mean and the direction of n
        n, width = c * r, x.shape[-1]
        flat = g.reshape(-1, width)
        dbeta = np.einsum("nd->d", flat)
        dgamma = np.einsum("nd,nd->d", flat, n.reshape(-1, width))
        centre = np.eye(width) - 1 / width
        dx = np.empty_like(x)
        for place in np.ndindex(x.shape[:-1]):
            project = centre - np.outer(n[place], n[place]) / width
            dx[place] = r[place] * (project @ (gamma * g[place]))
        """,
        "mean and variance as separate paths": """
        n, width = c * r, x.shape[-1]
        dbeta = g.reshape(-1, width).sum(axis=0)
        dgamma = np.sum((g * n).reshape(-1, width), axis=0)
        dn = g * gamma
        dvariance = (dn * c).sum(axis=-1, keepdims=True) * -0.5 * r**3
        dmean = -(dn * r).sum(axis=-1, keepdims=True)
        dx = dn * r + dvariance * 2 * c / width + dmean / width
        """,
    },
    steps={
        "dbeta": "Σ g over all tokens",
        "dgamma": "Σ g n over all tokens",
        "dn": "what arrives at n: g gamma",
        "dr": "Σ dn c, one number a token",
        "dc": "what arrives at c, along both of its ways",
    },
    hints=(
        "On how many ways does one x_i reach y_j for another j? Which numbers do all of a token's x share?",
        "Go line by line and keep the parts: dn = g gamma; dr = Σ dn c along the width; dc = dn r + dr (-r³ c / D); "
        "and at last dx = dc - mean(dc).",
        "Simplified: with n = c r, dx = r (dn - mean(dn) - n mean(dn n)), all means along the last axis, "
        "keepdims=True.",
    ),
    note="dx has mean 0 and is at right angles to n: shifting or stretching a token's vector changes nothing in y, so "
    "there is no gradient in these two directions. Check it: dx.sum(-1) is 0. The engine: LayerNorm in "
    "minattn/ops/layer_norm.py.",
    cases=cases,
    answers=("dx", "dgamma", "dbeta"),
    like="layer_norm",
)
