"""Log-softmax: simpler than softmax, and safe where softmax rounds to 0."""

import numpy as np

from ..exercise import Cases, Exercise


def cases(rng: np.random.Generator) -> Cases:
    yield (rng.normal(size=(3, 5)),)
    yield (2 * rng.normal(size=(2, 3, 4)),)


exercise = Exercise(
    title="Log-softmax: the logarithm makes it simple",
    template='''
"""Log-softmax: the logarithm makes it simple

x (…, N) -> y (…, N), the logarithm of softmax

    1  z = x - max(x)
    2  y = z - ln Σ exp(z)

A probability of e^-1000 rounds to 0, and ln 0 is -inf. Here it is never formed: y is just -1000.

x_j is in y twice: once as itself, in y_j alone, and once in the sum, which is in every y_i:

    dy_i/dx_j = δ_ij - d(ln Σ exp)/dx_j           δ_ij is 1 for i = j, else 0

What is d(ln Σ exp(x))/dx_j? You know that number by another name.
"""

import numpy as np


def forward(x):
    z = x - x.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def backward(g, x):
    y = forward(x)
    # --- your part ---
    dx = ...
    # --- end of your part ---
    return dx
''',
    solution="""
p = np.exp(y)
total = g.sum(axis=-1, keepdims=True)
dx = g - p * total
""",
    alternatives={
        "the Jacobian, row by row": """
        dx = np.empty_like(x)
        for row in np.ndindex(x.shape[:-1]):
            p = np.exp(y[row])
            jacobian = np.eye(len(p)) - p  # row i: δ_ij - p_j
            dx[row] = g[row] @ jacobian
        """,
        "by way of softmax": """
        p = np.exp(y)
        dp = g / p
        dx = p * (dp - np.sum(dp * p, axis=-1, keepdims=True))
        """,
        "step by step": """
        exp = np.exp(x - x.max(axis=-1, keepdims=True))
        sums = np.einsum("...i->...", exp)[..., None]
        dsums = -np.einsum("...i->...", g)[..., None] / sums
        dx = g + dsums * exp
        """,
    },
    steps={"p": "softmax(x), which is exp(y)", "total": "Σ_i g_i, one number a row"},
    hints=(
        "d ln(u) = du / u. Put u = Σ exp(x): what is left when you differentiate by one x_j?",
        "It is exp(x_j) / Σ exp(x): softmax. So dx_j = Σ_i g_i (δ_ij - p_j). Split that sum in two.",
        "Σ_i g_i δ_ij is g_j; Σ_i g_i p_j is p_j times the sum of g along the row (keepdims=True). p is np.exp(y).",
    ),
    note="dx = g - p Σg. If only the right class c has a gradient, -1, that is p - onehot(c): the famous gradient of "
    "cross-entropy, which you will meet again. The engine: LogSoftmax in minattn/ops/softmax.py.",
    cases=cases,
    answers=("dx",),
    like="log_softmax",
)
