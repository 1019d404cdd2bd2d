"""Softmax: the first backward pass in which every input reaches every output."""

import numpy as np

from ..exercise import Cases, Exercise


def cases(rng: np.random.Generator) -> Cases:
    yield (rng.normal(size=(3, 5)),)
    yield (2 * rng.normal(size=(2, 3, 4)),)


exercise = Exercise(
    title="Softmax: raise one score and all other probabilities fall",
    template='''
"""Softmax: raise one score and all other probabilities fall

x (…, N) -> p (…, N), every row adding up to 1

    1  z = x - max(x)             changes nothing, but exp cannot overflow
    2  p = exp(z) / Σ exp(z)

A row shares one sum, so x_j is felt by every p_i of its row:

    dp_i/dx_j = p_i (1 - p_i)  for i = j          it rises
              = -p_i p_j       for i ≠ j          the others fall

and dx_j collects from all of them: dx_j = Σ_i g_i dp_i/dx_j.

g is the upstream gradient, dLoss/dp: it has the shape of p. Return dx, of the shape of x.
"""

import numpy as np


def forward(x):
    exp = np.exp(x - x.max(axis=-1, keepdims=True))
    return exp / exp.sum(axis=-1, keepdims=True)


def backward(g, x):
    p = forward(x)
    # --- your part ---
    dx = ...
    # --- end of your part ---
    return dx
''',
    solution="""
dot = (g * p).sum(axis=-1, keepdims=True)
dx = p * (g - dot)
""",
    alternatives={
        "the Jacobian, row by row": """
        dx = np.zeros_like(x)
        for row in np.ndindex(x.shape[:-1]):
            jacobian = np.diag(p[row]) - np.outer(p[row], p[row])
            dx[row] = jacobian @ g[row]
        """,
        "einsum": """
        dx = p * g - np.einsum("...i,...i,...j->...j", g, p, p)
        """,
        "by way of the quotient": """
        exp = np.exp(x - x.max(axis=-1, keepdims=True))
        total = exp.sum(axis=-1, keepdims=True)
        dexp = g / total - (g * exp).sum(axis=-1, keepdims=True) / total**2
        dx = dexp * exp
        """,
    },
    hints=(
        "If x_2 rises, which of the p_i change? So how many terms does the sum for dx_2 have?",
        "Put both cases of dp_i/dx_j into the sum and take p_j out: dx_j = p_j (g_j - …). What is left is one number "
        "for each row.",
        "That number is Σ_i g_i p_i: sum g * p along the last axis, and keep the axis (keepdims=True) so that it "
        "broadcasts against g.",
    ),
    note="A softmax backward is p * (g - what g is on average under p). Where g is the same for all scores, nothing "
    "moves: adding a constant to a row of scores changes no probability. The engine: Softmax in "
    "minattn/ops/softmax.py.",
    cases=cases,
    answers=("dx",),
    steps={"dot": "Σ_i g_i p_i, one number a row"},
    like="softmax",
)
