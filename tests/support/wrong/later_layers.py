"""Wrong backward passes of multi-head attention, instance norm and a two-layer net."""

import math

import numpy as np

from .base import Group, rng_inputs, softmax

N = np.newaxis


R = np.random.default_rng


def sig(x):
    return 1 / (1 + np.exp(-x))


# temperature softmax


MASK = np.where(np.tril(np.ones((4, 4))) > 0, 0.0, -1e9)


def att(x, wq, wk, wv):
    q, k, v = (np.einsum("btd,dhe->bhte", x, w) for w in (wq, wk, wv))
    s = np.einsum("bhte,bhse->bhts", q, k) / math.sqrt(q.shape[-1]) + MASK
    return np.einsum("bhts,bhse->bthe", softmax(s), v)


def att_b(mask=True, scale=True, soft="full", parts=(1, 1, 1), perm=False):
    def b(g, x, wq, wk, wv):
        q, k, v = (np.einsum("btd,dhe->bhte", x, w) for w in (wq, wk, wv))
        c = 1 / math.sqrt(q.shape[-1])
        p = softmax(np.einsum("bhte,bhse->bhts", q, k) * c + (MASK if mask else 0))
        g = g.transpose(0, 2, 1, 3)
        dv = np.einsum("bhts,bhte->bhse", p, g)
        dp = np.einsum("bhte,bhse->bhts", g, v)
        ds = {
            "full": p * (dp - (dp * p).sum(-1, keepdims=True)),
            "const": p * dp,
            "diag": p * (1 - p) * dp,
            "axis": p * (dp - (dp * p).sum(-2, keepdims=True)),
        }[soft] * (c if scale else 1)
        dq = np.einsum("bhts,bhse->bhte", ds, k)
        dk = np.einsum("bhts,bhte->bhse", ds, q)
        if perm:
            dk = np.einsum("bhts,bhse->bhte", ds, q)
        dx = sum(
            z * np.einsum("bhte,dhe->btd", d, w) for z, d, w in zip(parts, (dq, dk, dv), (wq, wk, wv), strict=True)
        )
        return dx, *(np.einsum("btd,bhte->dhe", x, d) for d in (dq, dk, dv))

    return b


ATT = Group(
    "multi-head",
    att,
    att_b(),
    rng_inputs(12, (2, 4, 3), (3, 2, 2), (3, 2, 2), (3, 2, 2)),
    {
        "no mask *": ("mask_leak", 0, att_b(mask=False)),
        "no scale *": ("constant_factor", 1, att_b(scale=False)),
        "const *": ("treated_as_constant", 1, att_b(soft="const")),
        "diag *": ("cross_terms_missing", 1, att_b(soft="diag")),
        "axis *": ("wrong_axis", 1, att_b(soft="axis")),
        "no v path *": ("missing_path", 0, att_b(parts=(1, 1, 0))),
        "no q path *": ("missing_path", 0, att_b(parts=(0, 1, 1))),
        "dk *": ("missing_transpose", 2, att_b(perm=True)),
    },
)


# KL / logistic
def logistic(x, y):
    return np.mean(np.log1p(np.exp(-y * x)))


LOGI = Group(
    "logistic",
    logistic,
    lambda g, x, y: (-g * y * sig(-y * x) / x.size, None),
    (R(13).normal(size=6), np.where(R(14).random(6) > 0.5, 1.0, -1.0).astype(int)),
    {
        "plus": ("sign", 0, lambda g, x, y: g * y * sig(-y * x) / x.size),
        "sig(yx)": ("wrong_variable", 0, lambda g, x, y: -g * y * sig(y * x) / x.size),
        "g out": ("upstream_ignored", 0, lambda g, x, y: -y * sig(-y * x) / x.size),
    },
)


# group/instance norm over (T) per (b,c)
def inorm(x, s):
    m = x.mean(axis=1, keepdims=True)
    v = ((x - m) ** 2).mean(axis=1, keepdims=True)
    return s * (x - m) / np.sqrt(v + 1e-5)


