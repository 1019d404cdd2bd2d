"""Attention in blocks is attention, and is taken where sequences are long."""

import tracemalloc

import numpy as np
import pytest

from minattn.fast.attention import FastAttention
from minattn.ops import ScaledDotProductAttention

rng = np.random.default_rng(0)


def inputs(t, s, batch=(2, 3), d=5):
    return [rng.normal(size=(*batch, n, d)) for n in (t, s, s)]


def blocked(causal, block):
    op = FastAttention(causal)
    op.long, op.block = 0, block
    return op


def run(op, arrays, g):
    y = op(*arrays)
    return [y, *(x for x in op.gradients(g) if x is not None)]


MASKS = {
    "none": None,
    "padding": np.array([True] * 5 + [False] * 4 + [True] * 2),
    "each query": rng.random((7, 11)) > 0.4,
    "nothing for one": np.arange(7)[:, None] + np.zeros(11, int) != 3,
    "a block of keys": np.broadcast_to(np.arange(11) >= 6, (7, 11)),
}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("size", [1, 1e3])
@pytest.mark.parametrize(("queries", "keys"), [(1, 1), (2, 3), (3, 2), (7, 4), (100, 100)])
def test_any_blocks_give_what_the_whole_gives(mask, causal, size, queries, keys):
    q, k, v = inputs(7, 11)
    arrays = [q * size, k, v] + ([] if mask is None else [mask])
    g = rng.normal(size=q.shape)
    plain = run(ScaledDotProductAttention(causal), arrays, g)
    for a, b in zip(run(blocked(causal, (queries, keys)), arrays, g), plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12 * size)  # scores of that size, and their rounding


@pytest.mark.parametrize(("tokens", "is_blocked"), [(511, False), (512, True)])
def test_long_sequences_go_in_blocks(tokens, is_blocked):
    op = FastAttention()
    op(*inputs(tokens, tokens, (1,), 2))
    assert op.is_blocked == is_blocked


def test_no_matrix_of_all_scores_is_made():
    tokens = 2048
    arrays = [x.astype(np.float32) for x in inputs(tokens, tokens, (2,), 8)]
    tracemalloc.start()
    try:
        run(FastAttention(), arrays, arrays[0])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * tokens * tokens * 4 / 4
