"""Wrong backward passes of matrix products, linear layers and attention."""

import math

import numpy as np

from .base import Group, rng_inputs, softmax

N = np.newaxis


def matmul_right(g, a, b):
    return g @ b.T, a.T @ g


MATMUL = Group(
    "matmul",
    lambda a, b: a @ b,
    matmul_right,
    rng_inputs(1, (3, 4), (4, 5)),
    {
        "minus": ("sign", 0, lambda g, a, b: -(g @ b.T)),
        "the other way round": ("transposed", 0, lambda g, a, b: b @ g.T),
        "averaged": ("constant_factor", 1, lambda g, a, b: a.T @ g / len(a)),
        "of ones": ("upstream_ignored", 0, lambda g, a, b: np.ones((3, 5)) @ b.T),
        "scalar": ("shape", 0, lambda g, a, b: (g @ b.T).sum()),
    },
)
SQUARE = Group(
    "square matmul",
    lambda a, b: a @ b,
    matmul_right,
    rng_inputs(2, (4, 4), (4, 4)),
    {
        "without .T": ("missing_transpose", 0, lambda g, a, b: g @ b),
        "without .T for b": ("missing_transpose", 1, lambda g, a, b: a @ g),
        "the other way round": ("transposed", 0, lambda g, a, b: b @ g.T),
        "element by element": ("elementwise_for_matmul", 0, lambda g, a, b: g * b),
        "exchanged *": ("swapped_arguments", 0, lambda g, a, b: (a.T @ g, g @ b.T)),
        "a for b": ("wrong_variable", 0, lambda g, a, b: g @ a.T),
    },
)
BATCHED = Group(
    "batched matmul",
    lambda a, b: a @ b,
    lambda g, a, b: (g @ b.T, np.einsum("bnk,bnm->km", a, g)),
    rng_inputs(3, (2, 3, 4), (4, 5)),
    {"a matrix a batch": ("broadcast_not_summed", 1, lambda g, a, b: a.swapaxes(1, 2) @ g)},
)


def linear_right(g, x, w, b):
    return g @ w, g.T @ x, g.reshape(-1, len(b)).sum(0)


def last_row(g, x, w, b):
    for row in g.reshape(-1, len(b)):
        db = row
    return db


LINEAR = Group(
    "linear",
    lambda x, w, b: x @ w.T + b,
    linear_right,
    rng_inputs(4, (6, 4), (5, 4), (5,)),
    {
        "every row": ("broadcast_not_summed", 2, lambda g, x, w, b: g),
        "last row": ("overwritten_not_accumulated", 2, last_row),
        "averaged": ("constant_factor", 2, lambda g, x, w, b: g.mean(0)),
        "x.T @ g": ("transposed", 1, lambda g, x, w, b: x.T @ g),
        "nothing": ("zero_gradient", 1, lambda g, x, w, b: np.zeros_like(w)),
    },
)
LINEAR_SQUARE = Group(
    "square linear",
    lambda x, w, b: x @ w.T + b,
    linear_right,
    rng_inputs(5, (5, 5), (5, 5), (5,)),
    {
        "sum over columns": ("wrong_axis", 2, lambda g, x, w, b: g.sum(1)),
        "g @ w.T": ("missing_transpose", 0, lambda g, x, w, b: g @ w.T),
        "weight from bias *": ("swapped_arguments", 0, lambda g, x, w, b: (g.T @ x, g @ w, g.sum(0))),
    },
)


def attention(q, k, v):
    s = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])
    return softmax(s) @ v


def causal_attention(q, k, v):
    s = q @ k.T / np.sqrt(q.shape[-1])
    s = np.where(np.tril(np.ones_like(s)) > 0, s, -1e9)
    return softmax(s) @ v


def attention_wrong(scores=lambda p, dp: p * (dp - (dp * p).sum(-1, keepdims=True)), causal=False, rule=None):
    def backward(g, q, k, v):
        t, scale = (lambda a: a.swapaxes(-1, -2)), 1 / math.sqrt(q.shape[-1])
        s = q @ t(k) * scale
        p = softmax(np.where(np.tril(np.ones(s.shape)) > 0, s, -1e9) if causal else s)
        ds = scores(p, g @ t(v)) * scale
        right = ds @ k, t(ds) @ q, t(p) @ g
        return rule(right, g, q, k, v, p, ds) if rule else right

    return backward


ATTENTION = Group(
    "attention",
    attention,
    attention_wrong(),
    rng_inputs(10, (2, 4, 5), (2, 4, 5), (2, 4, 3)),
    {
        "no scale *": (
            "constant_factor",
            0,
            attention_wrong(rule=lambda d, g, q, k, v, p, ds: (d[0] * 5**0.5, d[1] * 5**0.5, d[2])),
        ),
        "ds without .T *": (
            "missing_transpose",
            1,
            attention_wrong(rule=lambda d, g, q, k, v, p, ds: (d[0], ds @ q, d[2])),
        ),
        "p without .T *": (
            "missing_transpose",
            2,
            attention_wrong(rule=lambda d, g, q, k, v, p, ds: (d[0], d[1], p @ g)),
        ),
        "p dp *": ("treated_as_constant", 0, attention_wrong(lambda p, dp: p * dp)),
        "diagonal of softmax *": ("cross_terms_missing", 0, attention_wrong(lambda p, dp: p * dp * (1 - p))),
        "plus *": ("sign", 1, attention_wrong(lambda p, dp: p * (dp + (dp * p).sum(-1, keepdims=True)))),
        "softmax over queries *": (
            "wrong_axis",
            0,
            attention_wrong(lambda p, dp: p * (dp - (dp * p).sum(-2, keepdims=True))),
        ),
        "dk and dq *": (
            "swapped_arguments",
            0,
            attention_wrong(rule=lambda d, g, q, k, v, p, ds: (d[1], d[0], d[2])),
        ),
        "k for q *": (
            "wrong_variable",
            1,
            attention_wrong(rule=lambda d, g, q, k, v, p, ds: (d[0], ds.swapaxes(1, 2) @ k, d[2])),
        ),
        "no dv *": ("zero_gradient", 2, attention_wrong(rule=lambda d, g, q, k, v, p, ds: (*d[:2], 0 * v))),
    },
)
CAUSAL = Group(
    "causal attention",
    causal_attention,
    attention_wrong(causal=True),
    rng_inputs(11, (4, 5), (4, 5), (4, 3)),
    {
        "mask forgotten *": ("mask_leak", 0, attention_wrong()),
        "mask forgotten for v *": ("mask_leak", 2, attention_wrong()),
    },
)

GROUPS = [value for value in list(globals().values()) if isinstance(value, Group)]