def inorm_b(g, x, s, rule=None):
    m = x.mean(axis=1, keepdims=True)
    sd = np.sqrt(((x - m) ** 2).mean(axis=1, keepdims=True) + 1e-5)
    n = (x - m) / sd
    d = g * s
    dx = (d - d.mean(1, keepdims=True) - n * (d * n).mean(1, keepdims=True)) / sd if rule is None else rule(d, n, sd)
    return dx, (g * n).sum((0, 1))


INORM = Group(
    "instance norm",
    inorm,
    inorm_b,
    (R(15).normal(size=(2, 5, 3)), R(16).normal(size=3) + 1),
    {
        "const var": (
            "treated_as_constant",
            0,
            lambda g, x, s: inorm_b(g, x, s, lambda d, n, sd: (d - d.mean(1, keepdims=True)) / sd)[0],
        ),
        "axis": (
            "wrong_axis",
            0,
            lambda g, x, s: inorm_b(
                g, x, s, lambda d, n, sd: (d - d.mean(2, keepdims=True) - n * (d * n).mean(2, keepdims=True)) / sd
            )[0],
        ),
        "ds per batch": ("broadcast_not_summed", 1, lambda g, x, s: (g * inorm(x, np.ones(3))).sum(1)),
        "gain": ("wrong_place", 0, lambda g, x, s: inorm_b(g, x, np.ones(3))[0]),
        "n out": ("wrong_variable", 1, lambda g, x, s: (g * (x - x.mean(1, keepdims=True))).sum((0, 1))),
        "no sd": (
            "wrong_variable",
            0,
            lambda g, x, s: inorm_b(
                g, x, s, lambda d, n, sd: d - d.mean(1, keepdims=True) - n * (d * n).mean(1, keepdims=True)
            )[0],
        ),
    },
)


# mlp two layers
def mlp(x, a, b):
    return np.maximum(x @ a, 0) @ b


def mlp_b(mask=True, t=True):
    def f(g, x, a, b):
        h = x @ a
        dh = g @ (b.T if t else b)
        if mask:
            dh = dh * (h > 0)
        return dh @ a.T, x.T @ dh, np.maximum(h, 0).T @ g

    return f


MLP = Group(
    "mlp",
    mlp,
    mlp_b(),
    rng_inputs(17, (3, 4), (4, 5), (5, 5)),
    {
        "no relu *": ("mask_leak", 0, mlp_b(mask=False)),
        "b no T *": ("missing_transpose", 1, mlp_b(t=False)),
        "pre relu": ("wrong_variable", 2, lambda g, x, a, b: (x @ a).T @ g),
        "x for h": ("shape", 2, lambda g, x, a, b: x.T @ g),
        "elementwise": ("not_finite", 0, lambda g, x, a, b: mlp_b()(g, x, a, b)[0] / 0.0),
    },
)
# roll / shift / pad
SHIFT = Group(
    "shift",
    lambda x: np.concatenate([np.zeros_like(x[:, :1]), x[:, :-1]], axis=1),
    lambda g, x: np.concatenate([g[:, 1:], np.zeros_like(g[:, :1])], axis=1),
    rng_inputs(18, (2, 5)),
    {
        "again": ("missing_transpose", 0, lambda g, x: np.concatenate([np.zeros_like(g[:, :1]), g[:, :-1]], axis=1)),
        "g": ("wrong_variable", 0, lambda g, x: g.copy()),
    },
)
# norm loss
NORM = Group(
    "frobenius",
    lambda x: np.sqrt((x**2).sum()),
    lambda g, x: g * x / np.sqrt((x**2).sum()),
    rng_inputs(19, (3, 4)),
    {
        "2x": ("wrong_variable", 0, lambda g, x: g * 2 * x),
        "2": ("constant_factor", 0, lambda g, x: g * 2 * x / np.sqrt((x**2).sum())),
        "g g": ("nonlinear_in_upstream", 0, lambda g, x: g * g * x / np.sqrt((x**2).sum())),
    },
)

GROUPS = [value for value in list(globals().values()) if isinstance(value, Group)]
