"""Gather and scatter-add: where data enters a model, and where the last gradient arrives."""

import numpy as np

from ..exercise import Cases, Exercise


def cases(rng: np.random.Generator) -> Cases:
    yield np.array([2, 0, 2, 5, 2]), rng.normal(size=(6, 3))
    yield np.array([[1, 1, 4], [0, 3, 1]]), rng.normal(size=(5, 2))


exercise = Exercise(
    title="Embedding: a token that occurs twice gets both gradients",
    template='''
"""Embedding: a token that occurs twice gets both gradients

ids (…) integers, weight (V, D) -> y (…, D)

    y_t = weight[ids_t]           every position looks up one row of the table

Going back, position t sends g_t to the row that it was copied from. A row that no position looked up
gets nothing. A row that was looked up three times gets three gradients, and they add up.

g is the upstream gradient, dLoss/dy, of the shape of y. Return dweight, of the shape of weight: how much
the loss rises for each number of the table.
"""

import numpy as np


def forward(ids, weight):
    return weight[ids]


def backward(g, ids, weight):
    # --- your part ---
    dweight = ...
    # --- end of your part ---
    return None, dweight  # ids are whole numbers: they have no gradient
''',
    solution="""
dweight = np.zeros_like(weight)
np.add.at(dweight, ids, g)
""",
    alternatives={
        "a loop over positions": """
        dweight = np.zeros(weight.shape)
        for position in np.ndindex(ids.shape):
            dweight[ids[position]] += g[position]
        """,
        "a sum for each row of the table": """
        dweight = np.stack([g[ids == token].sum(axis=0) for token in range(len(weight))])
        """,
        "a matrix of zeros and ones": """
        chosen = (ids.reshape(-1, 1) == np.arange(len(weight))).astype(float)
        dweight = chosen.T @ g.reshape(-1, weight.shape[1])
        """,
    },
    hints=(
        "If a token stands in the sentence twice and you change its row of the table a little, how many rows of y "
        "change?",
        "Start from zeros of the shape of weight, and add g_t to row ids_t for every t. With NumPy beware: "
        "dweight[ids] += g reads, adds and writes each row once, so that of equal ids only the last one counts.",
        "np.add.at(dweight, ids, g) adds for every occurrence.",
    ),
    note="A lookup copies, and the gradient of a copy is a sum: whatever is used several times collects what every use "
    "sends back. You will meet this again in broadcasting, residuals, tied weights and the tape. The engine: Embedding "
    "in minattn/ops/embedding.py.",
    cases=cases,
    answers=("ids", "dweight"),
    like="embedding",
)
