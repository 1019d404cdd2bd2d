"""What is particular to each kernel, beyond the contract that all of them keep."""

import numpy as np
import pytest
from support import composed
from support.numeric import assert_close, with_gradients

from minattn import Tensor
from minattn import functional as F
from minattn.fast import features_first
from minattn.fast.attention import FastAttention
from minattn.fast.elementwise import FastGELU
from minattn.fast.layers import FastLayerNorm
from minattn.fast.linear_cross_entropy import FastLinearCrossEntropy
from minattn.ops.cross_entropy import LinearCrossEntropy
from minattn.ops.kernels import textbook, use_kernels


def normal(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


# --- attention


def scores_of(kind, dtype=np.float64):
    """query, key and mask that give such scores, (2, 4, 6), and whether they need the shift."""
    query, key = normal(2, 4, 5, dtype=dtype), normal(2, 6, 5, seed=1, dtype=dtype)
    mask = np.random.default_rng(2).random((2, 4, 6)) < 0.6
    mask[..., 0] = True
    match kind:
        case "small":
            return query, key, None, False
        case "some masked":
            return query, key, mask, False
        case "a row masked whole":
            mask[1, 2] = False
            return query, key, mask, True
        case "all masked":
            return query, key, np.zeros_like(mask), True
        case "huge where masked":
            key[:, 3:] *= dtype(1e4)
            mask[..., 3:] = False
            return query, key, mask, False
        case "huge":
            return query * dtype(1e4), key, None, True
        case "huge and masked":
            return query * dtype(1e4), key, mask, True
    query[..., 0] = key[..., 0] = 1e2 * 5**0.25
    key[..., 0] *= -1 if kind == "all at -10,000" else 1
    return query, key, None, True


KINDS = [
    *("small", "some masked", "a row masked whole", "all masked", "huge where masked"),
    *("huge", "huge and masked", "all at 10,000", "all at -10,000"),
]


def is_shifted(op):
    """Whether the largest score of each row was subtracted: then the largest exponential of each row is 1."""
    largest = op.exp.max(-1)
    return bool(((largest == 1) | (largest == 0)).all())


def softmax(scores, mask):
    """Of each row, 0 in a row that is masked whole."""
    scores = scores if mask is None else np.where(mask, scores, -np.inf)
    largest = scores.max(-1, keepdims=True)
    exp = np.exp(scores - np.where(np.isfinite(largest), largest, 0))
    z = exp.sum(-1, keepdims=True)
    return exp / np.where(z == 0, 1, z)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", KINDS)
def test_attention_is_a_plain_softmax_and_looks_for_the_largest_score_only_where_it_must(kind, dtype):
    query, key, mask, must_shift = scores_of(kind, dtype)
    op = FastAttention()
    with np.errstate(all="raise", under="ignore"):
        result = op.forward(query, key, np.eye(6, dtype=dtype), mask)
    assert is_shifted(op) == must_shift
    assert result.dtype == dtype
    scores = query.astype(np.float64) @ key.swapaxes(-1, -2).astype(np.float64) / np.sqrt(5)
    # a score is rounded to this; so far may its exponential be off
    rounding = np.finfo(dtype).eps * np.abs(scores).max()
    np.testing.assert_allclose(result, softmax(scores, mask), rtol=0, atol=max(4 * rounding, 1e-12))


@pytest.mark.parametrize("kind", ["small", "some masked", "huge where masked", "huge", "huge and masked"])
def test_the_gradients_of_attention_are_those_of_its_composition_on_either_path(kind):
    query, key, mask, must_shift = scores_of(kind)
    arrays = query, key, normal(2, 6, 3, seed=3)
    with use_kernels():
        kernel = with_gradients(lambda *qkv: F.scaled_dot_product_attention(*qkv, mask), arrays)
        composition = with_gradients(lambda *qkv: composed.attention(*qkv, mask), arrays)
    for got, expected in zip(kernel, composition, strict=True):
        assert_close(got, expected, relative=1e-11 if must_shift else 1e-12)  # scores of 1e4 are rounded to 2e-12


def test_one_row_that_overflows_does_not_harm_the_others():
    query, key, _, _ = scores_of("small")
    query[0, 1] *= 1e6
    op = FastAttention()
    result = op.forward(query, key, np.eye(6))
    assert is_shifted(op)
    expected = softmax(query @ key.swapaxes(-1, -2) / np.sqrt(5), None)
    others = np.arange(8).reshape(2, 4) != 1
    np.testing.assert_allclose(result[others], expected[others], rtol=0, atol=1e-12)
    np.testing.assert_allclose(result[0, 1], expected[0, 1], rtol=0, atol=1e-9)  # scores of 1e6


def test_nan_in_a_score_is_not_hidden():
    query, key, _, _ = scores_of("small")
    query[0, 1, 2] = np.nan
    result = FastAttention().forward(query, key, np.eye(6))
    assert np.isnan(result[0, 1]).all() and np.isfinite(np.delete(result[0], 1, axis=0)).all()


# --- de-embedding and cross-entropy in one

TARGETS = {
    "all count": np.array([[0, 6, 2], [2, 5, 1], [3, 3, 0]]),
    "some are left out": np.array([[0, -100, 2], [2, 5, -100], [-100, -100, 0]]),
    "one counts": np.array([[-100] * 3, [-100, 4, -100], [-100] * 3]),
}


def losses_of(function, arrays, targets, **options):
    """The loss with its gradients, for an upstream other than 1."""
    with use_kernels():
        return with_gradients(lambda *inputs: function(*inputs, targets, **options), arrays)


def fused(x, weight, bias, targets, **options):
    return F.linear_cross_entropy(x, weight, targets, linear_bias=bias, **options)


def separate(x, weight, bias, targets, **options):
    logits = F.linear(x, weight, bias)
    loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), **options)
    return loss.reshape(targets.shape) if loss.ndim else loss


