import numpy as np

from ...course import Edge, Exercise
from .variants import choices

exercise = Exercise(
    page="10_cross_entropy",
    steps={"p": "softmax of the logits, row by row", "y": "the right classes as one-hot rows"},
    hints=(
        "What is the derivative of ln Σ exp(x) by x_j? (Log-softmax asked you that.) And of logits[target] by x_j?",
        "dl_n/dx_j = p_j - 1 for the target, p_j for the others: p minus one-hot. The mean divides by the number of "
        "rows, and g multiplies.",
        "dlogits = g * (p - y) / len(logits), with p the softmax of each row, and y = "
        "np.eye(logits.shape[1])[targets].",
    ),
    note="p - y, over N: what the model says minus what is so. Every other gradient of the training is this one, sent "
    "through the ops you wrote. Each row adds up to 0. The engine: CrossEntropy in minattn/ops/cross_entropy.py.",
    cases=lambda rng: [
        (rng.normal(size=(6, 5)), np.array([0, 4, 2, 2, 3, 1])),
        (2 * rng.normal(size=(3, 4)), rng.integers(0, 4, 3)),
    ],
    edges=(
        Edge(
            "where logits are 800 and -800",
            "exp(800) is infinite, and infinity / infinity is NaN: take the largest logit of each row away before exp",
            (np.array([[800.0, 0.0, -800.0], [-800.0, -801.0, -802.0]]), np.array([2, 1])),
        ),
    ),
    like="cross_entropy",
    choices=choices,
)
