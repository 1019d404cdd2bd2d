"""Wrong backward passes of products: matmul, linear, and einsum of two operands."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...backend import Array
from ...ops import Sample
from ...ops.base import as_rows, transposed
from ...ops.linear_algebra import Einsum, explicit_letters
from .base import Gradients, Pair, mistake, telling_samples, unbroadcast


def _as_matrices(g: Array, a: Array, b: Array) -> tuple[Array, Array, Array]:
    """g, a and b with a vector a as a row and a vector b as a column."""
    if b.ndim == 1:
        g, b = g[..., None], b[:, None]
    return (g[..., None, :], a[None, :], b) if a.ndim == 1 else (g, a, b)


def _for_inputs(da: Array, db: Array, a: Array, b: Array) -> Pair:
    """The gradients of rows, columns and copies, summed to the shapes of a and b."""
    da = da[..., 0, :] if a.ndim == 1 else da
    db = db[..., 0] if b.ndim == 1 else db
    return unbroadcast(da, a.shape), unbroadcast(db, b.shape)


@telling_samples("MatMul")
def squares(rng: np.random.Generator) -> Iterator[Sample]:
    """On square matrices a missing transpose has the right shape."""
    yield Sample("square", (rng.normal(size=(3, 3)), rng.normal(size=(3, 3))))
    yield Sample("a batch of squares", (rng.normal(size=(3, 3, 3)), rng.normal(size=(3, 3, 3))))


@telling_samples("Linear")
def square_weight(rng: np.random.Generator) -> Iterator[Sample]:
    """A weight that is not transposed has the right shape."""
    yield Sample("square", (rng.normal(size=(2, 4)), rng.normal(size=(4, 4)), rng.normal(size=4)))


@mistake("MatMul", "missing_transpose")
def matmul_b_not_transposed(g: Array, a: Array, b: Array) -> Pair:
    """The gradient of a is g b, which fits only where the matrices are square; g bᵀ belongs there."""
    gm, am, bm = _as_matrices(g, a, b)
    return _for_inputs(gm @ bm, transposed(am) @ gm, a, b)


@mistake("MatMul", "missing_transpose")
def matmul_a_not_transposed(g: Array, a: Array, b: Array) -> Pair:
    """The gradient of b is a g, which fits only where the matrices are square; aᵀ g belongs there."""
    gm, am, bm = _as_matrices(g, a, b)
    return _for_inputs(gm @ transposed(bm), am @ gm, a, b)


@mistake("MatMul", "missing_transpose")
def matmul_b_reshaped(g: Array, a: Array, b: Array) -> Pair:
    """The matrix b is reshaped to the shape of its transpose, which mixes its entries; it is transposed, g bᵀ."""
    gm, am, bm = _as_matrices(g, a, b)
    return _for_inputs(gm @ bm.reshape(transposed(bm).shape), transposed(am) @ gm, a, b)


@mistake("MatMul", "elementwise_for_matmul")
def matmul_elementwise(g: Array, a: Array, b: Array) -> Pair:
    """The gradients are multiplied element by element, g * b and g * a, which fits only where the matrices are square;
    the matrix products g bᵀ and aᵀ g belong there."""
    return g * b, g * a


@mistake("MatMul", "broadcast_not_summed")
def matmul_batch_not_summed(g: Array, a: Array, b: Array) -> Pair:
    """A matrix that was used for the whole batch keeps one gradient for each use; the sum over the batch belongs
    there."""
    gm, am, bm = _as_matrices(g, a, b)
    da, db = gm @ transposed(bm), transposed(am) @ gm
    return da[..., 0, :] if a.ndim == 1 else da, db[..., 0] if b.ndim == 1 else db


@mistake("MatMul", "constant_factor")
def matmul_rows_averaged(g: Array, a: Array, b: Array) -> Pair:
    """The gradient of b is divided by the number of rows of a; the sum over the rows belongs there, and a mean belongs
    in the loss."""
    gm, am, bm = _as_matrices(g, a, b)
    return _for_inputs(gm @ transposed(bm), transposed(am) @ gm / am.shape[-2], a, b)


@mistake("MatMul", "wrong_axis")
def matmul_all_axes_reversed(g: Array, a: Array, b: Array) -> Pair:
    """All axes are reversed with .T, the batch's too; only the last two change places."""
    gm, am, bm = _as_matrices(g, a, b)
    return _for_inputs(gm @ bm.T, am.T @ gm, a, b)


@mistake("Linear", "transposed")
def linear_weight_used_as_in_forward(g: Array, x: Array, weight: Array, *bias: Array) -> Gradients:
    """The gradient of x is g Wᵀ, the same product as in the forward pass, which fits only where W is square; g W
    belongs there."""
    return g @ weight.T, as_rows(g).T @ as_rows(x), *(as_rows(g).sum(axis=0) for _ in bias)


