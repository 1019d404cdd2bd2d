"""Every function refuses what it cannot use in one sentence: what was expected, what came, which argument."""

import contextlib
from functools import partial

import numpy as np
import pytest
from support.complete_op import functions
from support.numeric import assert_differentiated

import minattn
from minattn import Tensor
from minattn import functional as F
from minattn.ops.kernels import use_kernels

x = Tensor(np.arange(6, dtype=np.float32).reshape(2, 3))
wide = Tensor(np.ones((4, 3), np.float32))
cube = Tensor(np.ones((2, 4, 3), np.float32))
ids = Tensor(np.arange(6).reshape(2, 3))
rng = np.random.default_rng(0)
sdpa = F.scaled_dot_product_attention


def causes(kind, *rows):
    return [pytest.param(*row, kind, id=f"{row[0]}: {row[2][:40]}") for row in rows]


OF_TWO = {
    **{"add": "Add", "sub": "Subtract", "subtract": "Subtract", "mul": "Multiply", "multiply": "Multiply"},
    **{"div": "Divide", "divide": "Divide", "pow": "Power", "matmul": "MatMul", "mse_loss": "Subtract"},
    **{"maximum": "Maximum", "minimum": "Maximum"},
}
ALONG = {
    **{"softmax": [2], "log_softmax": [-3], "chunk": [2, 2], "max": [2], "min": [2], "argmax": [2], "argmin": [2]},
    **{"flatten": [2], "squeeze": [2]},
}

