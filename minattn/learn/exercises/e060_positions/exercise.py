from ...course import Exercise
from .variants import choices

exercise = Exercise(
    page="05_positions",
    steps={"angles": "position / 10000^(2i/D), of shape (T, D/2)"},
    hints=(
        "How many different angles does one position have: D, or D/2?",
        "First all angles at once, (T, D/2): a column of positions over a row of 10000 ** (np.arange(0, D, 2) / D). "
        "np.arange(0, D, 2) is 2i already.",
        "table = np.empty((tokens, width)), then table[:, 0::2] = np.sin(angles), and the cosines into table[:, 1::2].",
    ),
    note="The angle between two positions depends only on how far apart they are: what is k places to the right looks "
    "the same from everywhere. The engine: sinusoids in minattn/nn/positional.py.",
    cases=lambda rng: [(5, 8), (int(rng.integers(6, 12)), 6)],
    choices=choices,
)
