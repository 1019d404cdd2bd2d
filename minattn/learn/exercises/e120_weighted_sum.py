"""The weighted sum: the last line of attention."""

import numpy as np

from ..exercise import Cases, Exercise, Mistake


def cases(rng: np.random.Generator) -> Cases:
    # where all lengths are equal a forgotten transpose fits, and the numbers tell which one it is
    yield rng.random(size=(3, 3)), rng.normal(size=(3, 3))
    yield rng.random(size=(2, 3, 4)), rng.normal(size=(2, 4, 5))


exercise = Exercise(
    title="Weighted sum: who was looked at gets the gradient",
    template='''
"""Weighted sum: who was looked at gets the gradient

p (…, T, S) weights, v (…, S, e) values -> y (…, T, e)

    y_i = Σ_j p_ij v_j            y = p v

Query i takes p_ij of the value of token j. Going back:

    dv_j    token j was taken by every query i, each with its own weight
    dp_ij   had i looked at j a little more, y_i would have moved along v_j: how much does g_i like that?
"""

import numpy as np


def forward(p, v):
    return p @ v


def backward(g, p, v):
    # --- your part ---
    dp = ...
    dv = ...
    # --- end of your part ---
    return dp, dv
''',
    solution="""
dp = g @ v.swapaxes(-1, -2)
dv = p.swapaxes(-1, -2) @ g
""",
    alternatives={
        "einsum": """
        dp = np.einsum("...ie,...je->...ij", g, v)
        dv = np.einsum("...ij,...ie->...je", p, g)
        """,
        "broadcasting": """
        dp = (g[..., :, None, :] * v[..., None, :, :]).sum(axis=-1)
        dv = (p[..., :, :, None] * g[..., :, None, :]).sum(axis=-3)
        """,
        "one query at a time": """
        dp, dv = np.zeros_like(p), np.zeros_like(v)
        for i in range(p.shape[-2]):
            dv += p[..., i, :, None] * g[..., i, None, :]
            dp[..., i, :] = (v @ g[..., i, :, None])[..., 0]
        """,
    },
    mistakes=(
        Mistake(
            "p is not transposed in dv: the weight of token j in y_i is p_ij, so that j collects along i.",
            """
            dp = g @ v.swapaxes(-1, -2)
            dv = p @ g
            """,
        ),
        Mistake(
            "v is not transposed in dp: how g_i fits to v_j is their product, g vᵀ.",
            """
            dp = g @ v
            dv = p.swapaxes(-1, -2) @ g
            """,
        ),
        Mistake(
            "dv is the plain sum of g over the queries; each query counts with its weight p_ij.",
            """
            dp = g @ v.swapaxes(-1, -2)
            dv = np.ones_like(p).swapaxes(-1, -2) @ g
            """,
        ),
        Mistake(
            "dp is weighted by p once more; y is linear in p, so its slope is v alone.",
            """
            dp = g @ v.swapaxes(-1, -2) * p
            dv = p.swapaxes(-1, -2) @ g
            """,
        ),
        Mistake(
            "dp is made of y where the values v belong: it compares outputs with the gradient.",
            """
            dp = np.repeat((g * (p @ v)).sum(axis=-1, keepdims=True), p.shape[-1], axis=-1)
            dv = p.swapaxes(-1, -2) @ g
            """,
        ),
    ),
    hints=(
        "It is a matrix product: which two lines did you write for that?",
        "dp = g vᵀ and dv = pᵀ g, with .swapaxes(-1, -2) for the transposes because of the leading axes.",
        "dp = g @ v.swapaxes(-1, -2); in dv it is p whose last two axes are swapped, and it stands on the left.",
    ),
    note="A token that nobody looked at gets no gradient for its value: attention decides who learns. The engine does "
    "it inside of ScaledDotProductAttention in minattn/ops/attention.py.",
    cases=cases,
    answers=("dp", "dv"),
)
