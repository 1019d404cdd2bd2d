"""Wrong backward passes of broadcasting, reductions, sigmoid, tanh and unit vectors."""

import numpy as np

from .base import Group, rng_inputs

N = np.newaxis


def positive(seed, *shapes):
    return tuple(0.3 + np.abs(x) for x in rng_inputs(seed, *shapes))


BIAS = Group(
    "broadcast add",
    lambda x, b: x + b,
    lambda g, x, b: (g.copy(), g.sum((0, 1))),
    rng_inputs(31, (2, 3, 4), (4,)),
    {
        "sum over the batch alone": ("broadcast_not_summed", 1, lambda g, x, b: g.sum(0)),
        "averaged": ("constant_factor", 1, lambda g, x, b: g.mean((0, 1))),
        "summed to one number": ("shape", 1, lambda g, x, b: g.sum()),
    },
)
POSITIONS = Group(
    "positions",
    lambda x, p: x + p,
    lambda g, x, p: (g.copy(), g.sum(0)),
    rng_inputs(32, (2, 3, 4), (3, 4)),
    {"of the first sentence": ("broadcast_not_summed", 1, lambda g, x, p: g[0])},
)
MULTIPLY = Group(
    "multiply",
    lambda a, b: a * b,
    lambda g, a, b: (g * b, g * a),
    rng_inputs(33, (3, 4), (3, 4)),
    {
        "the wrong operand": ("wrong_variable", 0, lambda g, a, b: g * a),
        "both the wrong operand *": ("swapped_arguments", 0, lambda g, a, b: (g * a, g * b)),
        "g": ("wrong_place", 0, lambda g, a, b: g.copy()),
        "b": ("upstream_ignored", 0, lambda g, a, b: b.copy()),
        "g g b": ("nonlinear_in_upstream", 0, lambda g, a, b: g * g * b),
    },
)
OUTER = Group(
    "outer product",
    lambda a, b: a * b,
    lambda g, a, b: ((g * b).sum(1, keepdims=True), (g * a).sum(0, keepdims=True)),
    rng_inputs(34, (3, 1), (1, 4)),
    {"not summed": ("broadcast_not_summed", 0, lambda g, a, b: g * b)},
)
DIVIDE = Group(
    "divide",
    lambda a, b: a / b,
    lambda g, a, b: (g / b, -g * a / b**2),
    positive(35, (3, 4), (3, 4)),
    {
        "plus": ("sign", 1, lambda g, a, b: g * a / b**2),
        "b without square": ("wrong_place", 1, lambda g, a, b: -g * a / b),
        "exchanged *": ("swapped_arguments", 0, lambda g, a, b: (-g * a / b**2, g / b)),
        "times b": ("wrong_place", 0, lambda g, a, b: g * b),
    },
)
MEAN = Group(
    "mean",
    lambda x: x.mean(axis=1),
    lambda g, x: np.repeat(g[:, N], 5, 1) / 5,
    rng_inputs(36, (3, 5)),
    {
        "not divided": ("constant_factor", 0, lambda g, x: np.repeat(g[:, N], 5, 1)),
        "divided by the size": ("constant_factor", 0, lambda g, x: np.repeat(g[:, N], 5, 1) / x.size),
    },
)
SQUARE_MEAN = Group(
    "square mean",
    lambda x: x.mean(axis=1),
    lambda g, x: np.repeat(g[:, N], 4, 1) / 4,
    rng_inputs(37, (4, 4)),
    {"along the other axis": ("wrong_axis", 0, lambda g, x: np.repeat(g[N], 4, 0) / 4)},
)
VARIANCE = Group(
    "variance",
    lambda x: ((x - x.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1) / 4,
    lambda g, x: g[:, N] * 2 * (x - x.mean(-1, keepdims=True)) / 4,
    rng_inputs(38, (3, 5)),
    {
        "no 2": ("constant_factor", 0, lambda g, x: g[:, N] * (x - x.mean(-1, keepdims=True)) / 4),
        "N for N - 1": ("constant_factor", 0, lambda g, x: g[:, N] * 2 * (x - x.mean(-1, keepdims=True)) / 5),
        "not centred": ("wrong_variable", 0, lambda g, x: g[:, N] * 2 * x / 4),
    },
)
MAX = Group(
    "max",
    lambda x: x.max(axis=1),
    lambda g, x: g[:, N] * (x == x.max(1, keepdims=True)),
    rng_inputs(39, (4, 4)),
    {
        "to all": ("mask_leak", 0, lambda g, x: np.repeat(g[:, N], 4, 1)),
        "largest of a column": ("wrong_axis", 0, lambda g, x: g[N] * (x == x.max(0, keepdims=True))),
    },
)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


SIGMOID = Group(
    "sigmoid",
    sigmoid,
    lambda g, x: g * sigmoid(x) * (1 - sigmoid(x)),
    rng_inputs(40, (3, 4)),
    {
        "x (1 - x)": ("wrong_variable", 0, lambda g, x: g * x * (1 - x)),
        "no upstream": ("upstream_ignored", 0, lambda g, x: sigmoid(x) * (1 - sigmoid(x))),
        "minus": ("sign", 0, lambda g, x: g * sigmoid(x) * (sigmoid(x) - 1)),
    },
)
TANH = Group(
    "tanh",
    np.tanh,
    lambda g, x: g * (1 - np.tanh(x) ** 2),
    rng_inputs(41, (3, 4)),
    {
        "at the output": ("wrong_variable", 0, lambda g, x: g * (1 - np.tanh(np.tanh(x)) ** 2)),
        "plus": ("sign", 0, lambda g, x: g * (1 + np.tanh(x) ** 2)),
        "g": ("wrong_place", 0, lambda g, x: g.copy()),
        "1 - x²": ("wrong_variable", 0, lambda g, x: g * (1 - x**2)),
    },
)


def unit(x):
    return x / np.sqrt((x * x).sum(axis=-1, keepdims=True))


def length(x):
    return np.sqrt((x * x).sum(axis=-1, keepdims=True))


UNIT = Group(
    "unit vectors",
    unit,
    lambda g, x: (g - unit(x) * (g * unit(x)).sum(-1, keepdims=True)) / length(x),
    rng_inputs(42, (3, 4)),
    {
        "g / length": ("treated_as_constant", 0, lambda g, x: g / length(x)),
        "plus": ("sign", 0, lambda g, x: (g + unit(x) * (g * unit(x)).sum(-1, keepdims=True)) / length(x)),
        "diagonal": ("cross_terms_missing", 0, lambda g, x: g * (1 - unit(x) ** 2) / length(x)),
        "over rows": ("wrong_axis", 0, lambda g, x: (g - unit(x) * (g * unit(x)).sum(0, keepdims=True)) / length(x)),
        "not divided": ("wrong_place", 0, lambda g, x: g - unit(x) * (g * unit(x)).sum(-1, keepdims=True)),
    },
)

GROUPS = [value for value in list(globals().values()) if isinstance(value, Group)]
