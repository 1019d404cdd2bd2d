"""One-hot equals lookup: gather is a matrix product, and scatter-add is its transpose."""

import numpy as np

from ..exercise import Cases, Exercise, Mistake


def cases(rng: np.random.Generator) -> Cases:
    yield np.array([2, 0, 2, 5]), rng.normal(size=(6, 3)), rng.normal(size=(4, 3))
    yield np.array([1, 1, 1]), rng.normal(size=(2, 5)), rng.normal(size=(3, 5))


exercise = Exercise(
    title="One-hot: a lookup is a matrix product",
    template='''
"""One-hot: a lookup is a matrix product

ids (T,) integers, weight (V, D), g (T, D) -> one_hot (T, V), y (T, D), dweight (V, D)

Row t of the one-hot matrix is 0 everywhere, and 1 at the token of position t. Multiplied by the table it picks
a row, so the lookup of the last exercise can be written without indexing:

    y = one_hot weight

And of a matrix product everyone knows the gradient (or will, two exercises on): it is one more product.

Write all three: the matrix, the lookup and the gradient of the table. No weight[ids] this time.
"""

import numpy as np


def lookup(ids, weight, g):
    # --- your part ---
    one_hot = ...
    y = ...
    dweight = ...
    # --- end of your part ---
    return one_hot, y, dweight
''',
    function="lookup",
    solution="""
one_hot = (ids[:, None] == np.arange(len(weight))).astype(float)
y = one_hot @ weight
dweight = one_hot.T @ g
""",
    alternatives={
        "rows of the identity": """
        one_hot = np.eye(len(weight))[ids]
        y = np.einsum("tv,vd->td", one_hot, weight)
        dweight = np.einsum("tv,td->vd", one_hot, g)
        """,
        "a loop": """
        one_hot = np.zeros((len(ids), len(weight)))
        for t, token in enumerate(ids):
            one_hot[t, token] = 1
        y = np.dot(one_hot, weight)
        dweight = sum(np.outer(one_hot[t], g[t]) for t in range(len(ids)))
        """,
    },
    mistakes=(
        Mistake(
            "dweight is divided by the number of times a token occurs, as for a mean; what every use sends back adds "
            "up.",
            """
            one_hot = (ids[:, None] == np.arange(len(weight))).astype(float)
            y = one_hot @ weight
            dweight = one_hot.T @ g / np.maximum(one_hot.sum(axis=0), 1)[:, None]
            """,
        ),
        Mistake(
            "dweight is made of y where the upstream gradient g belongs.",
            """
            one_hot = (ids[:, None] == np.arange(len(weight))).astype(float)
            y = one_hot @ weight
            dweight = one_hot.T @ y
            """,
        ),
        Mistake(
            "dweight[ids] = g keeps only the last of several equal tokens; one_hot.T @ g adds them up.",
            """
            one_hot = (ids[:, None] == np.arange(len(weight))).astype(float)
            y = one_hot @ weight
            dweight = np.zeros_like(weight)
            dweight[ids] = g
            """,
        ),
        Mistake(
            "one_hot lies on its side: it has a row for each token of the table, and should have one for each "
            "position.",
            """
            one_hot = (np.arange(len(weight))[:, None] == ids).astype(float)
            y = one_hot.T @ weight
            dweight = one_hot @ g
            """,
        ),
    ),
    hints=(
        "What has to be compared with what, so that each row has a single 1?",
        "ids[:, None] is a column (T, 1), np.arange(V) is a row (V,): comparing them gives (T, V). For the gradient: "
        "dweight must be (V, D), you have (T, V) and (T, D).",
        "one_hot = (ids[:, None] == np.arange(len(weight))).astype(float); y = one_hot @ weight; the gradient takes "
        "one_hot transposed.",
    ),
    note="Gather is multiplication by a one-hot matrix, and scatter-add by its transpose: that is why equal tokens add "
    "up. Nobody multiplies by all those zeros, but it is the proof. The engine says the same in `embedding` of "
    "minattn/composed.py.",
    cases=cases,
    answers=("one_hot", "y", "dweight"),
)
