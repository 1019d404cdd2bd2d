import numpy as np

from ...course import Edge, Exercise
from .variants import choices

exercise = Exercise(
    page="02_optimizer",
    steps={"norm": "the length of all gradients as one vector", "scale": "the factor for all of them, at most 1"},
    hints=(
        "What is the length of a vector that is written on two sheets of paper?",
        "Sum the squares over all arrays, then one root. The factor is max_norm / norm, but never more than 1.",
        "norm = np.sqrt(sum((g * g).sum() for g in gradients)); scale = max_norm / max(norm, max_norm).",
    ),
    note="Clipping is no derivative of anything: it is a seat belt. A norm that grows in the log warns before the loss "
    "does. The engine: clip_grad_norm_ in minattn/optim.py.",
    cases=lambda rng: [
        ([3 * rng.normal(size=(3, 4)), rng.normal(size=5)], 1.0),
        ([0.01 * rng.normal(size=(2, 2)), 0.01 * rng.normal(size=3)], 1.0),
        ([np.array([3.0, 0.0]), np.array([[4.0]])], 2.5),
    ],
    edges=(
        Edge(
            "where all gradients are 0",
            "their norm is 0, and nothing can be divided by it: they stay as they are",
            ([np.zeros((2, 2)), np.zeros(3)], 1.0),
        ),
    ),
    choices=choices,
)
