"""Wrong backward passes of the ops that give numbers another shape or order: reshape, transpose, broadcasting."""

from collections.abc import Iterator

import numpy as np

from ...backend import Array
from ...ops import Sample
from .base import mistake, telling_samples

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


@mistake("Reshape", "zero_gradient")
def reshape_zero(g: Array, x: Array, shape: Shape) -> Array:
    """The gradient is zero, as if an op that computes nothing passed nothing on; every number is handed on, and so is
    its gradient."""
    return np.zeros_like(x)


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


@mistake("BroadcastTo", "wrong_axis")
def broadcast_to_summed_over_everything(g: Array, x: Array, shape: Shape) -> Array:
    """The sum runs over everything; it belongs only along the axes that were repeated."""
    return np.full(x.shape, g.sum())
