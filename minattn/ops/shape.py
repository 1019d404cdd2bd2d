"""Ops that move numbers without changing them: their backward passes move the gradients back."""

from typing import Any

import numpy as np

from ..backend import Array, array_module, is_array
from .base import Op, Sample, Samples, register, sum_to_shape


def reshape_samples(rng: np.random.Generator) -> Samples:
    """More axes, fewer, none."""
    for before, after in (((2, 3, 4), (6, 4)), ((6,), (1, 2, -1)), ((1, 1), ()), ((0, 3), (3, 0))):
        yield Sample(f"{before} to {after}", (rng.normal(size=before),), {"shape": after})


def transpose_samples(rng: np.random.Generator) -> Samples:
    """Every kind of order."""
    for axes in ((0, 2, 1), (2, 0, 1), (-1, 0, 1), (0, 1, 2)):
        yield Sample(f"axes {axes}", (rng.normal(size=(2, 3, 4)),), {"axes": axes})


def broadcast_samples(rng: np.random.Generator) -> Samples:
    """New axes, stretched ones, none of either."""
    for before, after in (((4,), (2, 3, 4)), ((3, 1), (3, 4)), ((), (2,)), ((1, 1), (0, 3))):
        yield Sample(f"{before} to {after}", (rng.normal(size=before),), {"shape": after})


def concatenate_samples(rng: np.random.Generator) -> Samples:
    """Two and three arrays, one of them empty."""
    yield Sample("axis 0", (rng.normal(size=(2, 3)), rng.normal(size=(4, 3))), {"axis": 0})
    three = (rng.normal(size=(2, 1)), rng.normal(size=(2, 3)), rng.normal(size=(2, 0)))
    yield Sample("three along axis -1", three, {"axis": -1})


def stack_samples(rng: np.random.Generator) -> Samples:
    """Every place for the new axis."""
    for axis in (0, 1, -1):
        yield Sample(f"axis {axis}", tuple(rng.normal(size=(3, 2, 4))), {"axis": axis})


def split_samples(rng: np.random.Generator) -> Samples:
    """Pieces from the front, the middle, and empty ones."""
    for start, stop, axis in ((0, 2, 0), (1, 4, -1), (2, 2, 1)):
        options = {"start": start, "stop": stop, "axis": axis}
        yield Sample(f"{start}:{stop} of axis {axis}", (rng.normal(size=(2, 3, 5)),), options)


def index_samples(rng: np.random.Generator) -> Samples:
    """Numbers, slices, ids, masks."""
    keys = {
        "a number": 1,
        "slices": (slice(None), slice(0, 3, 2)),
        "a negative step": (Ellipsis, slice(None, None, -1)),
        "a new axis": (None, 0),
        "repeated ids": np.array([0, 2, 0, 0]),
        "pairs of ids": (np.array([0, 1, 0]), np.array([1, 1, 1])),
        "a mask": np.arange(12).reshape(3, 4) % 3 == 0,
    }
    for name, key in keys.items():
        yield Sample(name, (rng.normal(size=(3, 4)),), {"key": key})


@register(samples=reshape_samples)
class Reshape(Op):
    """Give the same numbers, in the same order, another shape.

    x -> y with the given shape; one length may be -1

    forward    y = x reshaped
    backward   dx = g reshaped back
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: Array) -> Array:
        self.before = x.shape
        return x.reshape(self.shape)

    def backward(self, g: Array) -> Array:
        return g.reshape(self.before)


@register(samples=transpose_samples)
class Transpose(Op):
    """Put the axes in another order.

    x -> y, where axis i of y is axis axes[i] of x

    forward    y = x with its axes permuted
    backward   dx = g with the inverse permutation
    """

    def __init__(self, axes: tuple[int, ...]) -> None:
        self.axes = axes

    def forward(self, x: Array) -> Array:
        return x.transpose(self.axes)

    def backward(self, g: Array) -> Array:
        order = [axis % g.ndim for axis in self.axes]
        return g.transpose([order.index(i) for i in range(g.ndim)])


@register(samples=broadcast_samples)
class BroadcastTo(Op):
    """Repeat along axes of length 1 and new leading axes.

    x -> y, broadcast to the given shape

    forward    y = x repeated
    backward   dx = Σ g over every copy
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: Array) -> Array:
        self.before = x.shape
        return array_module(x).broadcast_to(x, self.shape)

    def backward(self, g: Array) -> Array:
        return sum_to_shape(g, self.before)


