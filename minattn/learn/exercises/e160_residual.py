"""The residual path: the road on which gradients reach the first layers."""

import numpy as np

from ..exercise import Cases, Exercise, Mistake


def cases(rng: np.random.Generator) -> Cases:
    yield rng.normal(size=(3, 4)), rng.normal(size=(4, 4))
    yield rng.normal(size=(2, 3, 2)), rng.normal(size=(2, 2))


exercise = Exercise(
    title="Residual: the road that is always open",
    template='''
"""Residual: the road that is always open

x (…, D), w (D, D) -> y (…, D)

    1  u = x w
    2  c = tanh(u)                the change that the layer makes
    3  y = x + c                  added to what was there

x forks: one way leads through the layer, the other around it. dtanh(u)/du = 1 - tanh²(u).

Stack 50 layers without the way around, and the gradient is multiplied 50 times by slopes below 1: hardly any of it
arrives. With it, there is always a way on which nothing is multiplied at all.
"""

import numpy as np


def forward(x, w):
    return x + np.tanh(x @ w)


def backward(g, x, w):
    c = np.tanh(x @ w)
    # --- your part ---
    dx = ...
    dw = ...
    # --- end of your part ---
    return dx, dw
''',
    solution="""
du = g * (1 - c * c)
dx = g + du @ w.T
dw = x.reshape(-1, x.shape[-1]).T @ du.reshape(-1, x.shape[-1])
""",
    alternatives={
        "einsum": """
        du = g * (1 - c**2)
        dx = g + np.einsum("...o,io->...i", du, w)
        dw = np.einsum("ni,no->io", x.reshape(-1, len(w)), du.reshape(-1, len(w)))
        """,
        "the slope by cosh": """
        du = g / np.cosh(x @ w) ** 2
        dx = np.matmul(du, w.T)
        dx += g
        axes = tuple(range(x.ndim - 1))
        dw = np.tensordot(x, du, axes=(axes, axes))
        """,
        "the Jacobian of a token": """
        dx, dw = np.empty_like(x), np.zeros_like(w)
        for place in np.ndindex(x.shape[:-1]):
            slope = 1 - c[place] ** 2
            jacobian = np.eye(len(w)) + slope[:, None] * w.T  # dy_i/dx_j
            dx[place] = g[place] @ jacobian
            dw += np.outer(x[place], g[place] * slope)
        """,
    },
    mistakes=(
        Mistake(
            "The way around is missing: dx has only what came through the layer.",
            """
            du = g * (1 - c * c)
            dx = du @ w.T
            dw = x.reshape(-1, len(w)).T @ du.reshape(-1, len(w))
            """,
        ),
        Mistake(
            "The way through the layer is missing: dx is only what came around it.",
            """
            du = g * (1 - c * c)
            dx = g.copy()
            dw = x.reshape(-1, len(w)).T @ du.reshape(-1, len(w))
            """,
        ),
        Mistake(
            "The slope of tanh is missing: the gradient goes through the layer as if it were linear.",
            """
            du = g
            dx = g + du @ w.T
            dw = x.reshape(-1, len(w)).T @ du.reshape(-1, len(w))
            """,
        ),
        Mistake(
            "The slope is taken as 1 - c; it is 1 - c².",
            """
            du = g * (1 - c)
            dx = g + du @ w.T
            dw = x.reshape(-1, len(w)).T @ du.reshape(-1, len(w))
            """,
        ),
        Mistake(
            "w is not transposed on the way back: du_o reaches x_i by w_io, so it is du wᵀ.",
            """
            du = g * (1 - c * c)
            dx = g + du @ w
            dw = x.reshape(-1, len(w)).T @ du.reshape(-1, len(w))
            """,
        ),
        Mistake(
            "The gradient of the way around went through the slope of tanh too; it goes straight to x.",
            """
            du = g * (1 - c * c)
            dx = du + du @ w.T
            dw = x.reshape(-1, len(w)).T @ du.reshape(-1, len(w))
            """,
        ),
    ),
    steps={"du": "what arrives at u = x w: g times the slope of tanh"},
    hints=(
        "How many ways lead from y back to x?",
        "Around the layer comes g as it is. Through it: first the slope of tanh, 1 - c², which gives du; then the "
        "matrix product.",
        "du = g * (1 - c * c); dx = g + du @ w.T; dw is (rows of x).T @ (rows of du).",
    ),
    note="Gradients of deep networks arrive at all because of that plus sign. The engine: EncoderBlock.join in "
    "minattn/nn/encoder_block.py.",
    cases=cases,
    answers=("dx", "dw"),
)
