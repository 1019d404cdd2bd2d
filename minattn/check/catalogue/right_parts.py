"""The right parts of the wrong backward passes: what several of them need, and none of them gets wrong."""

import numpy as np

from ...backend import Array

Axis = int | tuple[int, ...] | None
Pair = tuple[Array, Array]
Gradients = tuple[Array | None, ...]


def unbroadcast(gradient: Array, shape: tuple[int, ...]) -> Array:
    """The sum over every axis along which an input of this shape was repeated."""
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    return gradient.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


def average_copies(gradient: Array, shape: tuple[int, ...]) -> Array:
    """`unbroadcast` with means in place of sums."""
    summed = unbroadcast(gradient, shape)
    copies = gradient.size / max(summed.size, 1)
    return summed / max(copies, 1)


def last_copy(gradient: Array, shape: tuple[int, ...]) -> Array:
    """`unbroadcast` where each copy's gradient overwrites the one before it."""
    kept = np.zeros(shape)
    view = np.broadcast_to(np.arange(kept.size).reshape(shape), gradient.shape)
    kept.reshape(-1)[view.reshape(-1)] = gradient.reshape(-1)
    return kept


def stretch(g: Array, x: Array, axis: Axis, keepdims: bool) -> Array:
    """The gradient of a reduction, repeated along the reduced axes to the shape of x."""
    if not keepdims and axis is not None:
        axes = axis if isinstance(axis, tuple) else (axis,)
        g = np.expand_dims(g, tuple(i % x.ndim for i in axes))
    return np.broadcast_to(g, x.shape)


def reduced_count(x: Array, axis: Axis) -> int:
    """How many elements of x become one."""
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return int(np.prod([x.shape[i] for i in axes]))


def softmax_of(x: Array, axis: int = -1) -> Array:
    """Softmax along an axis; also of arrays without any row."""
    exp = np.exp(x - x.max(axis=axis, keepdims=True, initial=-np.inf))
    return exp / exp.sum(axis=axis, keepdims=True)
