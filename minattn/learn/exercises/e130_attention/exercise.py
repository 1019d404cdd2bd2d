import numpy as np

from ...course import Edge, Exercise, normal
from .variants import choices

exercise = Exercise(
    page="07_attention_backward",
    steps={
        "dv": "what arrives at the values, pᵀ g",
        "dp": "what arrives at the weights, g vᵀ",
        "ds": "what arrives at the scores, through the softmax",
        "scaled": "ds / √d, what arrives at q kᵀ",
    },
    hints=(
        "Which of the three lines is undone first, and which two of the five gradients does it give?",
        "Line 3 is the weighted sum: dv = pᵀ g, dp = g vᵀ. Line 2 is the softmax backward with dp as its upstream. "
        "Line 1 is the scores, with ds as theirs.",
        "ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True)); then scaled = ds / np.sqrt(q.shape[-1]) once, and "
        "dq = scaled @ k, dk is scaled with its last two axes swapped @ q.",
    ),
    note="You have the heart of the transformer. Note that dv needs only p, while dq and dk have to go through the "
    "softmax: where p is nearly 0 or 1, hardly any gradient gets through. The engine: ScaledDotProductAttention in "
    "minattn/ops/attention.py, the same five lines.",
    cases=normal(
        [(2, 3, 3), (2, 3, 3), (2, 3, 3)],
        [(2, 3, 5), (2, 4, 5), (2, 4, 2)],
        [(2, 2, 3, 2), (2, 2, 3, 2), (2, 2, 3, 4)],
    ),
    edges=(
        Edge(
            "where scores are 1000 and -1000",
            "exp(1000) is infinite: use p, which is given",
            (np.array([[40.0, 0], [0, -40]]), np.array([[40.0, 0], [-40, 40], [0, 40]]), np.ones((3, 2))),
        ),
    ),
    like="scaled_dot_product_attention",
    choices=choices,
)
