"""Wrong backward passes of the ops that join arrays and cut them: concatenate, stack, split, index."""

from typing import Any

import numpy as np

from ...backend import Array
from .base import mistake

Arrays = tuple[Array, ...]


def _along(axis: int, ndim: int, start: int, stop: int) -> tuple[slice, ...]:
    return (slice(None),) * (axis % ndim) + (slice(start, stop),)


@mistake("Concatenate", "wrong_variable")
def concatenate_offset_stands_still(g: Array, *inputs: Array, axis: int = 0) -> Arrays:
    """The offset does not move on: every input gets the first stretch of the upstream gradient; each gets the stretch
    where it lies itself."""
    return tuple(g[_along(axis, g.ndim, 0, x.shape[axis])].copy() for x in inputs)


@mistake("Concatenate", "wrong_variable")
def concatenate_offset_counts_inputs(g: Array, *inputs: Array, axis: int = 0) -> Arrays:
    """The offset moves on by one for each input; it moves on by the length of the input along the axis."""
    return tuple(g[_along(axis, g.ndim, i, i + x.shape[axis])].copy() for i, x in enumerate(inputs))


@mistake("Concatenate", "shape")
def concatenate_equal_parts(g: Array, *inputs: Array, axis: int = 0) -> Arrays:
    """The upstream gradient is cut into equal parts; every input gets a stretch of its own length."""
    return tuple(part.copy() for part in np.array_split(g, len(inputs), axis=axis))


@mistake("Concatenate", "missing_path")
def concatenate_only_first(g: Array, *inputs: Array, axis: int = 0) -> Arrays:
    """Only the first input gets its stretch, the others get zeros; each gets its own."""
    first = g[_along(axis, g.ndim, 0, inputs[0].shape[axis])].copy()
    return first, *(np.zeros_like(x) for x in inputs[1:])


@mistake("Stack", "shape")
def stack_axis_kept(g: Array, *inputs: Array, axis: int = 0) -> Arrays:
    """The layers are cut out with the new axis kept at length 1; without that axis they have the shape of the
    inputs."""
    return tuple(np.split(g.copy(), len(inputs), axis=axis))


@mistake("Stack", "wrong_variable")
def stack_first_layer(g: Array, *inputs: Array, axis: int = 0) -> Arrays:
    """Every input gets the first layer of the upstream gradient; each gets its own."""
    return tuple(g.take(0, axis=axis) for _ in inputs)


@mistake("Stack", "wrong_axis")
def stack_summed(g: Array, *inputs: Array, axis: int = 0) -> Arrays:
    """Every input gets the sum over all layers, as if it had been broadcast; each gets its own layer."""
    return tuple(g.sum(axis=axis) for _ in inputs)


@mistake("Stack", "missing_path")
def stack_only_first(g: Array, *inputs: Array, axis: int = 0) -> Arrays:
    """Only the first input gets its layer, the others get zeros; each gets its own."""
    return g.take(0, axis=axis), *(np.zeros_like(x) for x in inputs[1:])


@mistake("Split", "wrong_variable")
def split_placed_at_beginning(g: Array, x: Array, start: int, stop: int, axis: int = 0) -> Array:
    """The piece's gradient is laid at the beginning of the axis; it belongs where the piece was taken from, at
    start."""
    dx = np.zeros_like(x)
    dx[_along(axis, x.ndim, 0, stop - start)] = g
    return dx


@mistake("Split", "zero_gradient")
def split_zero(g: Array, x: Array, start: int, stop: int, axis: int = 0) -> Array:
    """The gradient is zero, as if cutting a piece out cut it off from its input; the upstream gradient belongs at the
    piece's place."""
    return np.zeros_like(x)


@mistake("Split", "mask_leak")
def split_starts_from_input(g: Array, x: Array, start: int, stop: int, axis: int = 0) -> Array:
    """The gradient starts as a copy of the input, so that the input's values are left outside the piece; zeros belong
    there."""
    dx = x.copy()
    dx[_along(axis, x.ndim, start, stop)] = g
    return dx


@mistake("Index", "overwritten_not_accumulated")
def index_assigned(g: Array, x: Array, key: Any) -> Array:
    """The gradients are assigned, or added with a buffered dx[key] += g, so that of an element that was picked twice
    only the last one counts; np.add.at(dx, key, g) adds all of them."""
    dx = np.zeros_like(x)
    dx[key] = g
    return dx


@mistake("Index", "mask_leak")
def index_starts_from_input(g: Array, x: Array, key: Any) -> Array:
    """The gradient starts as a copy of the input, so that the input's values are left in it; it starts from zeros."""
    dx = x.copy()
    np.add.at(dx, key, g)
    return dx