def assert_losses_equal(arrays, targets, **options):
    results = (losses_of(function, arrays, targets, **options) for function in (fused, separate))
    for got, expected in zip(*results, strict=True):
        assert got.shape == expected.shape and np.isfinite(expected).all()
        assert_close(got, expected, relative=1e-12, least=1e-12)


@pytest.mark.parametrize("targets", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_the_fused_loss_equals_linear_and_cross_entropy(reduction, smoothing, targets):
    arrays = normal(3, 3, 4), normal(7, 4, seed=1), normal(7, seed=2)
    assert_losses_equal(arrays, targets, reduction=reduction, label_smoothing=smoothing)


@pytest.mark.parametrize("block", [1, 7, 13, 14, 28, 62, 63, 64])
def test_it_is_the_same_in_blocks_of_any_size(block):
    x, weight, bias = normal(3, 3, 4), normal(7, 4, seed=1), normal(7, seed=2)
    for targets in TARGETS.values():
        results = []
        for op in (LinearCrossEntropy(label_smoothing=0.1), FastLinearCrossEntropy(label_smoothing=0.1)):
            op.block = block
            results.append([op(x, weight, targets, bias), *op.gradients(np.asarray(0.7))])
        for got, expected in zip(*results, strict=True):
            if expected is not None:
                assert_close(got, expected, relative=1e-12, least=1e-12)


@pytest.mark.parametrize("ignore_index", [2, -1, 50])
def test_any_index_can_be_the_ignored_one(ignore_index):
    arrays = normal(3, 3, 4), normal(7, 4, seed=1), normal(7, seed=2)
    targets = TARGETS["all count"].copy()
    targets[0, 0] = ignore_index
    assert_losses_equal(arrays, targets, ignore_index=ignore_index)


@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_where_no_target_counts_loss_and_gradients_are_0(reduction):
    arrays = normal(3, 3, 4), normal(7, 4, seed=1), normal(7, seed=2)
    for array in losses_of(fused, arrays, np.full((3, 3), -100), reduction=reduction):
        assert not array.any()


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("where", ["x", "weight", "bias"])
def test_huge_logits_overflow_nowhere(where, reduction):
    arrays = normal(3, 3, 4), normal(7, 4, seed=1), normal(7, seed=2)
    arrays[["x", "weight", "bias"].index(where)][...] *= 1e4
    with np.errstate(all="raise", under="ignore"):
        assert_losses_equal(arrays, TARGETS["some are left out"], reduction=reduction, label_smoothing=0.1)
    arrays = [array.astype(np.float32) for array in arrays]
    with np.errstate(all="raise", under="ignore"):
        for array in losses_of(fused, arrays, TARGETS["some are left out"], reduction=reduction):
            assert array.dtype == np.float32 and np.isfinite(array).all()


@pytest.mark.parametrize("shift", [0.0, 20.0, 41.0, 42.0, 80.0, 200.0, -41.0, -42.0, -80.0, -200.0])
def test_a_shift_of_all_logits_changes_nothing_in_float32_whether_it_has_to_be_taken_off_or_not(shift):
    arrays = [normal(3, 3, 4), normal(7, 4, seed=1), normal(7, seed=2)]
    expected = losses_of(separate, arrays, TARGETS["some are left out"])
    arrays[2] = arrays[2] + shift
    got = losses_of(fused, [array.astype(np.float32) for array in arrays], TARGETS["some are left out"])
    spacing = np.spacing(np.float32(max(abs(shift), 8)))  # of the logits, which they have been rounded to
    for array, wanted in zip(got, expected, strict=True):
        assert_close(array, wanted, relative=4 * spacing, least=4 * spacing)


def test_a_vector_that_is_left_out_may_hold_anything():
    x, weight, bias = normal(3, 3, 4), normal(7, 4, seed=1), normal(7, seed=2)
    targets = TARGETS["some are left out"]
    expected = losses_of(fused, (x.copy(), weight, bias), targets)
    x[targets == -100] = np.nan
    for got, wanted in zip(losses_of(fused, (x, weight, bias), targets), expected, strict=True):
        np.testing.assert_array_equal(got, wanted)


# --- vectors with their features first in memory


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("scale", [1.0, 8.0])  # with 8, the largest scores have to be taken off
def test_attention_is_the_same_for_vectors_with_their_features_first(scale, masked):
    batch, heads, tokens, width = 2, 3, 7, 4
    mask = np.random.default_rng(4).random((batch, 1, tokens, tokens)) < 0.7 if masked else None
    rows = [scale * normal(batch * tokens, heads * width, seed=i) for i in range(3)]
    upstream = normal(batch, heads, tokens, width, seed=3)
    results = []
    for order in (np.array, features_first):
        q, k, v = (order(x).reshape(batch, tokens, heads, width).swapaxes(1, 2) for x in rows)
        op = FastAttention()
        results.append((op.forward(*(x for x in (q, k, v, mask) if x is not None)), *op.backward(upstream)[:3]))
    for first, expected in zip(*reversed(results), strict=True):
        assert_close(first, expected, relative=1e-12, least=1e-12)


# --- one element, one token


@pytest.mark.parametrize("approximate", ["none", "tanh"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gelu_gives_the_same_bits_in_blocks_of_any_size(approximate, dtype):
    x, upstream = 3 * normal(17, 29, dtype=dtype), normal(17, 29, seed=1, dtype=dtype)
    results = []
    for block in (1 << 15, 1, 7, 64, 100, 17 * 29, 17 * 29 - 1):
        op = FastGELU(approximate)
        op.block = block
        results.append((op.forward(x), op.backward(upstream)))
    for y, dx in results[1:]:
        np.testing.assert_array_equal(y, results[0][0])
        np.testing.assert_array_equal(dx, results[0][1])


@pytest.mark.parametrize("mean", [0.0, 1e3, -1e3])
@pytest.mark.parametrize("width", [16, 256, 768])
def test_layer_norm_in_float32_is_as_exact_as_its_input_whatever_the_mean(mean, width):
    x = (mean + normal(100, width)).astype(np.float32)
    gamma, beta, upstream = 1 + normal(width, seed=1), normal(width, seed=2), normal(100, width, seed=3)
    results = []
    for dtype in (np.float32, np.float64):
        op = FastLayerNorm()
        y = op.forward(x.astype(dtype), gamma.astype(dtype), beta.astype(dtype))
        results.append([y, *op.backward(upstream.astype(dtype))])
    # float32 lie 6e-5 apart at 1,000; the variance as a difference of squares would be off by 0.1
    tolerance = 5 * np.spacing(np.float32(max(abs(mean), 4)))
    for got, expected in zip(*results, strict=True):
        assert got.dtype == np.float32
        assert_close(got, expected, relative=tolerance)


def test_attention_in_float32_is_exact_where_scores_are_large():
    q, k, v = (np.array(x, np.float32) for x in ([[1.0]], [[1e6], [1e6 + 1]], [[0.0], [1.0]]))
    y = F.scaled_dot_product_attention(Tensor(q), Tensor(k), Tensor(v), scale=1.0)
    assert y.item() == pytest.approx(1 / (1 + np.exp(-1)), rel=1e-6)


@pytest.mark.parametrize(
    ("x", "dtype"), [(-6.0, np.float32), (-10.0, np.float32), (-10.0, np.float64), (-37.0, np.float64)]
)
@pytest.mark.parametrize("choice", [textbook, use_kernels])
def test_gelu_keeps_its_precision_where_it_is_tiny(x, dtype, choice):
    mpmath = pytest.importorskip("mpmath")
    exact = mpmath.mpf(x) * mpmath.erfc(-mpmath.mpf(x) / mpmath.sqrt(2)) / 2
    with choice():
        y = F.gelu(Tensor(np.array([x], dtype))).data[0]
    assert y == pytest.approx(float(exact), rel=200 * float(np.finfo(dtype).eps))  # x²/2 is rounded, and then raised to
