"""The feed-forward network: the chain rule through three ops."""

import numpy as np

from ..exercise import Cases, Exercise, Mistake


def cases(rng: np.random.Generator) -> Cases:
    yield (
        rng.normal(size=(3, 4)),
        rng.normal(size=(4, 6)),
        rng.normal(size=6),
        rng.normal(size=(6, 4)),
        rng.normal(size=4),
    )
    yield (
        rng.normal(size=(5, 2)),
        rng.normal(size=(2, 3)),
        rng.normal(size=3),
        rng.normal(size=(3, 1)),
        rng.normal(size=1),
    )


REST = """
dw2 = a.T @ g
db2 = g.sum(axis=0)
dw1 = x.T @ du
db1 = du.sum(axis=0)
"""

exercise = Exercise(
    title="Feed-forward: the chain rule through three ops",
    template='''
"""Feed-forward: the chain rule through three ops

x (N, D), w1 (D, F), b1 (F,), w2 (F, E), b2 (E,) -> y (N, E)

    1  u = x w1 + b1              wider
    2  a = gelu(u)
    3  y = a w2 + b2              and narrow again

Every line has an input and an output. Take the gradient of the output, make the gradients of the inputs, hand them
on to the line before. The slope of gelu is given; think where it has to be taken.

Use the names da and du for what arrives at a and u, and the check compares them.
"""

import math

import numpy as np

erfc = np.vectorize(math.erfc, otypes=[float])


def gelu(u):
    return u * erfc(-u / np.sqrt(2)) / 2


def slope_of_gelu(u):
    return erfc(-u / np.sqrt(2)) / 2 + u * np.exp(-u * u / 2) / np.sqrt(2 * np.pi)


def forward(x, w1, b1, w2, b2):
    return gelu(x @ w1 + b1) @ w2 + b2


def backward(g, x, w1, b1, w2, b2):
    u = x @ w1 + b1
    a = gelu(u)
    # --- your part ---
    dx = ...
    dw1 = ...
    db1 = ...
    dw2 = ...
    db2 = ...
    # --- end of your part ---
    return dx, dw1, db1, dw2, db2
''',
    solution=f"""
da = g @ w2.T
du = da * slope_of_gelu(u)
dx = du @ w1.T
{REST}
""",
    alternatives={
        "einsum": """
        da = np.einsum("ne,fe->nf", g, w2)
        du = np.einsum("nf,nf->nf", da, slope_of_gelu(u))
        dx = np.einsum("nf,df->nd", du, w1)
        dw1, db1 = np.einsum("nd,nf->df", x, du), np.einsum("nf->f", du)
        dw2, db2 = np.einsum("nf,ne->fe", a, g), np.einsum("ne->e", g)
        """,
        "a row at a time": """
        dx, dw1, db1 = np.zeros_like(x), np.zeros_like(w1), np.zeros_like(b1)
        dw2, db2 = np.zeros_like(w2), np.zeros_like(b2)
        for row in range(len(x)):
            back = (w2 @ g[row]) * slope_of_gelu(u[row])
            dx[row] = w1 @ back
            dw1 += np.outer(x[row], back)
            db1 += back
            dw2 += np.outer(a[row], g[row])
            db2 += g[row]
        """,
        "biases as one more row of the weights": """
        one = np.ones((len(x), 1))
        dw2b = np.hstack([a, one]).T @ g
        dw2, db2 = dw2b[:-1].copy(), dw2b[-1].copy()
        du = (g @ w2.T) * slope_of_gelu(u)
        dw1b = np.hstack([x, one]).T @ du
        dw1, db1 = dw1b[:-1].copy(), dw1b[-1].copy()
        dx = du @ w1.T
        """,
    },
    mistakes=(
        Mistake(
            "The slope of gelu is taken at a, its output; it belongs at u, its input.",
            f"da = g @ w2.T\ndu = da * slope_of_gelu(a)\ndx = du @ w1.T\n{REST}",
        ),
        Mistake(
            "The slope of gelu is missing: line 2 is skipped on the way back.",
            f"da = g @ w2.T\ndu = da\ndx = du @ w1.T\n{REST}",
        ),
        Mistake(
            "gelu itself stands where its slope belongs.",
            f"da = g @ w2.T\ndu = da * gelu(u)\ndx = du @ w1.T\n{REST}",
        ),
        Mistake(
            "dw2 is made of u; what was multiplied by w2 is a.",
            f"da = g @ w2.T\ndu = da * slope_of_gelu(u)\ndx = du @ w1.T\n{REST}\ndw2 = u.T @ g",
        ),
        Mistake(
            "The gradients of the weights are averaged over the rows; they add up.",
            f"da = g @ w2.T\ndu = da * slope_of_gelu(u)\ndx = du @ w1.T\n{REST}\ndw1, dw2 = dw1 / len(x), dw2 / len(x)",
        ),
        Mistake(
            "dw1 and db1 are made of da: the slope of gelu is missing on the way to them.",
            f"da = g @ w2.T\ndu = da * slope_of_gelu(u)\ndx = du @ w1.T\n{REST}\ndw1, db1 = x.T @ da, da.sum(axis=0)",
        ),
    ),
    steps={"da": "what arrives at a: g w2ᵀ", "du": "what arrives at u: da times the slope of gelu at u"},
    hints=(
        "Which of the five gradients can you write without knowing anything about gelu?",
        "Line 3 is a linear layer: dw2 = aᵀ g, db2 = Σ g, da = g w2ᵀ. Line 2: du = da · slope at u. Line 1 is a linear "
        "layer with du as its upstream.",
        "du = (g @ w2.T) * slope_of_gelu(u); dx = du @ w1.T; dw1 = x.T @ du; db1 = du.sum(axis=0).",
    ),
    note="That is backpropagation: every op knows only its own derivative, and hands the result to the one before. The "
    "slope is always taken where forward was: at its input. The engine: FeedForward in minattn/nn/encoder_block.py, "
    "whose backward nobody had to write.",
    cases=cases,
    answers=("dx", "dw1", "db1", "dw2", "db2"),
)