# function, a call of it, and what the sentence says
SHAPES = causes(
    ValueError,
    *((f, partial(getattr(F, f), x, wide), rf"^{op}: .*; shapes \(2, 3\), \(4, 3\)$") for f, op in OF_TWO.items()),
    ("where", lambda: F.where(np.ones(4, bool), x, x), r"^Where: .*; shapes \(4,\), \(2, 3\), \(2, 3\)$"),
    ("sum", lambda: F.sum(x, 2), r"^Sum: axis 2 is out of bounds .* dimension 2; shapes \(2, 3\)$"),
    ("mean", lambda: F.mean(x, (0, 0)), r"^Mean: duplicate value in 'axis'; shapes \(2, 3\)$"),
    ("var", lambda: F.var(x, -3), r"^Variance: axis -3 is out of bounds"),
    ("amax", lambda: F.amax(x, 2), r"^Max: axis 2 is out of bounds"),
    ("amax", lambda: F.amax(x[:0], 0), r"^Max: zero-size array .*; shapes \(0, 3\)$"),
    ("reshape", lambda: F.reshape(x, (4, 2)), r"^Reshape: .*size 6 into shape \(4,2\); shapes \(2, 3\)$"),
    ("permute", lambda: F.permute(x, (0,)), r"^Transpose: axes don't match array; shapes \(2, 3\)$"),
    ("permute", lambda: F.permute(x, (0, 0)), "^Transpose: repeated axis"),
    ("broadcast_to", lambda: F.broadcast_to(x, (4, 3)), r"^BroadcastTo: .*; shapes \(2, 3\)$"),
    ("broadcast_to", lambda: F.broadcast_to(x, (3,)), r"^BroadcastTo: .*; shapes \(2, 3\)$"),
    ("cat", lambda: F.cat([x, wide], 1), r"^Concatenate: .*; shapes \(2, 3\), \(4, 3\)$"),
    ("cat", lambda: F.cat([x, x], 2), r"^Concatenate: axis 2 is out of bounds"),
    ("cat", lambda: F.cat([]), "^cat: tensors must be at least one Tensor, got none$"),
    ("stack", lambda: F.stack([x, wide]), r"^Stack: .*; shapes \(2, 3\), \(4, 3\)$"),
    ("stack", lambda: F.stack([]), "^stack: tensors must be at least one Tensor, got none$"),
    ("split", lambda: F.split(x, 0), "^split: split_size must be at least 1, got 0$"),
    ("split", lambda: F.split(x, [1, 1], 1), r"^split: lengths \[1, 1\] do not add up to 3, .* axis 1$"),
    ("split", lambda: F.split(x, [-1, 4], 1), r"^split: lengths \[-1, 4\]"),
    ("matmul", lambda: F.matmul(x, 2.0), r"^MatMul: .*; shapes \(2, 3\), \(\)$"),
    ("einsum", lambda: F.einsum("ij,jk->ik", x, wide), r"'j'.*; shapes \(2, 3\), \(4, 3\)$"),
    ("einsum", lambda: F.einsum("ij->i", x, wide), "the equation 'ij->i' is for 1 operands, got 2"),
    ("einsum", lambda: F.einsum("ijk,kj->i", x, wide), "'ijk' .* does not name the axes .* 2 axes"),
    ("linear", lambda: F.linear(x, x.T), r"linear: input .* weight .* \(2, 3\) and \(3, 2\)$"),
    ("linear", lambda: F.linear(x, wide, x), r"^linear: bias has shape \(2, 3\), expected \(4,\)$"),
    ("logsumexp", lambda: F.logsumexp(x, 2), "^LogSumExp: axis 2 is out of bounds"),
    ("layer_norm", lambda: F.layer_norm(x, (2,)), r"input has shape \(2, 3\), .* must be \(2,\)$"),
    ("layer_norm", lambda: F.layer_norm(x, ()), r"its last axes must be \(\)$"),
    ("layer_norm", lambda: F.layer_norm(x, (3,), x), r"weight has shape \(2, 3\), expected \(3,\)$"),
    ("layer_norm", lambda: F.layer_norm(x, (3,), None, x), r"bias has shape \(2, 3\), expected \(3,\)$"),
    ("embedding", lambda: F.embedding([0], x[0]), r"weight has shape \(3,\), expected \(V, D\)$"),
    ("sdpa", lambda: sdpa(x, wide.T, wide), "query has width 3 but key has 4"),
    ("sdpa", lambda: sdpa(x, wide, x), "key has 4 tokens but value has 2"),
    ("sdpa", lambda: sdpa(x[0], x, x), r"at least two axes .* \(3,\), \(2, 3\)"),
    ("sdpa", lambda: attend(np.ones((3, 4), bool)), r"attn_mask has shape \(3, 4\), .* scores' \(2, 4\)$"),
    ("sdpa", lambda: attend(np.ones((5, 2, 4), bool)), r"attn_mask has shape \(5, 2, 4\), .* \(2, 4\)$"),
    ("cross_entropy", lambda: F.cross_entropy(x, [1]), r"target has shape \(1,\), expected \(2,\)"),
    (
        "cross_entropy",
        lambda: F.cross_entropy(cube, [[1, 1]]),
        r"target has shape \(1, 2\), expected \(2, 3\) for 4 classes$",
    ),
    (
        "linear_cross_entropy",
        lambda: F.linear_cross_entropy(x, wide.T, [0]),
        r"input \(…, I\) and weight \(O, I\) expected",
    ),
    ("linear_cross_entropy", lambda: F.linear_cross_entropy(x, wide, [0]), r"target has shape \(1,\), expected \(2,\)"),
    ("cross_entropy", lambda: F.cross_entropy(x[0, 0], 0), r"input has no classes, its shape is \(\)$"),
)

