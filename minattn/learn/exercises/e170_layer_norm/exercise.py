import numpy as np

from ...course import Edge, Exercise
from .variants import choices

exercise = Exercise(
    page="08_block",
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
        "dn = g * gamma; simplified, with n = c * r, dx is r (dn - mean(dn) - n mean(dn n)), all means along the last "
        "axis, keepdims=True.",
    ),
    note="dx has mean 0 and is at right angles to n: shifting or stretching a token's vector changes nothing in y, so "
    "there is no gradient in these two directions. Check it: dx.sum(-1) is 0. The engine: LayerNorm in "
    "minattn/ops/layer_norm.py.",
    cases=lambda rng: [
        (rng.normal(1.0, 2.0, (2, 3, 5)), 1 + rng.normal(size=5), rng.normal(size=5)),
        (rng.normal(size=(3, 2)), 1 + rng.normal(size=2), rng.normal(size=2)),
    ],
    edges=(
        Edge(
            "where all numbers of a token are equal",
            "c and n are 0 there, and nothing can be divided by them; r is finite, thanks to ε",
            (np.full((2, 3), 1.5), np.ones(3), np.ones(3)),
        ),
    ),
    like="layer_norm",
    choices=choices,
)
