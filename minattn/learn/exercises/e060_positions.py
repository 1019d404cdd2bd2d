"""The sinusoids: how a model that sees a bag of vectors is told their order."""

import numpy as np

from ..exercise import Cases, Exercise, Mistake


def cases(rng: np.random.Generator) -> Cases:
    yield 5, 8
    yield int(rng.integers(6, 12)), 6


exercise = Exercise(
    title="Positional encoding: clocks that turn at different speeds",
    template='''
"""Positional encoding: clocks that turn at different speeds

tokens T, width D (even) -> table (T, D), one row a position

Attention cannot see order. So every position gets a vector of its own, which is added to the token's: D/2 hands of
clocks, of which the first turns fast and the last hardly at all (Vaswani et al., 2017, section 3.5).

    angle(position, i)        = position / 10000^(2i / D)      for the pairs i = 0, 1, … D/2 - 1
    table[position, 2i]       = sin angle
    table[position, 2i + 1]   = cos angle

Sine and cosine of one hand stand side by side: sin, cos, sin, cos, …
Nothing here is learned, so there is no gradient: it is added, and g passes through unchanged.
"""

import numpy as np


def sinusoids(tokens, width):
    # --- your part ---
    table = ...
    # --- end of your part ---
    return table


if __name__ == "__main__":  # run this file and look
    print(sinusoids(4, 6).round(2))
''',
    function="sinusoids",
    solution="""
angles = np.arange(tokens)[:, None] / 10000 ** (np.arange(0, width, 2) / width)
table = np.empty((tokens, width))
table[:, 0::2] = np.sin(angles)
table[:, 1::2] = np.cos(angles)
""",
    alternatives={
        "loops, as the formula stands there": """
        table = np.zeros((tokens, width))
        for position in range(tokens):
            for i in range(width // 2):
                angle = position / 10000 ** (2 * i / width)
                table[position, 2 * i] = np.sin(angle)
                table[position, 2 * i + 1] = np.cos(angle)
        """,
        "stacked and flattened": """
        angles = np.outer(np.arange(tokens), np.exp(-np.log(10000) * np.arange(0, width, 2) / width))
        table = np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(tokens, width)
        """,
        "complex numbers": """
        hands = np.exp(1j * np.arange(tokens)[:, None] * 10000.0 ** (-np.arange(0, width, 2) / width))
        table = np.zeros((tokens, width))
        table[:, 0::2], table[:, 1::2] = hands.imag, hands.real
        """,
    },
    mistakes=(
        Mistake(
            "All sines come first and all cosines after them; they alternate: sin, cos, sin, cos.",
            """
            angles = np.arange(tokens)[:, None] / 10000 ** (np.arange(0, width, 2) / width)
            table = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
            """,
        ),
        Mistake(
            "Sine and cosine have changed places: the even columns are the sines.",
            """
            angles = np.arange(tokens)[:, None] / 10000 ** (np.arange(0, width, 2) / width)
            table = np.empty((tokens, width))
            table[:, 0::2], table[:, 1::2] = np.cos(angles), np.sin(angles)
            """,
        ),
        Mistake(
            "Every column has an angle of its own, 10000^(column / D); the two columns of a pair share one.",
            """
            angles = np.arange(tokens)[:, None] / 10000 ** (np.arange(width) / width)
            table = np.where(np.arange(width) % 2 == 0, np.sin(angles), np.cos(angles))
            """,
        ),
        Mistake(
            "The exponent is i / D where 2i / D belongs: the hands slow down only half as much as they should.",
            """
            angles = np.arange(tokens)[:, None] / 10000 ** (np.arange(width // 2) / width)
            table = np.empty((tokens, width))
            table[:, 0::2], table[:, 1::2] = np.sin(angles), np.cos(angles)
            """,
        ),
        Mistake(
            "The positions start at 1; the first position is 0.",
            """
            angles = np.arange(1, tokens + 1)[:, None] / 10000 ** (np.arange(0, width, 2) / width)
            table = np.empty((tokens, width))
            table[:, 0::2], table[:, 1::2] = np.sin(angles), np.cos(angles)
            """,
        ),
    ),
    steps={"angles": "position / 10000^(2i/D), of shape (T, D/2)"},
    hints=(
        "How many different angles does one position have: D, or D/2?",
        "First all angles at once, (T, D/2): a column of positions over a row of 10000 ** (np.arange(0, D, 2) / D). "
        "np.arange(0, D, 2) is 2i already.",
        "table = np.empty((T, D)); table[:, 0::2] = np.sin(angles), and the cosines into table[:, 1::2].",
    ),
    note="The angle between two positions depends only on how far apart they are: what is k places to the right looks "
    "the same from everywhere. The engine: sinusoids in minattn/nn/positional.py.",
    cases=cases,
    answers=("table",),
)