CHOICES = causes(
    ValueError,
    ("argmax", lambda: F.argmax(x[:0]), r"^argmax: there is no element to choose along dim None of shape \(0, 3\)$"),
    ("max", lambda: F.max(x[:0], 0), r"^argmax: there is no element to choose along dim 0 of shape \(0, 3\)$"),
    ("clamp", lambda: F.clamp(x), "^clamp: expected min, max or both, got neither$"),
    ("chunk", lambda: F.chunk(x, 0), "^chunk: chunks must be at least 1, got 0$"),
    ("masked_fill", lambda: F.masked_fill(x, x > 1, wide), r"^masked_fill: value must be one number, got shape"),
    ("flatten", lambda: F.flatten(x, 1, 0), "^flatten: start_dim 1 comes after end_dim 0"),
    ("mm", lambda: F.mm(x, wide), r"^mm: expected \(N, K\) and \(K, M\), got shapes \(2, 3\) and \(4, 3\)$"),
    ("bmm", lambda: F.bmm(x, wide.T), r"^bmm: expected \(B, N, K\) and \(B, K, M\), got shapes"),
    ("nll_loss", lambda: F.nll_loss(x, [1]), r"nll_loss: target has shape \(1,\), expected \(2,\)"),
    ("view", lambda: F.view(x, 4, 2), r"^Reshape: .*size 6 into shape \(4,2\)"),
    ("expand", lambda: F.expand(x, 4, 3), r"^BroadcastTo: "),
    ("std", lambda: F.std(x, (0, 0)), r"^Variance: duplicate value in 'axis'"),
    ("amin", lambda: F.amin(x, 2), r"^Max: axis 2 is out of bounds"),
    ("sdpa", lambda: sdpa(cube, cube[:, :, None][:, :3], cube, enable_gqa=True), "with enable_gqa the heads of query"),
    ("sdpa", lambda: sdpa(x, x, x, dropout_p=0.5), "^dropout: pass generator="),
    ("cross_entropy", lambda: F.cross_entropy(x, x, ignore_index=1), "ignore_index is an id of a class, but the"),
    (
        "cross_entropy",
        lambda: F.cross_entropy(x, wide),
        r"probabilities have shape \(4, 3\), expected input's \(2, 3\)",
    ),
    ("cross_entropy", lambda: F.cross_entropy(x, [0, 1], wide), r"weight has shape \(4, 3\), expected \(3,\)$"),
    ("gelu", lambda: F.gelu(x, "erf"), "approximate must be one of 'none', 'tanh', got 'erf'"),
    ("dropout", lambda: F.dropout(x, 1.5, generator=rng), "p is a probability, got 1.5"),
    ("dropout", lambda: F.dropout(x, -0.1, training=False), "p is a probability, got -0.1"),
    ("dropout", lambda: F.dropout(x, 0.5), "pass generator="),
    ("cross_entropy", lambda: F.cross_entropy(x, [0, 1], reduction="max"), "'mean', 'sum', 'none', got 'max'"),
    ("cross_entropy", lambda: F.cross_entropy(x, [0, 1], label_smoothing=2.0), r"in \[0, 1\], got 2"),
)

IDS = causes(
    IndexError,
    *((f, partial(getattr(F, f), x, *dims), f"^{f}: dim must be one of the 2 axes") for f, dims in ALONG.items()),
    ("transpose", lambda: F.transpose(x, 0, 2), r"^transpose: dim must be one of the 2 axes of shape \(2, 3\), got 2$"),
    ("split", lambda: F.split(x, 1, 2), r"^split: dim .* the 2 axes of shape \(2, 3\), got 2$"),
    ("unsqueeze", lambda: F.unsqueeze(x, 3), r"^unsqueeze: dim must be one of the 3 axes of shape \(2, 3, 1\), got 3$"),
    ("embedding", lambda: F.embedding([0], wide, 4), "^embedding: padding_idx 4 is out of range, there are 4"),
    ("embedding", lambda: F.embedding([3, 4], wide), r"embedding: id 4 .* there are 4 \(0 to 3\)$"),
    ("embedding", lambda: F.embedding([[-1]], wide), r"embedding: id -1 is out of range"),
    ("cross_entropy", lambda: F.cross_entropy(x, [0, 3]), r"target 3 .* there are 3 \(0 to 2\)$"),
    ("cross_entropy", lambda: F.cross_entropy(x, [0, -1]), "target -1 is out of range"),
    ("cross_entropy", lambda: F.cross_entropy(x, [0, -100], ignore_index=5), "target -100 is out of range"),
    ("[]", lambda: x[2], r"^Index: index 2 is out of bounds .*; shapes \(2, 3\)$"),
    ("[]", lambda: x[0, 0, 0], r"^Index: too many indices .*; shapes \(2, 3\)$"),
)

