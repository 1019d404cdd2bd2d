"""Wrong backward passes of softmax, its logarithm, layer norm and element-wise functions."""

import math

import numpy as np

from .base import Group, rng_inputs, softmax

N = np.newaxis


def softmax_wrong(rule):
    return lambda g, x: rule(g, softmax(x))


SOFTMAX = Group(
    "softmax",
    softmax,
    lambda g, x: softmax(x) * (g - (g * softmax(x)).sum(-1, keepdims=True)),
    rng_inputs(6, (3, 4)),
    {
        "g p": ("treated_as_constant", 0, softmax_wrong(lambda g, p: g * p)),
        "g p (1 - p)": ("cross_terms_missing", 0, softmax_wrong(lambda g, p: g * p * (1 - p))),
        "over rows": ("wrong_axis", 0, softmax_wrong(lambda g, p: p * (g - (g * p).sum(0, keepdims=True)))),
        "over all": ("wrong_axis", 0, softmax_wrong(lambda g, p: p * (g - (g * p).sum()))),
        "plus": ("sign", 0, softmax_wrong(lambda g, p: p * (g + (g * p).sum(-1, keepdims=True)))),
        "x for p": ("wrong_variable", 0, lambda g, x: x * (g - (g * x).sum(-1, keepdims=True))),
        "mean": ("constant_factor", 0, softmax_wrong(lambda g, p: p * (g - (g * p).mean(-1, keepdims=True)))),
    },
)


def log_softmax(x):
    z = x - x.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


LOG_SOFTMAX = Group(
    "log-softmax",
    log_softmax,
    lambda g, x: g - softmax(x) * g.sum(-1, keepdims=True),
    rng_inputs(7, (2, 3, 4)),
    {
        "mean": ("constant_factor", 0, softmax_wrong(lambda g, p: g - p * g.mean(-1, keepdims=True))),
        "p alone": ("upstream_ignored", 0, softmax_wrong(lambda g, p: g - p)),
        "g": ("treated_as_constant", 0, softmax_wrong(lambda g, p: g.copy())),
        "plus": ("sign", 0, softmax_wrong(lambda g, p: g + p * g.sum(-1, keepdims=True))),
        "g (1 - p)": ("cross_terms_missing", 0, softmax_wrong(lambda g, p: g - g * p)),
    },
)


def normalise(x):
    c = x - x.mean(axis=-1, keepdims=True)
    r = 1 / np.sqrt((c * c).mean(axis=-1, keepdims=True) + 1e-5)
    return c * r, r


def layer_norm(x, gamma, beta):
    mean = x.mean(axis=-1, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    return gamma * (x - mean) / np.sqrt(var + 1e-5) + beta


def layer_norm_right(g, x, gamma, beta):
    n, r = normalise(x)
    dn = g * gamma
    dx = r * (dn - dn.mean(-1, keepdims=True) - n * (dn * n).mean(-1, keepdims=True))
    return dx, (g * n).sum(0), g.sum(0)


def layer_norm_dx(rule):
    return lambda g, x, gamma, beta: rule(g * gamma, *normalise(x))


def mean(x):
    return x.mean(-1, keepdims=True)


def layer_norm_x(rng, rows=3, width=5):
    return rng.normal(1, 2, (rows, width)), 1 + rng.normal(size=width), rng.normal(size=width)


LAYER_NORM = Group(
    "layer norm",
    layer_norm,
    layer_norm_right,
    layer_norm_x(np.random.default_rng(8)),
    {
        "no statistics": ("treated_as_constant", 0, layer_norm_dx(lambda dn, n, r: r * dn)),
        "no variance": ("treated_as_constant", 0, layer_norm_dx(lambda dn, n, r: r * (dn - mean(dn)))),
        "no mean": ("treated_as_constant", 0, layer_norm_dx(lambda dn, n, r: r * (dn - n * mean(dn * n)))),
        "gamma forgotten": (
            "wrong_place",
            0,
            lambda g, x, gamma, beta: layer_norm_right(g, x, np.ones_like(gamma), beta)[0],
        ),
        "x for n": ("wrong_variable", 1, lambda g, x, gamma, beta: (g * x).sum(0)),
        "every row": ("broadcast_not_summed", 1, lambda g, x, gamma, beta: g * normalise(x)[0]),
        "plus mean": ("sign", 0, layer_norm_dx(lambda dn, n, r: r * (dn + mean(dn) - n * mean(dn * n)))),
        "plus n": ("sign", 0, layer_norm_dx(lambda dn, n, r: r * (dn - mean(dn) + n * mean(dn * n)))),
        "sums": (
            "constant_factor",
            0,
            layer_norm_dx(lambda dn, n, r: r * (dn - 5 * mean(dn) - 5 * n * mean(dn * n))),
        ),
        "gamma for beta": ("wrong_place", 2, lambda g, x, gamma, beta: (g * gamma).sum(0)),
        "y for n": ("wrong_place", 1, lambda g, x, gamma, beta: (g * layer_norm(x, gamma, beta)).sum(0)),
    },
)
LAYER_NORM_SQUARE = Group(
    "square layer norm",
    layer_norm,
    layer_norm_right,
    layer_norm_x(np.random.default_rng(9), 5),
    {
        "sum over columns": ("wrong_axis", 1, lambda g, x, gamma, beta: (g * normalise(x)[0]).sum(1)),
        "means over rows": (
            "wrong_axis",
            0,
            layer_norm_dx(lambda dn, n, r: r * (dn - dn.mean(0) - n * (dn * n).mean(0))),
        ),
    },
)


def cdf(x):
    return 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def gelu_slope(x, three=3.0):
    t = 2 * cdf(x) - 1
    return cdf(x) + 0.5 * x * (1 - t * t) * math.sqrt(2 / math.pi) * (1 + three * 0.044715 * x * x)


GELU = Group(
    "gelu",
    lambda x: x * cdf(x),
    lambda g, x: g * gelu_slope(x),
    rng_inputs(12, (4, 5)),
    {
        "cdf alone": ("treated_as_constant", 0, lambda g, x: g * cdf(x)),
        "at the output": ("wrong_variable", 0, lambda g, x: g * gelu_slope(x * cdf(x))),
        "no 3": ("constant_factor", 0, lambda g, x: g * gelu_slope(x, 1.0)),
    },
)
RELU = Group(
    "relu",
    lambda x: np.maximum(x, 0),
    lambda g, x: g * (x > 0),
    rng_inputs(13, (4, 5)),
    {
        "mask of g": ("nonlinear_in_upstream", 0, lambda g, x: g * (g > 0)),
        "g": ("mask_leak", 0, lambda g, x: g.copy()),
    },
)
DROPOUT = Group(
    "dropout",
    lambda x, keep: x * keep / 0.75,
    lambda g, x, keep: (g * keep / 0.75, None),
    (np.random.default_rng(14).normal(size=(4, 5)), np.random.default_rng(14).random((4, 5)) > 0.25),
    {
        "no scale": ("constant_factor", 0, lambda g, x, keep: g * keep),
        "no mask": ("mask_leak", 0, lambda g, x, keep: g / 0.75),
    },
)

GROUPS = [value for value in list(globals().values()) if isinstance(value, Group)]