@mistake("Linear", "broadcast_not_summed")
def linear_bias_not_summed(g: Array, x: Array, weight: Array, *bias: Array) -> Gradients:
    """The bias keeps one gradient for each row; it was added to all of them, and the sum over the rows belongs
    there."""
    return g @ weight, as_rows(g).T @ as_rows(x), *(g.copy() for _ in bias)


@mistake("Linear", "constant_factor")
def linear_bias_averaged(g: Array, x: Array, weight: Array, *bias: Array) -> Gradients:
    """The bias gets the mean over the rows; the sum belongs there."""
    return g @ weight, as_rows(g).T @ as_rows(x), *(as_rows(g).mean(axis=0) for _ in bias)


@mistake("Linear", "wrong_axis")
def linear_bias_summed_over_features(g: Array, x: Array, weight: Array, *bias: Array) -> Gradients:
    """The bias gets the sum over the features, one number per row; the sum over the rows, one number per feature,
    belongs there."""
    return g @ weight, as_rows(g).T @ as_rows(x), *(as_rows(g).sum(axis=1) for _ in bias)


@mistake("Linear", "constant_factor")
def linear_weight_averaged(g: Array, x: Array, weight: Array, *bias: Array) -> Gradients:
    """The weight's gradient is divided by the number of rows; the sum over the rows belongs there, and a mean belongs
    in the loss."""
    dweight = as_rows(g).T @ as_rows(x) / max(len(as_rows(x)), 1)
    return g @ weight, dweight, *(as_rows(g).sum(axis=0) for _ in bias)


@mistake("Linear", "overwritten_not_accumulated")
def linear_last_row_kept(g: Array, x: Array, weight: Array, *bias: Array) -> Gradients:
    """Every row overwrites the weight's gradient of the row before it, so that only the last one is left; the sum over
    all rows belongs there."""
    dweight = np.zeros_like(weight)
    for g_row, x_row in zip(as_rows(g), as_rows(x), strict=True):
        dweight = np.outer(g_row, x_row)
    return g @ weight, dweight, *(as_rows(g).sum(axis=0) for _ in bias)


@mistake("Linear", "zero_gradient")
def linear_bias_zero(g: Array, x: Array, weight: Array, *bias: Array) -> Gradients:
    """The bias gets zeros, as if it had no part in the output; the sum of the upstream gradient over the rows belongs
    there."""
    return g @ weight, as_rows(g).T @ as_rows(x), *(np.zeros_like(b) for b in bias)


def _einsum(g: Array, a: Array, b: Array, equation: str) -> tuple[Any, ...]:
    """The right gradients."""
    op = Einsum(equation)
    op(a, b)
    return op.gradients(g)


@mistake("Einsum", "broadcast_not_summed")
def einsum_stretched_axis_not_summed(g: Array, a: Array, b: Array, equation: str) -> Gradients:
    """An axis of length 1 that was stretched keeps its full length in the gradient; the sum along it belongs there."""
    op = Einsum(equation)
    op(a, b)
    return op.backward(g)


@mistake("Einsum", "constant_factor")
def einsum_summed_letters_averaged(g: Array, a: Array, b: Array, equation: str) -> Pair:
    """A letter that was summed away gets the mean of the gradient along it; every element along it gets the whole."""
    first, second, out = explicit_letters(equation, [a.ndim, b.ndim])

    def share(letters: str, others: str, x: Array) -> int:
        return int(np.prod([n for c, n in zip(letters, x.shape, strict=True) if c not in out and c not in others]))

    da, db = _einsum(g, a, b, equation)
    return da / share(first, second, a), db / share(second, first, b)


@mistake("Einsum", "wrong_variable")
def einsum_other_operand_forgotten(g: Array, a: Array, b: Array, equation: str) -> Pair:
    """The other operand is left out, as if it were 1 everywhere; each gradient is the einsum of g with the other
    operand."""
    return _einsum(g, a, np.ones_like(b), equation)[0], _einsum(g, np.ones_like(a), b, equation)[1]


@mistake("Einsum", "transposed")
def einsum_letters_reversed(g: Array, a: Array, b: Array, equation: str) -> Pair:
    """The gradient of a has its letters in reverse order; they stand in the order in which a has them."""
    da, db = _einsum(g, a, b, equation)
    return da.T.copy(), db


@mistake("Einsum", "swapped_arguments")
def einsum_own_operand(g: Array, a: Array, b: Array, equation: str) -> Pair:
    """Each gradient is the einsum of g with the operand itself, which fits only where both have the same letters; with
    the other operand it belongs."""
    first, second, out = explicit_letters(equation, [a.ndim, b.ndim])
    return np.einsum(f"{out},{first}->{first}", g, a), np.einsum(f"{out},{second}->{second}", g, b)
