import numpy as np

from ...course import Edge, Exercise, normal
from .variants import choices

exercise = Exercise(
    page="08_block",
    hints=(
        "Of the three inputs, which are used by all tokens together, and which by one token alone?",
        "Flatten the leading axes: x.reshape(-1, I) and g.reshape(-1, O). Then it is a matrix product of (N, I) and "
        "(I, O), as in the exercise before.",
        "dx = g @ weight; with both flattened, dweight = g_rows.T @ rows and dbias = g_rows.sum(axis=0).",
    ),
    note="Flatten, then it is the matrix product, and the bias is broadcasting. Every projection of a transformer is "
    "this. The engine: Linear in minattn/ops/linear_algebra.py.",
    cases=normal([(4, 4), (4, 4), (4,)], [(2, 3, 4), (5, 4), (5,)], [(3, 2), (4, 2), (4,)]),
    edges=(
        Edge(
            "where x has no row",
            "a sum over nothing is 0: dweight and dbias are zeros, of the shapes of weight and bias",
            (np.ones((0, 4)), np.ones((3, 4)), np.ones(3)),
        ),
    ),
    like="linear",
    choices=choices,
)
