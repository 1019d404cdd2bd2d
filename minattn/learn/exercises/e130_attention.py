"""Scaled dot-product attention, whole: three exercises joined."""

import numpy as np

from ..exercise import Cases, Exercise


def cases(rng: np.random.Generator) -> Cases:
    # where all lengths are equal a forgotten transpose fits, and the numbers tell which one it is
    yield tuple(rng.normal(size=(3, 2, 3, 3)))
    yield rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 4, 5)), rng.normal(size=(2, 4, 2))
    yield rng.normal(size=(2, 2, 3, 2)), rng.normal(size=(2, 2, 3, 2)), rng.normal(size=(2, 2, 3, 4))


exercise = Exercise(
    title="Attention: dq, dk and dv",
    template='''
"""Attention: dq, dk and dv

q (…, T, d), k (…, S, d), v (…, S, e) -> y (…, T, e)

    1  s = q kᵀ / √d              every query meets every key
    2  p = softmax(s)             row by row: what each query looks at
    3  y = p v                    and takes from there

Going back, undo the lines from the last to the first. You have solved all three:

    3  g  -> dp, dv
    2  dp -> ds
    1  ds -> dq, dk

Use these names (dp, ds), and the check compares them one by one and tells you the first that is wrong.
"""

import numpy as np


def softmax(s):
    exp = np.exp(s - s.max(axis=-1, keepdims=True))
    return exp / exp.sum(axis=-1, keepdims=True)


def forward(q, k, v):
    return softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])) @ v


def backward(g, q, k, v):
    p = softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]))
    # --- your part ---
    dq = ...
    dk = ...
    dv = ...
    # --- end of your part ---
    return dq, dk, dv
''',
    solution="""
dv = p.swapaxes(-1, -2) @ g
dp = g @ v.swapaxes(-1, -2)
ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True))
scaled = ds / np.sqrt(q.shape[-1])
dq = scaled @ k
dk = scaled.swapaxes(-1, -2) @ q
""",
    alternatives={
        "einsum": """
        dv = np.einsum("...ij,...ie->...je", p, g)
        dp = np.einsum("...ie,...je->...ij", g, v)
        ds = p * dp - np.einsum("...ij,...ij,...ik->...ik", dp, p, p)
        dq = np.einsum("...ij,...jc->...ic", ds, k) / np.sqrt(q.shape[-1])
        dk = np.einsum("...ij,...ic->...jc", ds, q) / np.sqrt(q.shape[-1])
        """,
        "with the output in place of a sum": """
        # Σ_j dp_ij p_ij = g_i · y_i, as in FlashAttention
        y = p @ v
        dv = p.swapaxes(-1, -2) @ g
        ds = p * (g @ v.swapaxes(-1, -2) - (g * y).sum(axis=-1, keepdims=True)) / np.sqrt(q.shape[-1])
        dq, dk = ds @ k, ds.swapaxes(-1, -2) @ q
        """,
        "one query at a time": """
        dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
        for place in np.ndindex(q.shape[:-2]):
            for i in range(q.shape[-2]):
                look = p[place][i]
                dv[place] += np.outer(look, g[place][i])
                into = v[place] @ g[place][i]
                back = (np.diag(look) - np.outer(look, look)) @ into / np.sqrt(q.shape[-1])
                dq[place][i] = back @ k[place]
                dk[place] += np.outer(back, q[place][i])
        """,
    },
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
        "ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True)); then divide by np.sqrt(d) once, and dq = ds @ k, dk = "
        "ds with its last two axes swapped @ q.",
    ),
    note="You have the heart of the transformer. Note that dv needs only p, while dq and dk have to go through the "
    "softmax: where p is nearly 0 or 1, hardly any gradient gets through. The engine: ScaledDotProductAttention in "
    "minattn/ops/attention.py, the same five lines.",
    cases=cases,
    answers=("dq", "dk", "dv"),
    like="scaled_dot_product_attention",
)