DTYPES = causes(
    TypeError,
    ("abs", lambda: F.abs("one"), "expected numbers .* got dtype <U3"),
    ("var", lambda: F.var(x, 0, 0), "unbiased must be True or False, got 0; a divisor N - n is correction=n"),
    ("sum", lambda: F.sum(x, True), r"^sum: dim must be whole numbers, got \(True,\)$"),
    ("sum", lambda: F.sum(x, 0.0), r"^sum: dim must be whole numbers, got \(0.0,\)$"),
    ("sum", lambda: F.sum(x, 0, 1), "^sum: keepdim must be True or False, got 1$"),
    ("softmax", lambda: F.softmax(x, -1, np.float16), "dtype must be float64, or input's float32, got float16"),
    ("max", lambda: F.max(x, (0, 1)), "dim must be a whole number"),
    ("where", lambda: F.where(x, x, x), "where: condition must be a boolean array, got dtype float32"),
    ("where", lambda: F.where([True], x, x), "condition must be a boolean array, got list"),
    ("embedding", lambda: F.embedding([0.5], wide), "embedding: input must be integers, got dtype float64"),
    ("cross_entropy", lambda: F.cross_entropy(x, [0.0, 1.0]), "target must be integers, got dtype float64"),
    ("sdpa", lambda: attend(np.ones((2, 4), int)), "attn_mask must be a boolean array, .* got dtype int64"),
    ("sdpa", lambda: attend([[True] * 4]), "attn_mask must be a boolean array, .* got list"),
    ("einsum", lambda: np.einsum(x, [0, 1], [1]), "^einsum: expected an equation like .* first, got Tensor$"),
    ("add", lambda: F.add(x, "one"), "expected numbers .* got dtype <U3"),
    ("exp", lambda: F.exp(None), "expected numbers .* got dtype object"),
)


def attend(mask):
    return sdpa(x, wide, wide, mask)


@pytest.mark.parametrize(("function", "call", "sentence", "kind"), SHAPES + CHOICES + IDS + DTYPES)
def test_bad_input_is_refused_in_one_sentence(function, call, sentence, kind):
    with pytest.raises(kind, match=sentence) as caught:
        call()
    assert type(caught.value) is kind and "\n" not in str(caught.value)


NEED_FLOATS = {
    "gelu": ("input", F.gelu),
    "softmax": ("input", lambda bad: F.softmax(bad, -1)),
    "log_softmax": ("input", lambda bad: F.log_softmax(bad, -1)),
    "logsumexp": ("input", lambda bad: F.logsumexp(bad, 0)),
    "layer_norm": ("input", lambda bad: F.layer_norm(bad, (3,))),
    "dropout": ("input", lambda bad: F.dropout(bad, 0.5, generator=rng)),
    "embedding": ("weight", lambda bad: F.embedding([0], bad)),
    "linear": ("input", lambda bad: F.linear(bad, wide)),
    "linear ": ("weight", lambda bad: F.linear(x, bad)),
    "attention": ("query", lambda bad: sdpa(bad, x, x)),
    "attention ": ("key", lambda bad: sdpa(x, bad, x)),
    "attention  ": ("value", lambda bad: sdpa(x, x, bad)),
    "cross_entropy": ("input", lambda bad: F.cross_entropy(bad, [0, 1])),
}


