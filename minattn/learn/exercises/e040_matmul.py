"""The matrix product: nearly all the work of a network."""

import numpy as np

from ..exercise import Cases, Exercise


def cases(rng: np.random.Generator) -> Cases:
    # where all lengths are equal a forgotten transpose fits, and the numbers tell which one it is
    yield rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
    yield rng.normal(size=(3, 4)), rng.normal(size=(4, 5))
    yield rng.normal(size=(2, 3)), rng.normal(size=(3, 1))


exercise = Exercise(
    title="Matrix product: shapes leave only one way to write it",
    template='''
"""Matrix product: shapes leave only one way to write it

a (N, K), b (K, M) -> y (N, M)

    y_nm = Σ_k a_nk b_km

a_nk meets every b_km of its row k, once for each m:

    da_nk = Σ_m g_nm b_km
    db_km = Σ_n …                 write this one on paper first

Each of the two is a matrix product again.
"""

import numpy as np


def forward(a, b):
    return a @ b


def backward(g, a, b):
    # --- your part ---
    da = ...
    db = ...
    # --- end of your part ---
    return da, db
''',
    solution="""
da = g @ b.T
db = a.T @ g
""",
    alternatives={
        "einsum": """
        da = np.einsum("nm,km->nk", g, b)
        db = np.einsum("nk,nm->km", a, g)
        """,
        "loops over entries": """
        da, db = np.zeros_like(a), np.zeros_like(b)
        for n, m in np.ndindex(g.shape):
            da[n] += g[n, m] * b[:, m]
            db[:, m] += g[n, m] * a[n]
        """,
        "sums of outer products": """
        da = sum(np.outer(g[:, m], b[:, m]) for m in range(g.shape[1]))
        db = sum(np.outer(a[n], g[n]) for n in range(g.shape[0]))
        """,
    },
    hints=(
        "Which of the y_nm change when one a_nk changes, and by how much each?",
        "Σ_m g_nm b_km runs over the last axis of both: a product with b transposed. Check the shapes: g (N, M) and "
        "what make (N, K)?",
        "da = g @ b.T. For db the same thought gives Σ_n a_nk g_nm, so it is a that is transposed, and it stands on "
        "the left.",
    ),
    note="da = g bᵀ, db = aᵀ g: each input's gradient is the upstream times the other input, transposed so that the "
    "shapes fit. The cost: backward does twice the work of forward. The engine: MatMul in "
    "minattn/ops/linear_algebra.py, for batches too.",
    cases=cases,
    answers=("da", "db"),
    like="matmul",
)
