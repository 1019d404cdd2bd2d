"""Scaled scores: the first line of attention."""

import numpy as np

from ..exercise import Cases, Exercise, Mistake


def cases(rng: np.random.Generator) -> Cases:
    # where all lengths are equal a forgotten transpose fits, and the numbers tell which one it is
    yield rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
    yield rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 4, 5))
    yield rng.normal(size=(2, 2, 3, 2)), rng.normal(size=(2, 2, 3, 2))


exercise = Exercise(
    title="Scores: every query meets every key",
    template='''
"""Scores: every query meets every key

q (…, T, d), k (…, S, d) -> s (…, T, S)

    s_ij = Σ_c q_ic k_jc / √d          s = q kᵀ / √d

T tokens ask, S tokens are looked at. The leading axes (sentences, heads) are as many matrix products side by side:
.T would turn all axes round, .swapaxes(-1, -2) turns the last two.

Without the √d the scores of wide vectors would be large, softmax would pick one token alone, and nothing would learn.
"""

import numpy as np


def forward(q, k):
    return q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])


def backward(g, q, k):
    # --- your part ---
    dq = ...
    dk = ...
    # --- end of your part ---
    return dq, dk
''',
    solution="""
scaled = g / np.sqrt(q.shape[-1])
dq = scaled @ k
dk = scaled.swapaxes(-1, -2) @ q
""",
    alternatives={
        "einsum": """
        d = q.shape[-1]
        dq = np.einsum("...ij,...jc->...ic", g, k) / d**0.5
        dk = np.einsum("...ij,...ic->...jc", g, q) / d**0.5
        """,
        "a loop over queries and keys": """
        dq, dk = np.zeros_like(q), np.zeros_like(k)
        for i in range(q.shape[-2]):
            for j in range(k.shape[-2]):
                weight = g[..., i, j, None] / np.sqrt(q.shape[-1])
                dq[..., i, :] += weight * k[..., j, :]
                dk[..., j, :] += weight * q[..., i, :]
        """,
    },
    mistakes=(
        Mistake(
            "The factor 1/√d of forward is missing on the way back.",
            """
            dq = g @ k
            dk = g.swapaxes(-1, -2) @ q
            """,
        ),
        Mistake(
            "The way back multiplies by √d; the derivative of s / √d divides once more by it.",
            """
            dq = g @ k * np.sqrt(q.shape[-1])
            dk = g.swapaxes(-1, -2) @ q * np.sqrt(q.shape[-1])
            """,
        ),
        Mistake(
            "The scores are divided by d, where √d belongs.",
            """
            dq = g @ k / q.shape[-1]
            dk = g.swapaxes(-1, -2) @ q / q.shape[-1]
            """,
        ),
        Mistake(
            "The length in √d is that of the wrong axis: d is the width of q and k, not the number of keys.",
            """
            dq = g @ k / np.sqrt(k.shape[-2])
            dk = g.swapaxes(-1, -2) @ q / np.sqrt(k.shape[-2])
            """,
        ),
        Mistake(
            "dk was scaled and dq was not: both come out of the same s / √d.",
            """
            dq = g @ k
            dk = g.swapaxes(-1, -2) @ q / np.sqrt(q.shape[-1])
            """,
        ),
    ),
    steps={"scaled": "g / √d, what arrives at q kᵀ"},
    hints=(
        "Forward does two things, a product and a division. Which was last, and so comes first on the way back?",
        "Divide g by √d. Then it is the matrix product of a = q and b = kᵀ: what is its da, and what is the transpose "
        "of its db?",
        "scaled = g / np.sqrt(d); dq = scaled @ k; and dk, of shape (…, S, d), is scaled with its last two axes "
        "swapped, times q.",
    ),
    note="Every query gets a mixture of keys back, and every key a mixture of queries, both weighted by g. The engine "
    "does it inside of ScaledDotProductAttention in minattn/ops/attention.py.",
    cases=cases,
    answers=("dq", "dk"),
)
