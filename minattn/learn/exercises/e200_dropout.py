"""Dropout: the same mask on the way back."""

import numpy as np

from ..exercise import Cases, Exercise


def cases(rng: np.random.Generator) -> Cases:
    yield rng.normal(size=(4, 5)), rng.random((4, 5)) >= 0.5
    yield rng.normal(size=(2, 3, 3)), rng.random((2, 3, 3)) >= 0.5


exercise = Exercise(
    title="Dropout: the same coins on the way back",
    template='''
"""Dropout: the same coins on the way back

x, keep (boolean, of the shape of x) -> y, of the same shape

    y = x / (1 - P) where keep, else 0        P is the probability to be dropped

The coins have been thrown before and come in as `keep`. What is kept is scaled up, so that the mean of y is that of x
and nothing has to be changed when dropout is switched off.

Going back, what was dropped gets nothing, and what was kept was scaled.
"""

import numpy as np

P = 0.5


def forward(x, keep):
    return np.where(keep, x / (1 - P), 0.0)


def backward(g, x, keep):
    # --- your part ---
    dx = ...
    # --- end of your part ---
    return dx, None  # keep is no number to be changed a little
''',
    solution="""
dx = g * keep / (1 - P)
""",
    alternatives={
        "where": """
        dx = np.where(keep, g / (1 - P), 0.0)
        """,
        "indexing": """
        dx = np.zeros_like(g)
        dx[keep] = g[keep] / (1 - P)
        """,
        "the slope, by its definition": """
        # y is linear in x: its slope is what it does to ones
        slope = forward(np.ones_like(x), keep)
        dx = slope * g
        """,
    },
    hints=(
        "y is x times something that does not depend on x. What is that something?",
        "It is 1 / (1 - P) where keep is True, and 0 where it is False. That is the slope.",
        "dx = g * keep / (1 - P).",
    ),
    note="The classical bugs: throwing new coins on the way back, and forgetting the scale. Drawing outside makes "
    "dropout a plain function, which can be checked like any other. The engine: Dropout in minattn/ops/dropout.py.",
    cases=cases,
    answers=("dx", "keep"),
    like="dropout",
)