@pytest.mark.parametrize("name", NEED_FLOATS)
def test_integers_lists_and_nothing_are_refused_where_floats_are_needed(name):
    argument, call = NEED_FLOATS[name]
    for bad, came in ((ids, "dtype int64"), ([[1.0, 2.0]], "list"), (None, "NoneType")):
        message = rf"^{name.strip()}: {argument} must be a floating-point Tensor, got {came}$"
        with pytest.raises(TypeError, match=message):
            call(bad)


POINTWISE = ["neg", "exp", "log", "sqrt", "tanh", "sigmoid", "relu", "gelu", "abs"]
REDUCTIONS = ["sum", "mean", "var", "amax", "max", "min", "std", "flatten", "squeeze"]


@pytest.mark.parametrize("name", POINTWISE + REDUCTIONS)
def test_an_array_may_be_given_for_a_tensor(name):
    array = 1 + np.random.default_rng(0).random((2, 3))
    y = getattr(F, name)(array)
    assert type(y) is Tensor
    np.testing.assert_array_equal(y.data, getattr(F, name)(Tensor(array)).data)


def test_numbers_alone_make_a_tensor():
    assert F.add(1.0, 2).item() == 3.0
    assert F.maximum(1, 2).item() == 2
    assert F.exp(0.0).item() == 1.0


def test_an_ignored_target_may_be_any_number():
    for ignored in (-100, 99):
        loss = F.cross_entropy(x, [ignored, 1], ignore_index=ignored)
        assert loss.item() == F.cross_entropy(x[1:], [1]).item()


def test_dropout_outside_training_hands_its_input_on():
    assert F.dropout(x, 0.5, training=False) is x
    assert F.dropout(x, 0.0) is x
    np.testing.assert_array_equal(F.dropout(x, 1.0, generator=rng).data, np.zeros((2, 3)))


def test_dropout_keeps_the_share_and_the_mean():
    y = F.dropout(Tensor(np.ones(100_000, np.float32)), 0.25, generator=np.random.default_rng(0)).data
    assert set(np.unique(y)) == {np.float32(0), np.float32(4 / 3)}
    assert abs((y == 0).mean() - 0.25) < 0.01  # seven standard deviations of a share of 100,000


def test_every_public_function_is_tried_with_something_wrong():
    tried = {row.values[0] for row in SHAPES + CHOICES + IDS + DTYPES} | {name.strip() for name in NEED_FLOATS}
    aliases = {"concatenate": "cat", "scaled_dot_product_attention": "sdpa"}
    of_one_tensor = {"neg", "log", "sqrt", "tanh", "sigmoid", "relu"}  # like exp: any array of numbers will do
    untried = {aliases.get(name, name) for name in functions()} - tried - of_one_tensor
    assert not untried, f"put a row into SHAPES, CHOICES, IDS, DTYPES or NEED_FLOATS of this file for {sorted(untried)}"


WHOLE = [np.array([0, 5, 200], np.uint8), np.array([-128, 5], np.int8), np.array([np.iinfo(np.int64).min, 5])]


@pytest.mark.parametrize("numbers", [*WHOLE, np.array([True, False])], ids=lambda x: str(x.dtype))
def test_the_smallest_of_whole_numbers_is_found_where_their_negatives_do_not_fit(numbers):
    x, one = Tensor(numbers), np.ones_like(numbers)
    assert F.amin(x).item() == F.min(x).item() == F.min(x, 0).values.item() == np.min(numbers)
    assert F.argmin(x) == F.min(x, 0).indices == np.argmin(numbers)
    np.testing.assert_array_equal(F.minimum(x, one).data, np.minimum(numbers, one))
    np.testing.assert_array_equal(F.abs(x).data, np.abs(numbers))


@pytest.mark.parametrize("reduce", [F.sum, F.mean])
def test_a_long_sum_in_float32_keeps_its_digits(reduce):
    x = np.full((1_000_000, 2), 0.1, np.float32)
    exact = getattr(np, reduce.__name__)(x.astype(np.float64), axis=0)
    np.testing.assert_allclose(reduce(Tensor(x), 0).data, exact, rtol=1e-7)


