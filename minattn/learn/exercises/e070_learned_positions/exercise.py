from ...course import Exercise, normal

exercise = Exercise(
    page="05_positions",
    hints=(
        "A sum y = x + p: how does y change with x, and how with p?",
        "dx is g. For the table: sum away the axis of the batch, which gives (T, D). The table is (M, D).",
        "Start from np.zeros_like(weight) and put g.sum(axis=0) into its first T rows.",
    ),
    note="A slice sends zeros to what was left out. So a position that training never reaches is never learned: feed "
    "such a model a longer sentence, and there it sees the numbers of the start. The engine: PositionalEncoding in "
    "minattn/nn/positional.py, made of Index in minattn/ops/shape.py and Add.",
    cases=normal([(2, 3, 4), (5, 4)], [(3, 2, 1), (2, 1)]),
)
