"""Scaled scores: the first line of attention."""

import numpy as np

from ...course import Cases, Exercise


def cases(rng: np.random.Generator) -> Cases:
    # where all lengths are equal a forgotten transpose fits, and the numbers tell which one it is
    yield rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
    yield rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 4, 5))
    yield rng.normal(size=(2, 2, 3, 2)), rng.normal(size=(2, 2, 3, 2))


exercise = Exercise(
    steps={"scaled": "g / √d, what arrives at q kᵀ"},
    hints=(
        "Forward does two things, a product and a division. Which was last, and so comes first on the way back?",
        "Divide g by √d. Then it is the matrix product of a = q and b = kᵀ: what is its da, and what is the transpose "
        "of its db?",
        "scaled = g / np.sqrt(d); dq = scaled @ k; and dk, of shape (…, S, d), is scaled with its last two axes "
        "swapped, times q.",
    ),
    note="Every query gets a mixture of keys back, and every key a mixture of queries, both weighted by g. The engine "
    "does it inside of ScaledDotProductAttention in minattn/ops/attention.py.",
    cases=cases,
    answers=("dq", "dk"),
)
