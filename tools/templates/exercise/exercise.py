"""Say in a line what is learnt here."""

import numpy as np

from ...course import Cases, Exercise


def cases(rng: np.random.Generator) -> Cases:
    yield (rng.normal(size=(3, 4)),)
    yield (rng.normal(size=(2, 3, 5)),)


exercise = Exercise(
    steps={"slope": "the slope of x³, 3 x²"},
    hints=(
        "If x grows by a little, by how much does x³ grow?",
        "It grows by 3 x² times as much; the chain rule multiplies this by what comes from above.",
        "dx = g * 3 * x**2",
    ),
    note="Say what one knows now, and where the engine does the same: Power in minattn/ops/arithmetic.py.",
    cases=cases,
    answers=("dx",),
)
