"""Wrong backward passes of lookups, losses, residual connections and heads."""

import numpy as np

from .base import Group, one_hot, rng_inputs, softmax

N = np.newaxis


def log_softmax(x):
    z = x - x.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def gather_assign(g, ids, w):
    dw = np.zeros_like(w)
    dw[ids] = g
    return dw


def gather_right(g, ids, w):
    dw = np.zeros_like(w)
    np.add.at(dw, ids, g)
    return None, dw


EMBEDDING = Group(
    "embedding",
    lambda ids, w: w[ids],
    gather_right,
    (np.array([[1, 1, 4], [0, 1, 2]]), np.random.default_rng(15).normal(size=(6, 3))),
    {"dw[ids] = g": ("overwritten_not_accumulated", 1, gather_assign)},
)


def cross_entropy(x, y):
    counts = y >= 0
    each = -log_softmax(x)[np.arange(len(y)), np.where(counts, y, 0)]
    return (each * counts).sum() / counts.sum()


def cross_entropy_wrong(rule):
    def gradient(g, x, y):
        counts = (y >= 0)[:, N]
        return rule(g, softmax(x), one_hot(y, x.shape[1]), counts, counts.sum())

    return gradient


CROSS_ENTROPY = Group(
    "cross-entropy",
    cross_entropy,
    lambda g, x, y: (cross_entropy_wrong(lambda g, p, h, c, n: g * (p - h) * c / n)(g, x, y), None),
    (np.random.default_rng(16).normal(size=(6, 4)), np.array([0, 3, 2, -1, 1, 2])),
    {
        "not averaged": ("constant_factor", 0, cross_entropy_wrong(lambda g, p, h, c, n: g * (p - h) * c)),
        "no upstream": ("upstream_ignored", 0, cross_entropy_wrong(lambda g, p, h, c, n: (p - h) * c / n)),
        "padding too": ("mask_leak", 0, cross_entropy_wrong(lambda g, p, h, c, n: g * (p - h) / n)),
        "plus": ("sign", 0, cross_entropy_wrong(lambda g, p, h, c, n: g * (p + h) * c / n)),
        "p alone": ("missing_path", 0, cross_entropy_wrong(lambda g, p, h, c, n: g * p * c / n)),
    },
)
RESIDUAL = Group(
    "residual",
    lambda x, w: x + np.tanh(x @ w),
    lambda g, x, w: (g + (g * (1 - np.tanh(x @ w) ** 2)) @ w.T, x.T @ (g * (1 - np.tanh(x @ w) ** 2))),
    rng_inputs(17, (3, 4), (4, 4)),
    {
        "branch alone": ("missing_path", 0, lambda g, x, w: (g * (1 - np.tanh(x @ w) ** 2)) @ w.T),
        "shortcut alone": ("missing_path", 0, lambda g, x, w: g.copy()),
        "w without .T": ("missing_transpose", 0, lambda g, x, w: g + (g * (1 - np.tanh(x @ w) ** 2)) @ w),
        "slope of tanh forgotten": ("wrong_place", 1, lambda g, x, w: x.T @ g),
    },
)


def heads(x):
    b, t, d = x.shape
    return x.reshape(b, t, 2, d // 2).transpose(0, 2, 1, 3)


HEADS = Group(
    "heads",
    heads,
    lambda g, x: g.transpose(0, 2, 1, 3).reshape(x.shape),
    rng_inputs(18, (2, 3, 4)),
    {"reshape alone": ("missing_transpose", 0, lambda g, x: g.reshape(x.shape))},
)
LOGARITHM = Group(
    "x log x",
    lambda x: (x * np.log(np.where(x > 0, x, 1.0))).sum(axis=-1),
    lambda g, x: g[:, N] * np.where(x > 0, np.log(np.where(x > 0, x, 1.0)) + 1, 0),
    (np.abs(np.random.default_rng(19).normal(size=(3, 4))) * np.array([1, 1, 0, 1]),),
    {"log of 0": ("not_finite", 0, lambda g, x: g[:, N] * (np.log(x) + 1))},
)

GROUPS = [value for value in list(globals().values()) if isinstance(value, Group)]
