"""Wrong backward passes of temperature, cosine similarity, pooling, hinge loss and a gated cell."""

import numpy as np

from .base import Group, rng_inputs, softmax

N = np.newaxis


R = np.random.default_rng


def sig(x):
    return 1 / (1 + np.exp(-x))


# temperature softmax
def tsoft(x, t):
    return softmax(x / t)


def tsoft_b(g, x, t):
    p = softmax(x / t)
    dz = p * (g - (g * p).sum(-1, keepdims=True))
    return dz / t, np.array(-(dz * x).sum() / t**2)


TEMP = Group(
    "temperature",
    tsoft,
    tsoft_b,
    (R(1).normal(size=(3, 4)), np.array(1.7)),
    {
        "no 1/t": ("wrong_place", 0, lambda g, x, t: tsoft_b(g, x, t)[0] * t),
        "dt minus": ("sign", 1, lambda g, x, t: -tsoft_b(g, x, t)[1]),
        "t constant": ("zero_gradient", 1, lambda g, x, t: np.zeros(())),
        "dt not summed": (
            "broadcast_not_summed",
            1,
            lambda g, x, t: -(lambda p: p * (g - (g * p).sum(-1, keepdims=True)))(softmax(x / t)) * x / t**2,
        ),
    },
)
# leaky relu
LEAKY = Group(
    "leaky",
    lambda x: np.where(x > 0, x, 0.1 * x),
    lambda g, x: g * np.where(x > 0, 1, 0.1),
    rng_inputs(2, (3, 5)),
    {
        "sign of slope": ("sign", 0, lambda g, x: g * np.where(x > 0, 1, -0.1)),
        "of g": ("nonlinear_in_upstream", 0, lambda g, x: np.where(g > 0, g, 0.1 * g)),
    },
)
# softplus
SOFTPLUS = Group(
    "softplus",
    lambda x: np.log(1 + np.exp(x)),
    lambda g, x: g * sig(x),
    rng_inputs(3, (3, 5)),
    {
        "tanh": ("wrong_variable", 0, lambda g, x: g * np.tanh(x)),
        "no g": ("upstream_ignored", 0, lambda g, x: sig(x)),
        "exp": ("treated_as_constant", 0, lambda g, x: g * np.exp(x)),
    },
)


# cosine similarity
def cos(a, b):
    return (a * b).sum(-1) / (np.sqrt((a * a).sum(-1)) * np.sqrt((b * b).sum(-1)))


def cos_b(g, a, b):
    na, nb = np.sqrt((a * a).sum(-1, keepdims=True)), np.sqrt((b * b).sum(-1, keepdims=True))
    c = cos(a, b)[:, N]
    g = g[:, N]
    return g * (b / (na * nb) - c * a / na**2), g * (a / (na * nb) - c * b / nb**2)


def cos_w(rule):
    def f(g, a, b):
        na, nb = np.sqrt((a * a).sum(-1, keepdims=True)), np.sqrt((b * b).sum(-1, keepdims=True))
        c = cos(a, b)[:, N]
        return rule(g[:, N], a, b, na, nb, c)

    return f


COS = Group(
    "cosine",
    cos,
    cos_b,
    rng_inputs(4, (3, 4), (3, 4)),
    {
        "norm constant": ("treated_as_constant", 0, cos_w(lambda g, a, b, na, nb, c: g * b / (na * nb))),
        "plus": ("sign", 0, cos_w(lambda g, a, b, na, nb, c: g * (b / (na * nb) + c * a / na**2))),
        "swapped *": ("swapped_arguments", 0, lambda g, a, b: cos_b(g, a, b)[::-1]),
        "b norm": ("wrong_variable", 0, cos_w(lambda g, a, b, na, nb, c: g * (b / (na * nb) - c * a / nb**2))),
    },
)


