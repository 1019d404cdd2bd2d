"""Wrong backward passes of the ops that move numbers: to another shape or order, into one array, out of one."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...backend import Array
from ...ops import Sample
from .base import Gradients, mistake, telling_samples

Shape = tuple[int, ...]


@telling_samples("Transpose")
def cube(rng: np.random.Generator) -> Iterator[Sample]:
    """Any order of the axes has the right shape."""
    yield Sample("a cube", (rng.normal(size=(3, 3, 3)),), {"axes": (2, 0, 1)})


@telling_samples("BroadcastTo")
def new_and_stretched_axes(rng: np.random.Generator) -> Iterator[Sample]:
    """Either may be forgotten alone."""
    yield Sample("(3, 1) to (2, 3, 4)", (rng.normal(size=(3, 1)),), {"shape": (2, 3, 4)})


@mistake("Reshape", "transposed")
def reshape_columns_first(g: Array, x: Array, shape: Shape) -> Array:
    """The numbers are read in Fortran's order, columns first, on the way back; they belong in the order of the forward
    pass, rows first."""
    return g.reshape(x.shape, order="F")


@mistake("Reshape", "transposed")
def reshape_transposed(g: Array, x: Array, shape: Shape) -> Array:
    """The upstream gradient is transposed before it is reshaped; reshaping alone undoes reshaping."""
    return g.T.reshape(x.shape)


@mistake("Reshape", "wrong_variable")
def reshape_returns_input(g: Array, x: Array, shape: Shape) -> Array:
    """The input itself is returned; the upstream gradient in the shape of the input belongs there."""
    return x.copy()


@mistake("Transpose", "transposed")
def transpose_same_permutation(g: Array, x: Array, axes: Shape) -> Array:
    """The axes are permuted once more in the same way, which is right only where two axes change places; the inverse
    permutation belongs there."""
    return g.transpose(axes).copy()


@mistake("Transpose", "missing_transpose")
def transpose_reshaped(g: Array, x: Array, axes: Shape) -> Array:
    """The upstream gradient is reshaped to the input's shape, which keeps the order in memory; permuted back it belongs
    there."""
    return g.reshape(x.shape).copy()


@mistake("Transpose", "transposed")
def transpose_reversed(g: Array, x: Array, axes: Shape) -> Array:
    """All axes are reversed, as .T does; the inverse of the forward permutation belongs there."""
    return g.T.copy()


@mistake("Transpose", "wrong_axis")
def transpose_last_two_axes(g: Array, x: Array, axes: Shape) -> Array:
    """The last two axes change places whatever the forward pass did; the inverse of its permutation belongs there."""
    return g.swapaxes(-1, -2).copy()


@mistake("BroadcastTo", "broadcast_not_summed")
def broadcast_to_leading_axes_only(g: Array, x: Array, shape: Shape) -> Array:
    """Only the new leading axes are summed; the axes of length 1 that were stretched are summed too, and kept at 1."""
    return np.array(g.sum(axis=tuple(range(g.ndim - x.ndim))))


def _along(axis: int, ndim: int, start: int, stop: int) -> tuple[slice, ...]:
    return (slice(None),) * (axis % ndim) + (slice(start, stop),)


@mistake("Concatenate", "wrong_variable")
def concatenate_offset_stands_still(g: Array, *inputs: Array, axis: int = 0) -> Gradients:
    """The offset does not move on: every input gets the first stretch of the upstream gradient; each gets the stretch
    where it lies itself."""
    return tuple(g[_along(axis, g.ndim, 0, x.shape[axis])].copy() for x in inputs)


@mistake("Concatenate", "wrong_variable")
def concatenate_offset_counts_inputs(g: Array, *inputs: Array, axis: int = 0) -> Gradients:
    """The offset moves on by one for each input; it moves on by the length of the input along the axis."""
    return tuple(g[_along(axis, g.ndim, i, i + x.shape[axis])].copy() for i, x in enumerate(inputs))


@mistake("Concatenate", "shape")
def concatenate_equal_parts(g: Array, *inputs: Array, axis: int = 0) -> Gradients:
    """The upstream gradient is cut into equal parts; every input gets a stretch of its own length."""
    return tuple(part.copy() for part in np.array_split(g, len(inputs), axis=axis))


@mistake("Stack", "shape")
def stack_axis_kept(g: Array, *inputs: Array, axis: int = 0) -> Gradients:
    """The layers are cut out with the new axis kept at length 1; without that axis they have the shape of the
    inputs."""
    return tuple(np.split(g.copy(), len(inputs), axis=axis))


@mistake("Stack", "wrong_variable")
def stack_first_layer(g: Array, *inputs: Array, axis: int = 0) -> Gradients:
    """Every input gets the first layer of the upstream gradient; each gets its own."""
    return tuple(g.take(0, axis=axis) for _ in inputs)


@mistake("Stack", "wrong_axis")
def stack_summed(g: Array, *inputs: Array, axis: int = 0) -> Gradients:
    """Every input gets the sum over all layers, as if it had been broadcast; each gets its own layer."""
    return tuple(g.sum(axis=axis) for _ in inputs)


@mistake("Split", "wrong_variable")
def split_placed_at_beginning(g: Array, x: Array, start: int, stop: int, axis: int = 0) -> Array:
    """The piece's gradient is laid at the beginning of the axis; it belongs where the piece was taken from, at
    start."""
    dx = np.zeros_like(x)
    dx[_along(axis, x.ndim, 0, stop - start)] = g
    return dx


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


@mistake("Embedding", "overwritten_not_accumulated")
def embedding_assigned(g: Array, ids: Array, weight: Array) -> Gradients:
    """The rows are assigned, or added with a buffered dW[ids] += g, so that of a token that occurs twice only the last
    gradient counts; np.add.at(dW, ids, g) adds all of them."""
    dweight = np.zeros_like(weight)
    dweight[ids] = g
    return None, dweight


@mistake("Embedding", "missing_path")
def embedding_first_occurrence(g: Array, ids: Array, weight: Array) -> Gradients:
    """Only the first occurrence of a token is counted; the gradients of all its occurrences are added up."""
    dweight = np.zeros_like(weight)
    present, first = np.unique(ids, return_index=True)
    dweight[present] = g.reshape(-1, weight.shape[1])[first]
    return None, dweight


@mistake("Embedding", "constant_factor")
def embedding_divided_by_tokens(g: Array, ids: Array, weight: Array) -> Gradients:
    """The gradient is divided by the number of tokens; a mean over tokens belongs in the loss, and the rows get
    sums."""
    dweight = np.zeros_like(weight)
    np.add.at(dweight, ids, g / max(ids.size, 1))
    return None, dweight


@mistake("Embedding", "missing_path")
def embedding_first_row_as_padding(g: Array, ids: Array, weight: Array) -> Gradients:
    """The row of id 0 is treated as padding and gets zeros; the forward pass uses it like any other, and its gradients
    belong there."""
    dweight = np.zeros_like(weight)
    np.add.at(dweight, ids, g)
    dweight[0] = 0
    return None, dweight
