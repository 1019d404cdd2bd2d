import numpy as np

from ...course import Edge, Exercise
from .variants import choices

exercise = Exercise(
    page="08_block",
    hints=(
        "y is x times something that does not depend on x. What is that something?",
        "It is 1 / (1 - P) where keep is True, and 0 where it is False. That is the slope.",
        "slope = keep / (1 - P), and dx = g * slope.",
    ),
    note="The classical bugs: throwing new coins on the way back, and forgetting the scale. Drawing outside makes "
    "dropout a plain function, which can be checked like any other. The engine: Dropout in minattn/ops/activations.py.",
    cases=lambda rng: [(rng.normal(size=shape), rng.random(shape) >= 0.5) for shape in ((4, 5), (2, 3, 3))],
    edges=(
        Edge(
            "where x is 0",
            "y / x is 0 / 0 there; the slope of a straight line is known without x",
            (np.zeros((2, 3)), np.array([[True, False, True], [False, True, True]])),
        ),
    ),
    like="dropout",
    choices=choices,
)
