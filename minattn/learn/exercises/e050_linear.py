"""The linear layer: a matrix product with a bias, the same for every token of every sentence."""

import numpy as np

from ..exercise import Cases, Exercise


def cases(rng: np.random.Generator) -> Cases:
    # where all lengths are equal a forgotten transpose fits, and the numbers tell which one it is
    yield rng.normal(size=(4, 4)), rng.normal(size=(4, 4)), rng.normal(size=4)
    yield rng.normal(size=(2, 3, 4)), rng.normal(size=(5, 4)), rng.normal(size=5)
    yield rng.normal(size=(3, 2)), rng.normal(size=(4, 2)), rng.normal(size=4)


exercise = Exercise(
    title="Linear layer: one weight, used by every token",
    template='''
"""Linear layer: one weight, used by every token

x (…, I), weight (O, I), bias (O,) -> y (…, O)

    y = x weightᵀ + bias

The leading axes of x are sentences and tokens. All of them use the same weight and the same bias, so the gradients
of these two sum over all leading axes; the gradient of x has none to sum over.

Mind that weight is stored (O, I), an output a row, as everyone stores it: it is transposed already in forward.
"""

import numpy as np


def forward(x, weight, bias):
    return x @ weight.T + bias


def backward(g, x, weight, bias):
    # --- your part ---
    dx = ...
    dweight = ...
    dbias = ...
    # --- end of your part ---
    return dx, dweight, dbias
''',
    solution="""
rows, g_rows = x.reshape(-1, x.shape[-1]), g.reshape(-1, g.shape[-1])
dx = g @ weight
dweight = g_rows.T @ rows
dbias = g_rows.sum(axis=0)
""",
    alternatives={
        "einsum": """
        flat_x, flat_g = x.reshape(-1, x.shape[-1]), g.reshape(-1, g.shape[-1])
        dx = np.einsum("...o,oi->...i", g, weight)
        dweight = np.einsum("no,ni->oi", flat_g, flat_x)
        dbias = np.einsum("no->o", flat_g)
        """,
        "tensordot": """
        leading = tuple(range(x.ndim - 1))
        dx = np.tensordot(g, weight, axes=1)
        dweight = np.tensordot(g, x, axes=(leading, leading))
        dbias = g.sum(axis=leading)
        """,
        "a loop over tokens": """
        dx, dweight, dbias = np.zeros_like(x), np.zeros_like(weight), np.zeros_like(bias)
        for place in np.ndindex(x.shape[:-1]):
            dx[place] = weight.T @ g[place]
            dweight += np.outer(g[place], x[place])
            dbias += g[place]
        """,
    },
    hints=(
        "Of the three inputs, which are used by all tokens together, and which by one token alone?",
        "Flatten the leading axes: x.reshape(-1, I) and g.reshape(-1, O). Then it is a matrix product of (N, I) and "
        "(I, O), as in the exercise before.",
        "dx = g @ weight, without a transpose. dweight is (O, I): g_rows.T @ rows. dbias sums the rows of g.",
    ),
    note="Flatten, then it is the matrix product, and the bias is broadcasting. Every projection of a transformer is "
    "this. The engine: Linear in minattn/ops/linear_algebra.py.",
    cases=cases,
    answers=("dx", "dweight", "dbias"),
    like="linear",
)
