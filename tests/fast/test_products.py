"""Products, sums, gathering and blocks, which the kernels are made of."""

import tracemalloc
from contextlib import nullcontext

import numpy as np
import pytest

from minattn import reuse_memory
from minattn.fast.products import (
    blocks,
    column_sums,
    features_first,
    gather,
    is_features_first,
    product,
    row_dots,
    row_sums,
)

LAYOUTS = {
    "rows": lambda x: x,
    "columns": lambda x: x.swapaxes(-1, -2).copy().swapaxes(-1, -2),
    "every second": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "backwards": lambda x: x[..., ::-1].copy()[..., ::-1],
}


def normal(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


# --- products and sums


@pytest.mark.parametrize("left", LAYOUTS)
@pytest.mark.parametrize("right", LAYOUTS)
@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((3, 4), (4, 5)),
        ((2, 3, 4), (2, 4, 5)),
        ((2, 1, 3, 4), (6, 4, 5)),
        ((3, 4), (2, 4, 5)),
        ((2, 3, 0), (2, 0, 5)),
        ((0, 4), (4, 5)),
    ],
)
def test_a_product_is_that_of_numpy_whatever_the_layout(a, b, left, right):
    x, y = LAYOUTS[left](normal(*a)), LAYOUTS[right](normal(*b, seed=1))
    expected = x @ y
    result = product(x, y)
    assert result.shape == expected.shape and result.flags.c_contiguous
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)


def test_a_product_has_its_axes_in_the_order_of_what_it_is_like():
    heads = normal(8, 40, 4, 16).transpose(0, 2, 1, 3)  # (B, H, T, d), in memory (B, T, H, d)
    weights, values = normal(8, 4, 40, 40), normal(8, 4, 40, 24)
    for context in (nullcontext(), reuse_memory()):
        with context:
            result = product(weights, values, like=heads)
            assert result.transpose(0, 2, 1, 3).flags.c_contiguous
            assert product(weights, values, like=weights).flags.c_contiguous
        np.testing.assert_allclose(result, weights @ values, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4), (0, 4), (3, 0), (2, 3, 1)], ids=str)
@pytest.mark.parametrize("layout", ["rows", "every second", "backwards"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_of_rows_and_of_products_keep_the_last_axis(shape, layout, dtype):
    a, b = (LAYOUTS[layout](normal(*shape, seed=seed, dtype=dtype)) for seed in (0, 1))
    tolerance = 1e-6 if dtype == np.float32 else 1e-12
    for result, summed in ((row_sums(a), a), (row_dots(a, b), a * b)):
        assert result.dtype == dtype and result.shape == (*shape[:-1], 1)
        np.testing.assert_allclose(result, summed.sum(-1, keepdims=True), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("shape", [(5, 3), (1, 3), (0, 3), (5, 0)], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_sums_of_columns_are_those_of_numpy(shape, layout):
    x = LAYOUTS[layout](normal(*shape))
    np.testing.assert_allclose(column_sums(x), x.sum(0), rtol=1e-12, atol=1e-12)
    assert column_sums(x.astype(np.float32)).dtype == np.float32


def test_nan_and_inf_stay_in_their_row_and_column():
    x = np.ones((3, 4))
    x[1, 2], x[0, 0] = np.nan, np.inf
    np.testing.assert_array_equal(row_sums(x), [[np.inf], [np.nan], [4.0]])
    np.testing.assert_array_equal(column_sums(x), [np.inf, 3.0, np.nan, 3.0])


# --- rows of a table


@pytest.mark.parametrize("ids", [np.array([[1, 4], [0, 1]]), np.array(3), np.zeros((2, 0), int), np.arange(5)[::-2]])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_rows_are_gathered_by_their_ids(ids, layout):
    table = LAYOUTS[layout](normal(5, 3, dtype=np.float32))
    result = gather(table, ids)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, table[ids])


@pytest.mark.parametrize("ids", [[5], [-1], [0, 7, 1], [[2], [-6]]], ids=str)
def test_an_id_out_of_range_is_refused(ids):
    with pytest.raises(IndexError, match="an id is out of range, there are 5"):
        gather(normal(5, 3), np.array(ids))


def test_gathering_takes_no_more_memory_than_its_result():
    table, ids = normal(50, 256), np.random.default_rng(0).integers(0, 50, (64, 16))
    tracemalloc.start()
    try:
        result = gather(table, ids)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result.nbytes <= peak < 1.1 * result.nbytes


@pytest.mark.parametrize(("length", "size"), [(10, 3), (9, 3), (2, 3), (1, 1), (0, 3), (5, 0)])
def test_blocks_cover_every_element_once_in_order(length, size):
    found = [np.arange(length)[block] for block in blocks(np.empty(0), length, size)]
    assert all(len(block) <= max(size, 1) for block in found)
    assert [i for block in found for i in block] == list(range(length))
    assert all(len(block) == max(size, 1) for block in found[:-1])


@pytest.mark.parametrize("length", [0, 10])
def test_on_a_gpu_there_is_one_block(length):
    assert list(blocks(object(), length, 3)) == ([slice(0, 10)] if length else [])


def test_the_features_of_vectors_and_of_their_heads_are_known_to_be_first():
    x = normal(5, 12)
    heads = features_first(x).reshape(1, 5, 3, 4).swapaxes(1, 2)
    assert is_features_first(features_first(x)) and is_features_first(heads)
    assert not is_features_first(x) and not is_features_first(x.reshape(1, 5, 3, 4).swapaxes(1, 2))