# avg pool loops
def pool(x):
    out = np.zeros((x.shape[0], x.shape[1] // 2))
    for i in range(out.shape[1]):
        out[:, i] = x[:, 2 * i : 2 * i + 2].mean(axis=1)
    return out


POOL = Group(
    "average pool",
    pool,
    lambda g, x: np.repeat(g, 2, 1) / 2,
    rng_inputs(5, (3, 6)),
    {
        "not halved": ("constant_factor", 0, lambda g, x: np.repeat(g, 2, 1)),
        "tiled": ("wrong_axis", 0, lambda g, x: np.tile(g, (1, 2)) / 2),
        "one of two": ("overwritten_not_accumulated", 0, lambda g, x: np.stack([0 * g, g / 2], 2).reshape(x.shape)),
    },
)


def maxpool(x):
    return np.stack([x[:, 2 * i : 2 * i + 2].max(axis=1) for i in range(x.shape[1] // 2)], axis=1)


MAXPOOL = Group(
    "max pool",
    maxpool,
    lambda g, x: np.repeat(g, 2, 1) * (x == np.repeat(maxpool(x), 2, 1)),
    rng_inputs(6, (3, 6)),
    {
        "to both": ("mask_leak", 0, lambda g, x: np.repeat(g, 2, 1)),
    },
)


# embedding bag mean
def bag(ids, w):
    return w[ids].mean(axis=1)


def bag_b(g, ids, w):
    dw = np.zeros_like(w)
    np.add.at(dw, ids, np.repeat(g[:, N], ids.shape[1], 1) / ids.shape[1])
    return None, dw


def bag_o(g, ids, w):
    dw = np.zeros_like(w)
    dw[ids] += np.repeat(g[:, N], ids.shape[1], 1) / ids.shape[1]
    return dw


BAG = Group(
    "embedding bag",
    bag,
    bag_b,
    (np.array([[0, 2, 2], [2, 3, 1]]), R(7).normal(size=(5, 3))),
    {
        "dw[ids] +=": ("overwritten_not_accumulated", 1, bag_o),
        "no mean": ("constant_factor", 1, lambda g, ids, w: 3 * bag_b(g, ids, w)[1]),
    },
)


# hinge
def hinge(s, y):
    return np.maximum(0, 1 - y * s).mean()


HINGE = Group(
    "hinge",
    hinge,
    lambda g, s, y: (g * np.where(1 - y * s > 0, -y, 0) / s.size, None),
    (R(8).normal(size=8) * 1.5, np.where(R(9).random(8) > 0.5, 1, -1)),
    {
        "all": ("mask_leak", 0, lambda g, s, y: -g * y / s.size),
        "plus": ("sign", 0, lambda g, s, y: g * np.where(1 - y * s > 0, y, 0) / s.size),
        "sum": ("constant_factor", 0, lambda g, s, y: g * np.where(1 - y * s > 0, -y, 0)),
    },
)


# LSTM-like cell
def cell(x, h, w):
    z = np.concatenate([x, h], axis=1) @ w
    i, f, o = np.split(z, 3, axis=1)
    return sig(f) * h + sig(i) * np.tanh(o)


def cell_b(drop=False, cat=False, slope=True):
    def b(g, x, h, w):
        u = np.concatenate([x, h], axis=1)
        z = u @ w
        i, f, o = np.split(z, 3, axis=1)
        si, sf, to = sig(i), sig(f), np.tanh(o)
        dz = np.concatenate(
            [g * to * si * (1 - si), g * h * sf * (1 - sf), g * si * ((1 - to**2) if slope else 1)], axis=1
        )
        du = dz @ w.T
        dh = du[:, x.shape[1] :] + (0 if drop else g * sf)
        return du[:, : x.shape[1]], dh, u.T @ dz

    return b


CELL = Group(
    "cell",
    cell,
    cell_b(),
    rng_inputs(10, (2, 3), (2, 4), (7, 12)),
    {
        "dh path": ("missing_path", 1, lambda g, x, h, w: cell_b(drop=True)(g, x, h, w)[1]),
        "dh direct only": (
            "missing_path",
            1,
            lambda g, x, h, w: g * sig(np.split(np.concatenate([x, h], 1) @ w, 3, axis=1)[1]),
        ),
        "no slope *": ("wrong_place", 2, cell_b(slope=False)),
        "dw T": ("transposed", 2, lambda g, x, h, w: cell_b()(g, x, h, w)[2].T),
    },
)


# masked mean pooling
def mpool(x, m):
    return (x * m[:, :, N]).sum(1) / m.sum(1)[:, N]


M = np.array([[1.0, 1, 0, 0], [1, 1, 1, 0]])


def mp_b(g, x, m):
    return g[:, N] * m[:, :, N] / m.sum(1)[:, N, N], None


MP = Group(
    "masked mean",
    lambda x: mpool(x, M),
    lambda g, x: mp_b(g, x, M)[0],
    (R(11).normal(size=(2, 4, 3)),),
    {
        "all": ("mask_leak", 0, lambda g, x: np.repeat(g[:, N], 4, 1) / M.sum(1)[:, N, N]),
        "T": ("constant_factor", 0, lambda g, x: g[:, N] * M[:, :, N]),
    },
)
# attention with bias and additive mask and helper, heads einsum

GROUPS = [value for value in list(globals().values()) if isinstance(value, Group)]
