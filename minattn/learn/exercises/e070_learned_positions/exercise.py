from ...course import Exercise, normal
from .variants import choices

exercise = Exercise(
    page="05_positions",
    hints=(
        "A sum y = x + p: how does y change with x, and how with p?",
        "dx is g. For the table: sum away the axis of the batch, which gives (T, D). The table is (M, D).",
        "Start from dweight = np.zeros_like(weight); then dweight[: x.shape[1]] = g.sum(axis=0).",
    ),
    note="A slice sends zeros to what was left out. So a position that training never reaches is never learned: feed "
    "such a model a longer sentence, and there it sees the numbers of the start. The engine: PositionalEncoding in "
    "minattn/nn/positional.py, made of Index in minattn/ops/shape.py and Add.",
    cases=normal([(2, 3, 4), (5, 4)], [(3, 2, 1), (2, 1)]),
    choices=choices,
)
