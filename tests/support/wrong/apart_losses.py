"""Wrong backward passes of losses, tied weights, batch norm, joins and powers."""

import math

import numpy as np

from .base import Group, rng_inputs, softmax

N = np.newaxis


def positive(seed, *shapes):
    return tuple(0.3 + np.abs(x) for x in rng_inputs(seed, *shapes))


def huber(p, t):
    r = p - t
    return np.where(np.abs(r) < 1, 0.5 * r * r, np.abs(r) - 0.5).mean()


HUBER = Group(
    "Huber",
    huber,
    lambda g, p, t: (g * np.clip(p - t, -1, 1) / p.size, -g * np.clip(p - t, -1, 1) / p.size),
    rng_inputs(48, (3, 4), (3, 4)),
    {
        "not cut off": ("mask_leak", 0, lambda g, p, t: g * (p - t) / p.size),
        "sign of the tails": (
            "sign",
            0,
            lambda g, p, t: g * np.where(np.abs(p - t) < 1, p - t, -np.sign(p - t)) / p.size,
        ),
        "not averaged": ("constant_factor", 0, lambda g, p, t: g * np.clip(p - t, -1, 1)),
        "target like prediction": ("sign", 1, lambda g, p, t: g * np.clip(p - t, -1, 1) / p.size),
    },
)


def tied(x, e):
    return np.tanh(x @ e) @ e.T


def tied_de(first, second):
    def gradient(g, x, e):
        h = np.tanh(x @ e)
        return first * (x.T @ ((g @ e) * (1 - h * h))) + second * (g.T @ h)

    return gradient


TIED = Group(
    "tied weights",
    tied,
    lambda g, x, e: (((g @ e) * (1 - np.tanh(x @ e) ** 2)) @ e.T, tied_de(1, 1)(g, x, e)),
    rng_inputs(49, (3, 6), (6, 4)),
    {
        "output alone": ("missing_path", 1, tied_de(0, 1)),
        "input alone": ("missing_path", 1, tied_de(1, 0)),
        "nothing": ("zero_gradient", 1, lambda g, x, e: 0 * e),
    },
)


def batch_norm(x):
    c = x - x.mean(axis=0)
    return c / np.sqrt((c * c).mean(axis=0) + 1e-5)


def batch_norm_dx(rule):
    return lambda g, x: rule(g, batch_norm(x), np.sqrt(x.var(0) + 1e-5))


BATCH_NORM = Group(
    "batch norm",
    batch_norm,
    batch_norm_dx(lambda g, n, s: (g - g.mean(0) - n * (g * n).mean(0)) / s),
    rng_inputs(50, (5, 4)),
    {
        "statistics constant": ("treated_as_constant", 0, batch_norm_dx(lambda g, n, s: g / s)),
        "means over features": (
            "wrong_axis",
            0,
            batch_norm_dx(lambda g, n, s: (g - g.mean(1, keepdims=True) - n * (g * n).mean(1, keepdims=True)) / s),
        ),
        "variance constant": ("treated_as_constant", 0, batch_norm_dx(lambda g, n, s: (g - g.mean(0)) / s)),
    },
)
SPLIT = Group(
    "concatenate",
    lambda a, b: np.concatenate([a, b], axis=1),
    lambda g, a, b: (g[:, :3], g[:, 3:]),
    rng_inputs(51, (2, 3), (2, 3)),
    {"exchanged *": ("swapped_arguments", 0, lambda g, a, b: (g[:, 3:], g[:, :3]))},
)
WHERE = Group(
    "where",
    lambda mask, a, b: np.where(mask, a, b),
    lambda g, mask, a, b: (None, g * mask, g * ~mask),
    (np.random.default_rng(52).random((3, 4)) > 0.5, *rng_inputs(52, (3, 4), (3, 4))),
    {
        "to both": ("mask_leak", 1, lambda g, mask, a, b: g.copy()),
        "exchanged *": ("swapped_arguments", 1, lambda g, mask, a, b: (None, g * ~mask, g * mask)),
    },
)
POWER = Group(
    "cube",
    lambda x: x**3,
    lambda g, x: g * 3 * x**2,
    rng_inputs(53, (3, 4)),
    {
        "no 3": ("constant_factor", 0, lambda g, x: g * x**2),
        "x³": ("wrong_variable", 0, lambda g, x: g * 3 * x**3),
    },
)
LOG = Group(
    "log",
    np.log,
    lambda g, x: g / x,
    positive(54, (3, 4)),
    {
        "g / y": ("wrong_variable", 0, lambda g, x: g / np.log(x)),
        "of x - x": ("not_finite", 0, lambda g, x: g / (x - x)),
    },
)
LOSS = Group(
    "squared error",
    lambda p, t: ((p - t) ** 2).mean(),
    lambda g, p, t: (g * 2 * (p - t) / p.size, -g * 2 * (p - t) / p.size),
    rng_inputs(55, (3, 4), (3, 4)),
    {
        "no 2": ("constant_factor", 0, lambda g, p, t: g * (p - t) / p.size),
        "no upstream *": ("upstream_ignored", 0, lambda g, p, t: (2 * (p - t) / p.size, -2 * (p - t) / p.size)),
        "target like prediction": ("sign", 1, lambda g, p, t: g * 2 * (p - t) / p.size),
    },
)
BILINEAR = Group(
    "bilinear",
    lambda x, a, y: np.einsum("bi,ij,bj->b", x, a, y),
    lambda g, x, a, y: (g[:, N] * (y @ a.T), np.einsum("b,bi,bj->ij", g, x, y), g[:, N] * (x @ a)),
    rng_inputs(56, (3, 4), (4, 4), (3, 4)),
    {
        "y x": ("transposed", 1, lambda g, x, a, y: np.einsum("b,bi,bj->ji", g, x, y)),
        "a without .T": ("missing_transpose", 0, lambda g, x, a, y: g[:, N] * (y @ a)),
        "x and y exchanged *": (
            "swapped_arguments",
            0,
            lambda g, x, a, y: (g[:, N] * (x @ a), np.einsum("b,bi,bj->ij", g, x, y), g[:, N] * (y @ a.T)),
        ),
    },
)


def cross_attention(x, memory, w):
    s = (x @ w) @ memory.T / math.sqrt(memory.shape[1])
    return softmax(s) @ memory


def memory_gradient(keys, values):
    def gradient(g, x, memory, w):
        q, scale = x @ w, 1 / math.sqrt(memory.shape[1])
        p = softmax(q @ memory.T * scale)
        dp = g @ memory.T
        ds = p * (dp - (dp * p).sum(-1, keepdims=True)) * scale
        return keys * (ds.T @ q) + values * (p.T @ g)

    return gradient


MEMORY = Group(
    "attention to a memory",
    cross_attention,
    lambda g, x, memory, w: (0 * x, memory_gradient(1, 1)(g, x, memory, w), 0 * w),
    rng_inputs(57, (3, 5), (4, 6), (5, 6)),
    {
        "values alone": ("missing_path", 1, memory_gradient(0, 1)),
        "keys alone": ("missing_path", 1, memory_gradient(1, 0)),
        "no scale": ("constant_factor", 1, memory_gradient(math.sqrt(6), 1)),
    },
)
CUMULATIVE = Group(
    "running sum",
    lambda x: np.cumsum(x, axis=1),
    lambda g, x: np.cumsum(g[:, ::-1], axis=1)[:, ::-1],
    rng_inputs(58, (2, 5)),
    {"forwards": ("missing_transpose", 0, lambda g, x: np.cumsum(g, axis=1))},
)

GROUPS = [value for value in list(globals().values()) if isinstance(value, Group)]
