"""Generated wrong backward passes of piecewise functions: each way to choose a branch, with each slip."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np


class Piecewise(NamedTuple):
    """A forward that is f above a threshold and h elsewhere, its right backward, a wrong one, and an input."""

    name: str
    forward: Callable[..., Any]
    right: Callable[..., Any]
    wrong: Callable[..., Any]
    x: np.ndarray


def masked_assignment(x, above, f, h):
    y = h(x)
    y[above] = f(x[above])
    return y


def in_a_loop(x, above, f, h):
    y = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        y[i] = f(x[i]) if above[i] else h(x[i])
    return y


CHOICES = {
    "where": lambda x, above, f, h: np.where(above, f(x), h(x)),
    "masked assignment": masked_assignment,
    "product": lambda x, above, f, h: above * f(x) + ~above * h(x),
    "select": lambda x, above, f, h: np.select([above, ~above], [f(x), h(x)]),
    "piecewise": lambda x, above, f, h: np.piecewise(x, [above, ~above], [f, h]),
    "putmask": lambda x, above, f, h: (lambda y: np.putmask(y, above, f(x)) or y)(h(x)),
    "loop": in_a_loop,
}
SELECTIONS = {
    "boolean index": lambda x, above, f: f(x[above]),
    "sum of a boolean index": lambda x, above, f: f(x[above]).sum(),
    "nonzero": lambda x, above, f: f(x[np.nonzero(above)]),
    "compress": lambda x, above, f: f(np.compress(above.ravel(), x.ravel())),
}
BRANCHES = {
    "elu": (0.0, lambda x: 1.0 * x, lambda x: 1 + 0 * x, lambda x: np.exp(x) - 1, np.exp),
    "square": (3.0, lambda x: x**2, lambda x: 2 * x, lambda x: 1.0 * x, lambda x: 1 + 0 * x),
    "wave": (-0.5, np.sin, np.cos, lambda x: x**3, lambda x: 3 * x**2),
}
SLIPS = {
    "value for slope": lambda g, above, a, b, f, h: g * np.where(above, a, h),
    "both values": lambda g, above, a, b, f, h: g * np.where(above, f, h),
    "swapped": lambda g, above, a, b, f, h: g * np.where(above, b, a),
    "one branch": lambda g, above, a, b, f, h: g * np.where(above, a, 0),
    "other branch": lambda g, above, a, b, f, h: g * np.where(above, 0, b),
    "no mask": lambda g, above, a, b, f, h: g * a,
    "sign": lambda g, above, a, b, f, h: g * np.where(above, a, -b),
    "twice": lambda g, above, a, b, f, h: 2 * g * np.where(above, a, b),
    "mask of g": lambda g, above, a, b, f, h: g * np.where(g > 0, a, b),
    "no upstream": lambda g, above, a, b, f, h: np.where(above, a, b) + 0 * g,
    "both slopes": lambda g, above, a, b, f, h: g * (a + b),
}
INPUTS = (
    np.array([[0.5, -1.0], [2.0, -0.3]]),
    np.array([4.0, 0.0, -2.0]),
    np.random.default_rng(8).normal(0, 3, size=(2, 3)),
)


def cases() -> Iterator[Piecewise]:
    """Those whose gradient is wrong at their input."""
    for branch, (threshold, f, a, h, b) in BRANCHES.items():
        for x in INPUTS:
            if (x > threshold).any():
                for choice in (*CHOICES, *SELECTIONS):
                    forward, spread = _forward(choice, threshold, f, h)
                    right, *wrong = (
                        _backward(rule, spread, threshold, (a, b, f, h))
                        for rule in (lambda g, above, a, b, f, h: g * np.where(above, a, b), *SLIPS.values())
                    )
                    g = np.random.default_rng(1).normal(size=np.shape(forward(x)))
                    for slip, backward in zip(SLIPS, wrong, strict=True):
                        if np.abs(backward(g, x) - right(g, x)).max() > 1e-3:
                            yield Piecewise(f"{branch}, {choice}, {slip}", forward, right, backward, x)


def _forward(choice, threshold, f, h):
    """The function, and what lays an upstream gradient out at the entries that it comes from."""
    if choice in CHOICES:
        return lambda x: CHOICES[choice](x, x > threshold, f, h), lambda g, above: g

    def spread(g, above):
        laid = np.zeros(above.shape)
        laid[above] = g
        return laid

    return lambda x: SELECTIONS[choice](x, x > threshold, f), spread


def _backward(rule, spread, threshold, branches):
    def backward(g, x):
        above = x > threshold
        return rule(spread(g, above), above, *(branch(x) for branch in branches))

    return backward
