"""Tied de-embedding: one table at both ends of the model."""

import numpy as np

from ..exercise import Cases, Exercise, Mistake


def cases(rng: np.random.Generator) -> Cases:
    yield np.array([1, 3, 1, 0]), rng.normal(size=(5, 3))
    yield np.array([2, 2, 0]), rng.normal(size=(4, 4))


SCATTER = "np.add.at(dtable, ids, dx)"

exercise = Exercise(
    title="Tied weights: the same table at both ends",
    template='''
"""Tied weights: the same table at both ends

ids (T,), table (V, D) -> logits (T, V)

    1  x = table[ids]             tokens to vectors
    2  h = tanh(x)                (the model stands here)
    3  logits = h tableᵀ          vectors back to tokens: how much does h look like each row?

One table does both, which saves a third of the weights of a small model. It is used twice in one pass, so it gets two
gradients, and they land in the same array: one lookup, one matrix product.
"""

import numpy as np


def forward(ids, table):
    return np.tanh(table[ids]) @ table.T


def backward(g, ids, table):
    h = np.tanh(table[ids])
    # --- your part ---
    dtable = ...
    # --- end of your part ---
    return None, dtable
''',
    solution=f"""
dh = g @ table
dx = dh * (1 - h * h)
dtable = g.T @ h
{SCATTER}
""",
    alternatives={
        "one-hot": """
        dx = (g @ table) * (1 - h**2)
        one_hot = np.eye(len(table))[ids]
        dtable = np.einsum("tv,td->vd", g, h) + np.einsum("tv,td->vd", one_hot, dx)
        """,
        "position by position": """
        dtable = np.zeros_like(table)
        for t, token in enumerate(ids):
            dtable += np.outer(g[t], h[t])
            dtable[token] += (table.T @ g[t]) * (1 - h[t] ** 2)
        """,
        "both ends as one product": """
        dx = np.tensordot(g, table, axes=1) / np.cosh(table[ids]) ** 2
        left = np.hstack([g.T, np.equal.outer(np.arange(len(table)), ids)])
        dtable = left @ np.vstack([h, dx])
        """,
    },
    mistakes=(
        Mistake(
            "Only the de-embedding's use of the table is there; the lookup's is missing.",
            "dtable = g.T @ h",
        ),
        Mistake(
            "Only the lookup's use of the table is there; the de-embedding's is missing.",
            f"dx = (g @ table) * (1 - h * h)\ndtable = np.zeros_like(table)\n{SCATTER}",
        ),
        Mistake(
            "The lookup's gradient overwrites rows of the other one; the two uses add up.",
            "dx = (g @ table) * (1 - h * h)\ndtable = g.T @ h\ndtable[ids] = dx",
        ),
        Mistake(
            "dtable[ids] += dx adds only once for equal tokens; np.add.at adds for each.",
            "dx = (g @ table) * (1 - h * h)\ndtable = g.T @ h\ndtable[ids] += dx",
        ),
        Mistake(
            "The slope of tanh is missing on the way to the lookup.",
            f"dx = g @ table\ndtable = g.T @ h\n{SCATTER}",
        ),
        Mistake(
            "The two uses are averaged; they add up.",
            f"dx = (g @ table) * (1 - h * h)\ndtable = g.T @ h\n{SCATTER}\ndtable = dtable / 2",
        ),
    ),
    steps={"dh": "what arrives at h: g table", "dx": "what arrives at x, through the tanh"},
    hints=(
        "In which two lines does the table stand, and what is it in each: a lookup, or a factor?",
        "Line 3 as a product of h and tableᵀ: its gradient for the table is gᵀ h, and dh = g table. Through the tanh "
        "to dx, and line 1 scatters dx into the rows of ids.",
        "dtable = g.T @ h; dx = (g @ table) * (1 - h * h); np.add.at(dtable, ids, dx) adds the second use to the "
        "first.",
    ),
    note="A rare token gets most of its gradient from the output end, where all rows are pushed at every step. The "
    'engine: DeEmbedding with "tied" in minattn/nn/deembedding.py; the sum is made by `walk` in minattn/graph.py.',
    cases=cases,
    answers=("ids", "dtable"),
)
