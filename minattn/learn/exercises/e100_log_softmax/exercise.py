import numpy as np

from ...course import Edge, Exercise
from .variants import choices

exercise = Exercise(
    page="10_cross_entropy",
    steps={"p": "softmax(x), which is exp(y)", "total": "Σ_i g_i, one number a row"},
    hints=(
        "d ln(u) = du / u. Put u = Σ exp(x): what is left when you differentiate by one x_j?",
        "It is exp(x_j) / Σ exp(x): softmax. So dx_j = Σ_i g_i (δ_ij - p_j). Split that sum in two.",
        "Σ_i g_i δ_ij is g_j; Σ_i g_i p_j is p_j times the sum of g along the row (keepdims=True). So dx = g - p * "
        "total, where p = np.exp(y).",
    ),
    note="dx = g - p Σg. If only the right class c has a gradient, -1, that is p - onehot(c): the famous gradient of "
    "cross-entropy, which you will meet again. The engine: LogSoftmax in minattn/ops/softmax.py.",
    cases=lambda rng: [(rng.normal(size=(3, 5)),), (2 * rng.normal(size=(2, 3, 4)),)],
    edges=(
        Edge(
            "where scores are 1000 and -1000",
            "exp(1000) is infinite, and exp(-1000) rounds to 0, by which nothing is divided: use y, which is given",
            (np.array([[1000.0, 0.0, -1000.0], [-1000.0, -1001.0, -1002.0]]),),
        ),
    ),
    like="log_softmax",
    choices=choices,
)
