"""Wrong backward passes of a convolution, a recurrent net, rotary positions, RMS norm and SwiGLU."""

import numpy as np

from .base import Group, rng_inputs

N = np.newaxis


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def convolve(x, w):
    return np.stack([(x[:, t : t + 3] * w).sum(axis=1) for t in range(x.shape[1] - 2)], axis=1)


def convolve_backward(keep_x=0.0, keep_w=1.0):
    def backward(g, x, w):
        dx, dw = np.zeros_like(x), np.zeros_like(w)
        for t in range(g.shape[1]):
            dx[:, t : t + 3] = dx[:, t : t + 3] * (1 - keep_x) + g[:, t : t + 1] * w
            dw = dw * keep_w + (g[:, t : t + 1] * x[:, t : t + 3]).sum(0)
        return dx, dw

    return backward


CONVOLUTION = Group(
    "convolution",
    convolve,
    convolve_backward(),
    rng_inputs(43, (2, 6), (3,)),
    {
        "windows overwrite *": ("overwritten_not_accumulated", 0, convolve_backward(keep_x=1.0)),
        "kernel overwritten *": ("overwritten_not_accumulated", 1, convolve_backward(keep_w=0.0)),
        "kernel averaged": ("constant_factor", 1, lambda g, x, w: convolve_backward()(g, x, w)[1] / 4),
    },
)


def recurrent(x, u, w):
    h = np.zeros((x.shape[0], w.shape[0]))
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ u + h @ w)
    return h


def recurrent_backward(keep=1.0, through=1.0, slope=True, turned=True):
    def backward(g, x, u, w):
        states = [np.zeros((x.shape[0], w.shape[0]))]
        for t in range(x.shape[1]):
            states.append(np.tanh(x[:, t] @ u + states[-1] @ w))
        dx, du, dw = np.zeros_like(x), np.zeros_like(u), np.zeros_like(w)
        for t in reversed(range(x.shape[1])):
            da = g * (1 - states[t + 1] ** 2) if slope else g
            dx[:, t] = da @ u.T
            du = du * keep + x[:, t].T @ da
            dw = dw * keep + states[t].T @ da
            g = through * (da @ (w.T if turned else w))
        return dx, du, dw

    return backward


RECURRENT = Group(
    "recurrent",
    recurrent,
    recurrent_backward(),
    rng_inputs(44, (2, 4, 3), (3, 5), (5, 5)),
    {
        "du overwritten *": ("overwritten_not_accumulated", 1, recurrent_backward(keep=0.0)),
        "one step back *": ("treated_as_constant", 2, recurrent_backward(through=0.0)),
        "no slope *": ("wrong_place", 1, recurrent_backward(slope=False)),
        "w without .T *": ("missing_transpose", 1, recurrent_backward(turned=False)),
    },
)
ANGLES = np.arange(3)[:, N] / np.array([1.0, 10.0])


def rotate(x, sign=1):
    a, b = x[..., :2], x[..., 2:]
    cos, sin = np.cos(ANGLES), sign * np.sin(ANGLES)
    return np.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)


ROTARY = Group(
    "rotary",
    rotate,
    lambda g, x: rotate(g, -1),
    rng_inputs(45, (2, 3, 4)),
    {
        "turned further": ("missing_transpose", 0, lambda g, x: rotate(g)),
        "cosines alone": ("missing_path", 0, lambda g, x: g * np.tile(np.cos(ANGLES), 2)),
    },
)


def rms(x):
    return np.sqrt((x * x).mean(axis=-1, keepdims=True) + 1e-6)


def rms_norm_dx(rule):
    return lambda g, x, gamma: rule(g * gamma, x / rms(x), rms(x))


RMS_NORM = Group(
    "RMS norm",
    lambda x, gamma: gamma * x / rms(x),
    lambda g, x, gamma: (
        rms_norm_dx(lambda d, n, r: (d - n * (d * n).mean(-1, keepdims=True)) / r)(g, x, gamma),
        (g * x / rms(x)).sum(0),
    ),
    rng_inputs(46, (3, 5), (5,)),
    {
        "rms constant": ("treated_as_constant", 0, rms_norm_dx(lambda d, n, r: d / r)),
        "plus": ("sign", 0, rms_norm_dx(lambda d, n, r: (d + n * (d * n).mean(-1, keepdims=True)) / r)),
        "sum": ("constant_factor", 0, rms_norm_dx(lambda d, n, r: (d - n * (d * n).sum(-1, keepdims=True)) / r)),
        "no gamma": (
            "wrong_place",
            0,
            lambda g, x, gamma: (g - x / rms(x) ** 2 * (g * x).mean(-1, keepdims=True)) / rms(x),
        ),
        "every row": ("broadcast_not_summed", 1, lambda g, x, gamma: g * x / rms(x)),
        "x for n": ("wrong_variable", 1, lambda g, x, gamma: (g * x).sum(0)),
    },
)


def swiglu(x, w, v):
    a = x @ w
    return a * sigmoid(a) * (x @ v)


def swiglu_backward(silu=True, parts=(1, 1), swapped=False):
    def backward(g, x, w, v):
        a, b = x @ w, x @ v
        s = sigmoid(a)
        db, da = g * a * s, g * b * (s + a * s * (1 - s) if silu else s)
        dw, dv = x.T @ da, x.T @ db
        return parts[0] * (da @ w.T) + parts[1] * (db @ v.T), *((dv, dw) if swapped else (dw, dv))

    return backward


SWIGLU = Group(
    "SwiGLU",
    swiglu,
    swiglu_backward(),
    rng_inputs(47, (3, 4), (4, 5), (4, 5)),
    {
        "no gate *": ("missing_path", 0, swiglu_backward(parts=(0, 1))),
        "second overwrites *": ("missing_path", 0, swiglu_backward(parts=(1, 0))),
        "sigmoid constant *": ("treated_as_constant", 1, swiglu_backward(silu=False)),
        "weights exchanged *": ("swapped_arguments", 1, swiglu_backward(swapped=True)),
        "minus *": ("sign", 0, swiglu_backward(parts=(1, -1))),
    },
)

GROUPS = [value for value in list(globals().values()) if isinstance(value, Group)]