@register(samples=concatenate_samples)
class Concatenate(Op):
    """Join arrays along an axis.

    x1, x2, … -> y, whose length along the axis is the sum of theirs

    forward    y = [x1, x2, …]
    backward   each input gets its own stretch of g
    """

    def __init__(self, axis: int = 0) -> None:
        self.axis = axis

    def forward(self, *inputs: Array) -> Array:
        y = array_module(inputs[0]).concatenate(inputs, axis=self.axis)
        self.lengths = [x.shape[self.axis] for x in inputs]
        return y

    def backward(self, g: Array) -> tuple[Array, ...]:
        ends = np.cumsum(self.lengths).tolist()
        starts = [0, *ends[:-1]]
        return tuple(g[_along(self.axis, g.ndim, a, b)] for a, b in zip(starts, ends, strict=True))


@register(samples=stack_samples)
class Stack(Op):
    """Lay arrays of one shape side by side along a new axis.

    x1, x2, … -> y, with a new axis

    forward    y = [x1, x2, …]
    backward   each input gets its own layer of g
    """

    def __init__(self, axis: int = 0) -> None:
        self.axis = axis

    def forward(self, *inputs: Array) -> Array:
        return array_module(inputs[0]).stack(inputs, axis=self.axis)

    def backward(self, g: Array) -> tuple[Array, ...]:
        axis = self.axis % g.ndim
        return tuple(g[(slice(None),) * axis + (i,)] for i in range(g.shape[axis]))


@register(samples=split_samples)
class Split(Op):
    """Cut one piece out along an axis; `F.split` cuts all of them.

    x -> y = x[start:stop] along the axis

    forward    y = x[start:stop]
    backward   dx = 0 outside the piece, g inside
    """

    def __init__(self, start: int, stop: int, axis: int = 0) -> None:
        self.start, self.stop, self.axis = start, stop, axis

    def forward(self, x: Array) -> Array:
        self.before = x.shape
        return x[_along(self.axis, x.ndim, self.start, self.stop)]

    def backward(self, g: Array) -> Array:
        dx = array_module(g).zeros(self.before, g.dtype)
        dx[_along(self.axis, g.ndim, self.start, self.stop)] = g
        return dx


@register(samples=index_samples)
class Index(Op):
    """Pick elements by NumPy's indexing: numbers, slices, ids, masks.

    x -> y = x[key]

    forward    y = x[key]
    backward   dx = 0, then dx[key] += g      an element that was picked twice gets both gradients
    """

    def __init__(self, key: Any) -> None:
        self.key = key

    def forward(self, x: Array) -> Array:
        self.before = x.shape
        return x[self.key]

    def backward(self, g: Array) -> Array:
        xp = array_module(g)
        dx = xp.zeros(self.before, g.dtype)
        keys = self.key if isinstance(self.key, tuple) else (self.key,)
        if all(
            key is None or key is Ellipsis or isinstance(key, int | np.integer | slice) or is_mask(key) for key in keys
        ):
            dx[self.key] = g  # picks each element at most once
        else:
            xp.add.at(dx, self.key, g)
        return dx


def is_mask(key: Any) -> bool:
    """Whether a key is an array of booleans, which picks elements in their order."""
    return is_array(key) and key.dtype == bool


def _along(axis: int, ndim: int, start: int, stop: int) -> tuple[slice, ...]:
    """The index of start:stop along one axis and everything along the others."""
    return (slice(None),) * (axis % ndim) + (slice(start, stop),)
