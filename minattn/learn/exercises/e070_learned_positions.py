"""Learned positions: a table of which every sentence uses the first rows."""

import numpy as np

from ..exercise import Cases, Exercise, Mistake


def cases(rng: np.random.Generator) -> Cases:
    yield rng.normal(size=(2, 3, 4)), rng.normal(size=(5, 4))
    yield rng.normal(size=(3, 2, 1)), rng.normal(size=(2, 1))


exercise = Exercise(
    title="Learned positions: slicing and broadcasting in one line",
    template='''
"""Learned positions: slicing and broadcasting in one line

x (B, T, D), weight (M, D) with M >= T -> y (B, T, D)

    y_bt = x_bt + weight_t        the first T rows of the table, the same for every sentence of the batch

Two things happen to the table: it is cut to T rows, and these are stretched over the batch. Undo both. What became
of the rows that no sentence was long enough to use?
"""

import numpy as np


def forward(x, weight):
    return x + weight[: x.shape[1]]


def backward(g, x, weight):
    # --- your part ---
    dx = ...
    dweight = ...
    # --- end of your part ---
    return dx, dweight
''',
    solution="""
dx = g.copy()
dweight = np.zeros_like(weight)
dweight[: x.shape[1]] = g.sum(axis=0)
""",
    alternatives={
        "scatter-add over positions": """
        dx = 1.0 * g
        dweight = np.zeros_like(weight)
        np.add.at(dweight, np.tile(np.arange(g.shape[1]), len(g)), g.reshape(-1, g.shape[2]))
        """,
        "a product with a matrix that cuts": """
        cut = np.eye(len(weight))[: g.shape[1]]
        dx = g + 0
        dweight = np.einsum("tm,btd->md", cut, g)
        """,
        "padding": """
        dx = g.copy()
        dweight = np.pad(np.einsum("btd->td", g), ((0, len(weight) - g.shape[1]), (0, 0)))
        """,
    },
    mistakes=(
        Mistake(
            "dweight is the mean over the batch; every sentence that used a row counts in full, so it is the sum.",
            """
            dx = g.copy()
            dweight = np.zeros_like(weight)
            dweight[: x.shape[1]] = g.mean(axis=0)
            """,
        ),
        Mistake(
            "dweight takes the gradient of one sentence only; the rows were used by all of the batch.",
            """
            dx = g.copy()
            dweight = np.zeros_like(weight)
            for sentence in g:
                dweight[: x.shape[1]] = sentence
            """,
        ),
        Mistake(
            "dweight has only T rows; the rows that were not used have the gradient 0, but they are there.",
            """
            dx = g.copy()
            dweight = g.sum(axis=0)
            """,
        ),
        Mistake(
            "The gradient went to the last rows of the table; forward used the first.",
            """
            dx = g.copy()
            dweight = np.zeros_like(weight)
            dweight[len(weight) - x.shape[1] :] = g.sum(axis=0)
            """,
        ),
    ),
    hints=(
        "A sum y = x + p: how does y change with x, and how with p?",
        "dx is g. For the table: sum away the axis of the batch, which gives (T, D). The table is (M, D).",
        "Start from np.zeros_like(weight) and put g.sum(axis=0) into its first T rows.",
    ),
    note="A slice sends zeros to what was left out. So a position that training never reaches is never learned: feed "
    "such a model a longer sentence, and it sees random numbers. The engine: PositionalEncoding in "
    "minattn/nn/positional.py, made of Index in minattn/ops/shape.py and Add.",
    cases=cases,
    answers=("dx", "dweight"),
)