def test_the_gradient_of_a_bias_over_many_rows_keeps_its_digits():
    rows = Tensor(np.ones((300_000, 2), np.float32))
    weight, by_add, by_linear = (Tensor(np.zeros(n, np.float32), requires_grad=True) for n in ((2, 2), 2, 2))
    ((rows + by_add) * 0.1).sum().backward()
    (F.linear(rows, weight, by_linear) * 0.1).sum().backward()
    for bias in (by_add, by_linear):
        np.testing.assert_allclose(bias.grad, np.float32(0.1) * 300_000.0, rtol=1e-4)


def test_columns_without_deviation_have_none_in_float32():
    x = Tensor(np.full((100_000, 2), 123.456, np.float32))
    np.testing.assert_array_equal(F.std(x, 0).data, 0.0)


@pytest.mark.parametrize("number", [123.456, 12345.678, 100000.3])
def test_a_row_of_equal_numbers_is_normalised_to_0(number):
    rows = np.full((2, 768), number, np.float32)
    for way in (minattn.textbook, contextlib.nullcontext):
        with way():
            np.testing.assert_allclose(F.layer_norm(Tensor(rows), 768).data, 0.0, atol=1e-6)


def test_deviation_and_length_have_slope_0_at_0_as_in_pytorch():
    x = Tensor([2.0, 2.0, 2.0], requires_grad=True)
    x.std().backward()
    np.testing.assert_array_equal(x.grad, 0.0)
    y = Tensor([[0.0, 0.0], [3.0, 4.0]], requires_grad=True)
    np.linalg.norm(y, axis=1).sum().backward()
    np.testing.assert_allclose(y.grad, [[0.0, 0.0], [0.6, 0.8]])


@pytest.mark.parametrize("kernels", [False, True])
@pytest.mark.parametrize(
    ("call", "shapes"),
    [
        (lambda q, k, v, m: sdpa(q, k, v, m), [(2, 3, 4), (2, 5, 4), (2, 5, 2), (3, 5)]),
        (lambda q, k, v, m: sdpa(q, k, v, m, is_causal=True), [(2, 4, 3), (2, 4, 3), (2, 4, 2), (2, 1, 4)]),
        (lambda q, k, v, m: sdpa(q, k, v, 400 * m), [(3, 4), (5, 4), (5, 2), (3, 5)]),
        (lambda q, k, v: sdpa(q, k, v, enable_gqa=True), [(4, 3, 2), (2, 3, 2), (2, 3, 5)]),
        (lambda x: F.einsum("ijk->ki", x), [(2, 3, 4)]),
        (lambda x, y: F.einsum("ii,i->i", x, y), [(3, 3), (3,)]),
        (lambda x, y, z: F.einsum("ij,jk,k->i", x, y, z), [(2, 3), (3, 4), (4,)]),
    ],
)
def test_what_has_no_sample_of_an_op_has_the_gradients_of_its_value(call, shapes, kernels):
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=shape) for shape in shapes]
    with use_kernels() if kernels else contextlib.nullcontext():
        assert_differentiated(call, inputs, step=1e-5)


def test_a_query_that_an_added_mask_lets_look_nowhere_gets_0():
    mask = np.array([[0.0, -np.inf, 0.0], [-np.inf] * 3], np.float32)
    for way in (minattn.textbook, contextlib.nullcontext):
        with way():
            q = Tensor(np.ones((2, 4), np.float32), requires_grad=True)
            y = sdpa(q, Tensor(np.eye(3, 4, dtype=np.float32)), Tensor(np.ones((3, 2), np.float32)), mask)
            y.sum().backward()
            np.testing.assert_allclose(y.data, [[1, 1], [0, 0]], rtol=1e-6)
            assert np.isfinite(q.grad).all()
