import numpy as np

from ...course import Edge, Exercise
from .variants import choices

exercise = Exercise(
    page="07_attention_backward",
    hints=(
        "If x_2 rises, which of the p_i change? So how many terms does the sum for dx_2 have?",
        "Put both cases of dp_i/dx_j into the sum and take p_j out: dx_j = p_j (g_j - …). What is left is one number "
        "for each row.",
        "That number is Σ_i g_i p_i: dot = (g * p).sum(axis=-1, keepdims=True), where keepdims keeps the axis so that "
        "it broadcasts against g.",
    ),
    note="A softmax backward is p * (g - what g is on average under p). Where g is the same for all scores, nothing "
    "moves: adding a constant to a row of scores changes no probability. The engine: Softmax in "
    "minattn/ops/softmax.py.",
    cases=lambda rng: [(rng.normal(size=(3, 5)),), (2 * rng.normal(size=(2, 3, 4)),)],
    edges=(
        Edge(
            "where scores are 1000 and -1000",
            "exp(1000) is infinite: take the largest of each row away first, or use p, which is given",
            (np.array([[1000.0, 0.0, -1000.0], [-1000.0, -1001.0, -1002.0]]),),
        ),
    ),
    steps={"dot": "Σ_i g_i p_i, one number a row"},
    like="softmax",
    choices=choices,
)
