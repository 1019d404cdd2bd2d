"""Backward passes as learners write them, each with a slip, and what is to be said of it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class LearnersMistake(NamedTuple):
    """forward, the wrong backward, its inputs; about: the arguments of the finding; words: what its sentence says."""

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    inputs: list[Any]
    about: str
    kind: str
    words: str


def normal(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape)


def softmax(s):
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def layer(x, w):
    return np.tanh(x @ w)


def layer_neighbours_slope(g, x, w):
    t = np.tanh(x @ w)
    ds = g * (1 - t)
    return ds @ w.T, x.T @ ds


def layer_product_exchanged(g, x, w):
    t = np.tanh(x @ w)
    ds = g * (1 - t**2)
    return ds @ w, x.T @ ds


def two_layers(x, w1, b1, w2):
    h = np.maximum(x @ w1 + b1, 0)
    return h @ w2


def two_layers_without_relu(g, x, w1, b1, w2):
    h = np.maximum(x @ w1 + b1, 0)
    dh = g @ w2.T
    return dh @ w1.T, x.T @ dh, dh.sum(axis=0), h.T @ g


def recurrent(x, h0, wx, wh):
    h, hs = h0, []
    for t in range(len(x)):
        h = np.tanh(x[t] @ wx + h @ wh)
        hs.append(h)
    return np.stack(hs)


def states(x, h0, wx, wh):
    hs = [h0]
    for t in range(len(x)):
        hs.append(np.tanh(x[t] @ wx + hs[-1] @ wh))
    return hs


def recurrent_without_carry(g, x, h0, wx, wh):
    hs = states(x, h0, wx, wh)
    dx, dwx, dwh = np.zeros_like(x), np.zeros_like(wx), np.zeros_like(wh)
    for t in reversed(range(len(x))):
        dz = g[t] * (1 - hs[t + 1] ** 2)
        dx[t] = dz @ wx.T
        dwx += np.outer(x[t], dz)
        dwh += np.outer(hs[t], dz)
    return dx, dz @ wh.T, dwx, dwh


def recurrent_with_later_state(g, x, h0, wx, wh):
    hs = states(x, h0, wx, wh)
    dx, dwx, dwh, carry = np.zeros_like(x), np.zeros_like(wx), np.zeros_like(wh), 0
    for t in reversed(range(len(x))):
        dz = (g[t] + carry) * (1 - hs[t + 1] ** 2)
        dx[t] = dz @ wx.T
        dwx += np.outer(x[t], dz)
        dwh += np.outer(hs[t + 1], dz)
        carry = dz @ wh.T
    return dx, carry, dwx, dwh


def recurrent_upstream_of_the_last(g, x, h0, wx, wh):
    hs = states(x, h0, wx, wh)
    dx, dwx, dwh, carry = np.zeros_like(x), np.zeros_like(wx), np.zeros_like(wh), g[-1]
    for t in reversed(range(len(x))):
        dz = carry * (1 - hs[t + 1] ** 2)
        dx[t] = dz @ wx.T
        dwx += np.outer(x[t], dz)
        dwh += np.outer(hs[t], dz)
        carry = dz @ wh.T
    return dx, carry, dwx, dwh


def attention(q, k, v):
    return softmax(q @ k.T / np.sqrt(q.shape[1])) @ v


def attention_scale_forgotten_in_dk(g, q, k, v):
    p = softmax(q @ k.T / np.sqrt(q.shape[1]))
    dp = g @ v.T
    ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True))
    return ds @ k / np.sqrt(q.shape[1]), ds.T @ q, p.T @ g


def attention_sum_along_the_wrong_axis(g, q, k, v):
    p = softmax(q @ k.T / np.sqrt(q.shape[1]))
    dp = g @ v.T
    ds = p * (dp - (dp * p).sum(axis=0, keepdims=True)) / np.sqrt(q.shape[1])
    return ds @ k, ds.T @ q, p.T @ g


def rows_in_a_loop(x, w):
    return np.stack([row @ w for row in x])


def rows_overwritten(g, x, w):
    for i in range(len(x)):
        dw = np.outer(x[i], g[i])
    return g @ w.T, dw


def scaled(x, gain, shift):
    return x * gain + shift


def scaled_changed_in_place(g, x, gain, shift):
    dx = g
    dgain = (g * x).sum(axis=0)
    dx *= gain
    return dx.copy(), dgain, g.sum(axis=0)


def joined(a, b):
    return np.concatenate([np.sin(a), b * b], axis=1)


def joined_exchanged(g, a, b):
    n = a.shape[1]
    return g[:, n:] * np.cos(a), 2 * b * g[:, :n]


def mean_of_squares(x):
    return (x * x).mean(axis=0)


def mean_of_squares_as_a_sum(g, x):
    return 2 * x * g


def root(x):
    return np.sqrt(x * x + 0.3)


def root_as_it_was(g, x):
    return g * x / (x * x + 0.3)


def picked(x, ids):
    return x[ids] * 2


def picked_assigned(g, x, ids):
    dx = np.zeros_like(x)
    dx[ids] = 2 * g
    return dx, None


def where_it_is_large(x):
    return np.where(x > 0.3, x**3, np.exp(x))


def where_it_is_small(g, x):
    return g * np.where(x < 0.3, 3 * x**2, np.exp(x))


def variance(x):
    return ((x - x.mean(axis=-1, keepdims=True)) ** 2 / (x.shape[-1] - 1)).sum(axis=-1)


def variance_of_the_whole(g, x):
    return 2 * (x - x.mean(axis=-1, keepdims=True)) / x.shape[-1] * g[:, None]


RECURRENT = [normal(4, 3), normal(2), normal(3, 2), normal(2, 2)]
MISTAKES = {
    "a neighbour's slope": LearnersMistake(
        layer, layer_neighbours_slope, [normal(3, 4), normal(4, 5)], "x and w", "wrong_variable", "`1 - t` stands where"
    ),
    "not transposed": LearnersMistake(
        layer,
        layer_product_exchanged,
        [normal(3, 4), normal(4, 4)],
        "x",
        "missing_transpose",
        "`w` is to be transposed",
    ),
    "no mask of relu": LearnersMistake(
        two_layers,
        two_layers_without_relu,
        [normal(3, 4), normal(4, 5), normal(5), normal(5, 2)],
        "x and w1 and b1",
        "mask_leak",
        "the slope of `np.maximum(x @ w1 + b1, 0)`",
    ),
    "no carry": LearnersMistake(
        recurrent,
        recurrent_without_carry,
        RECURRENT,
        "x and h0 and wx and wh",
        "overwritten_not_accumulated",
        "the first time alone is kept",
    ),
    "a later state": LearnersMistake(
        recurrent, recurrent_with_later_state, RECURRENT, "wh", "wrong_variable", "`hs[t + 1]`"
    ),
    "the last upstream alone": LearnersMistake(
        recurrent,
        recurrent_upstream_of_the_last,
        RECURRENT,
        "x and h0 and wx and wh",
        "missing_path",
        "goes back to its last part alone",
    ),
    "a scale forgotten": LearnersMistake(
        attention,
        attention_scale_forgotten_in_dk,
        [normal(3, 4), normal(5, 4), normal(5, 2)],
        "k",
        "constant_factor",
        "1/√4, where 4 is the length of axis 1 of q",
    ),
    "another axis": LearnersMistake(
        attention,
        attention_sum_along_the_wrong_axis,
        [normal(3, 4), normal(3, 4), normal(3, 2)],
        "q and k",
        "wrong_axis",
        "the sum is to run along axis 1",
    ),
    "overwritten in a loop": LearnersMistake(
        rows_in_a_loop,
        rows_overwritten,
        [normal(3, 4), normal(4, 2)],
        "w",
        "overwritten_not_accumulated",
        "+= belongs there",
    ),
    "changed in place": LearnersMistake(
        scaled,
        scaled_changed_in_place,
        [normal(3, 4), normal(4), normal(4)],
        "shift",
        "wrong_variable",
        "has been changed in place by `dx *= gain`",
    ),
    "a sum as a mean": LearnersMistake(
        mean_of_squares,
        mean_of_squares_as_a_sum,
        [normal(4, 6)],
        "x",
        "constant_factor",
        "1/4, where 4 is the length of axis 0 of x",
    ),
    "a root left out": LearnersMistake(
        root, root_as_it_was, [normal(3, 4)], "x", "wrong_variable", "stands where √`x * x + 0.3` belongs"
    ),
    "ids that repeat": LearnersMistake(
        picked,
        picked_assigned,
        [normal(4, 3), np.array([0, 2, 2, 1])],
        "x",
        "overwritten_not_accumulated",
        "np.add.at belongs there",
    ),
    "the other branch": LearnersMistake(
        where_it_is_large, where_it_is_small, [normal(3, 4)], "x", "mask_leak", "the two branches are exchanged"
    ),
    "n - 1": LearnersMistake(
        variance,
        variance_of_the_whole,
        [normal(3, 5)],
        "x",
        "constant_factor",
        "5/(5 - 1), where 5 is the length of axis 1",
    ),
}
