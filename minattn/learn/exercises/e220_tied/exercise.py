import numpy as np

from ...course import Exercise
from .variants import choices

exercise = Exercise(
    page="09_deembedding",
    steps={"dh": "what arrives at h: g table", "dx": "what arrives at x, through the tanh"},
    hints=(
        "In which two lines does the table stand, and what is it in each: a lookup, or a factor?",
        "Line 3 as a product of h and tableᵀ: its gradient for the table is gᵀ h, and dh = g table. Through the tanh "
        "to dx, and line 1 scatters dx into the rows of ids.",
        "dtable = g.T @ h; dh = g @ table; dx = dh * (1 - h * h); then np.add.at(dtable, ids, dx) adds the second use "
        "to the first.",
    ),
    note="A rare token gets most of its gradient from the output end, where all rows are pushed at every step. The "
    'engine: DeEmbedding with "tied" in minattn/nn/deembedding.py; the sum is made by `walk` in minattn/graph.py.',
    cases=lambda rng: [
        (np.array([1, 3, 1, 0]), rng.normal(size=(5, 3))),
        (np.array([2, 2, 0]), rng.normal(size=(4, 4))),
    ],
    choices=choices,
)
