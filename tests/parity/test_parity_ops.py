"""Every function of `functional` and every Tensor method and operator against PyTorch, in float64."""

import inspect
import operator

import numpy as np
import pytest
from support.against_torch import assert_agrees, assert_same, to_torch, torch
from support.complete_op import SAMPLED
from support.parity_cases import CASES, EXTREME, TIED, normal, positive

from minattn import Tensor
from minattn import functional as F


class TorchFunctions:
    """PyTorch's functions: those of torch.nn.functional, else those of torch."""

    def __getattr__(self, name):
        return getattr(torch.nn.functional, name, None) or getattr(torch, name)


def each(table):
    return [
        pytest.param(call, inputs, id=f"{name}-{i}")
        for name, cases in table.items()
        for i, (call, *inputs) in enumerate(cases)
    ]


@pytest.mark.parametrize(("call", "inputs"), each(CASES))
def test_the_same_call_gives_pytorchs_result_and_gradients(call, inputs):
    assert_agrees(lambda *x: call(F, *x), lambda *x: call(TorchFunctions(), *x), *inputs)


def visible_arguments(name):
    """The parameters of PyTorch's function by name, or none where it is written in C++."""
    try:
        parameters = inspect.signature(getattr(TorchFunctions(), name)).parameters
    except ValueError:
        return {}
    return {} if parameters.keys() == {"args", "kwargs"} else parameters


@pytest.mark.parametrize("name", [name for name in CASES if visible_arguments(name)])
def test_the_arguments_have_pytorchs_order_and_defaults(name):
    theirs, ours = visible_arguments(name), inspect.signature(getattr(F, name)).parameters
    shared = [name for name in theirs if name in ours]
    assert shared == [name for name in ours if name in theirs]
    differ = {name for name in shared if ours[name].default != theirs[name].default}
    assert differ <= {"dim", "ignore_index"}  # softmax has no default, and no ignore_index means -100


# --- Tensor: the same text on both

METHODS = {
    **{name: [(operator.methodcaller(name), positive(*s)) for s in ((3, 4), (), (0, 2))]
       for name in ("exp", "log", "sqrt", "tanh", "sigmoid", "relu")},
    "sum": [
        (lambda x: x.sum(), normal(3, 4)),
        (lambda x: x.sum(1, True), normal(3, 4)),
        (lambda x: x.sum(axis=(0, 2), keepdims=True), normal(2, 3, 4)),
        (lambda x: x.sum(dim=[0, -1]), normal(2, 3, 4)),
    ],
    "mean": [(lambda x: x.mean(), normal(3, 4)), (lambda x: x.mean(-1, keepdim=True), normal(3, 4))],
    "var": [(lambda x: x.var(), normal(3, 4)), (lambda x: x.var(0, correction=0), normal(3, 4))],
    "max": [(lambda x: x.max(), x) for x in (normal(3, 4), TIED, EXTREME)],
    "reshape": [(lambda x: x.reshape(2, -1), normal(3, 4)), (lambda x: x.reshape((4, 3)), normal(3, 4))],
    "permute": [(lambda x: x.permute(2, 0, 1), normal(2, 3, 4)), (lambda x: x.permute((1, 0)), normal(3, 4))],
    "transpose": [(lambda x: x.transpose(0, -1), normal(2, 3, 4))],
    "T": [(lambda x: x.T, normal(3, 4))],
    "mT": [(lambda x: x.mT, normal(2, 3, 4))],
    "expand": [
        (lambda x: x.expand(2, 3, 4), normal(3, 1)),
        (lambda x: x.expand((2, -1, -1)), normal(3, 4)),
        (lambda x: x.expand(0, 3), normal(1, 3)),
    ],
    "detach": [(lambda x: x.detach() * x, normal(3))],
    "neg": [(lambda x: -x, normal(3))],
    "iter": [(lambda x: tuple(x), normal(3, 2))],
    "reuse": [(lambda x: (x * x + x) * x.exp() - x, normal(3, 4)), (lambda x: x + x, normal(2))],
}  # fmt: skip
OPERATORS = ("add", "sub", "mul", "truediv", "pow", "matmul")
KEYS = [
    *(0, -1, slice(1, None), slice(None, None, 2), (slice(None), 1), (..., -1), (None, 1), (0, 1, 2), ()),
    *([0, 2, 0, 0], (slice(None), [1, 1]), ([0, 2], [1, 1]), (slice(None), slice(None), [3, 0, 3])),
    *(slice(1, 1), (1, slice(1, 3), None)),
]


@pytest.mark.parametrize(("call", "inputs"), each(METHODS))
def test_a_tensor_method_gives_pytorchs_result_and_gradient(call, inputs):
    assert_agrees(call, call, *inputs)


def test_no_method_is_left_out():
    elsewhere = {
        "shape",
        "dtype",
        "ndim",
        "size",
        "device",
        "is_leaf",
        "item",
        "numpy",
        "to",
        "backward",
        "gradients",
        "changed",
    }
    slots = {"data", "grad", "node", "requires_grad", "version"}
    assert {name for name in vars(Tensor) if not name.startswith("_")} - elsewhere - slots <= METHODS.keys() | SAMPLED


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_takes_tensors_arrays_and_numbers_on_either_side(name):
    run = getattr(operator, name)
    x, array = positive(3, 3), positive(3, 3)
    assert_agrees(run, run, x, positive(3, 3))
    assert_agrees(lambda x: run(x, array), lambda x: run(x, to_torch(array)), x)
    assert_agrees(lambda x: run(array, x), lambda x: run(to_torch(array), x), x)
    if name != "matmul":
        for number in (2, 0.5, -1):
            assert_agrees(lambda x, n=number: run(x, n), lambda x, n=number: run(x, n), x)
        for number in (2, 0.5):
            assert_agrees(lambda x, n=number: run(n, x), lambda x, n=number: run(n, x), x)


@pytest.mark.parametrize("name", ["lt", "le", "gt", "ge", "eq", "ne"])
def test_a_comparison_gives_pytorchs_answer(name):
    run = getattr(operator, name)
    for other in (TIED[::-1].copy(), TIED[0], np.asarray(2.0)):
        np.testing.assert_array_equal(run(Tensor(TIED), Tensor(other)), run(to_torch(TIED), to_torch(other)).numpy())
    np.testing.assert_array_equal(run(Tensor(TIED), 2), run(to_torch(TIED), 2).numpy())


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_an_index_picks_and_returns_gradients_as_in_pytorch(key):
    assert_agrees(lambda x: x[key], lambda x: x[key], normal(3, 2, 4))


def test_a_boolean_mask_and_an_array_of_ids_pick_as_in_pytorch():
    mask, ids = np.array([[True, False], [False, False], [True, True]]), np.array([[2, 0], [2, 2]])
    assert_agrees(lambda x, m: x[m], lambda x, m: x[m], normal(3, 2, 4), mask)
    assert_agrees(lambda x, m: x[m], lambda x, m: x[m], normal(3, 2, 4), np.zeros((3, 2), bool))
    assert_agrees(lambda x, i: x[i, 1], lambda x, i: x[i, 1], normal(3, 2, 4), ids)


def test_whole_numbers_and_booleans_add_up_as_in_pytorch():
    for data, number in (([True, False], 1), ([True, False], True), ([1, 2], 3), ([1, 2], True)):
        assert (Tensor(data) + number).data.tolist() == (torch.tensor(data) + number).tolist()
    flags = np.array([True, False])
    assert F.where(flags, 1, 2).data.tolist() == torch.where(to_torch(flags), 1, 2).tolist()


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "power", "maximum", "matmul"])
def test_a_numpy_function_of_two_on_tensors_is_pytorchs(name):
    run, theirs = getattr(np, name), getattr(torch, {"power": "pow"}.get(name, name))
    assert_agrees(run, theirs, positive(3, 3), positive(3, 3))


@pytest.mark.parametrize("name", ["negative", "exp", "log", "sqrt", "tanh"])
def test_a_numpy_function_of_one_on_a_tensor_is_pytorchs(name):
    assert_agrees(getattr(np, name), getattr(torch, name), positive(3, 3))


def test_dropout_with_the_same_elements_kept_is_pytorchs_scaling():
    x, upstream = normal(50, 8), normal(50, 8)
    mine = Tensor(x, requires_grad=True)
    output = F.dropout(mine, 0.3, generator=np.random.default_rng(4))
    output.backward(upstream)
    torch.manual_seed(0)
    other = to_torch(np.ones_like(x))
    scale = torch.nn.functional.dropout(other, 0.3).max().item()  # what PyTorch multiplies a kept element with
    kept = (output.data != 0) * scale
    assert 0 < (kept == 0).mean() < 0.5
    assert_same(output.data, x * kept)
    assert_same(mine.grad, upstream * kept)


def test_dropout_of_everything_gives_zeros_and_a_zero_gradient():
    generator = np.random.default_rng(0)
    assert_agrees(
        lambda x: F.dropout(x, 1.0, generator=generator),
        lambda x: torch.nn.functional.dropout(x, 1.0),
        normal(3, 4),
    )


def test_a_second_backward_adds_the_same_again():
    x = normal(3, 4)
    mine, other = Tensor(x, requires_grad=True), to_torch(x, True)
    for _ in range(2):
        (mine * mine).sum().backward()
        (other * other).sum().backward()
    assert_same(mine.grad, other.grad)


# --- where the two differ

NO_SCORE = np.array([[0.0, 1.0], [-np.inf, -np.inf]])


@pytest.mark.parametrize(
    ("call", "inputs", "reason"),
    [
        (lambda F, x: F.softmax(x, -1), [NO_SCORE], "fully masked row"),
        (lambda F, x: F.logsumexp(x, -1), [NO_SCORE], "every score of a row is -inf"),
        (lambda F, x: F.pow(x, 0.5), [np.array([-1.0, 4.0])], "a negative number to a fractional power"),
        (
            lambda F, a, b: F.pow(a, b),
            [np.array([-1.0, 4.0]), np.array([2.0, 2.0])],
            "gradient of its input 1",
        ),
        (lambda F, x, t: F.cross_entropy(x, t), [normal(2, 3), np.full(2, -100)], "a mean over no tokens"),
        (lambda F, x, t: F.cross_entropy(x, t), [normal(0, 3), np.zeros(0, int)], "a mean over no tokens"),
    ],
    ids=["softmax", "logsumexp", "root", "exponent", "all-ignored", "no-rows"],
)
def test_where_pytorch_gives_nan_or_inf_the_forward_agrees_and_backward_names_the_reason(call, inputs, reason):
    mine = [Tensor(x, requires_grad=True) if x.dtype.kind == "f" else x for x in inputs]
    other = [to_torch(x, x.dtype.kind == "f") for x in inputs]
    with np.errstate(all="ignore"):
        output = call(F, *mine)
        expected = call(TorchFunctions(), *other)
        np.testing.assert_allclose(output.data, expected.detach().numpy(), rtol=1e-10)
        with pytest.raises(FloatingPointError, match=reason):
            output.backward(np.ones(output.shape))
    expected.backward(torch.ones_like(expected))
    values = [expected.detach(), *(x.grad for x in other if x.requires_grad)]
    assert not all(bool(torch.isfinite(value).all()) for value in values)


def test_a_zero_to_a_power_needs_only_the_gradient_of_the_power():
    with np.errstate(all="ignore"):  # NumPy warns of the slope in the base, which nobody asked for
        assert_agrees(lambda b: 0**b, lambda b: 0**b, np.array([0.0, 0.5, 2.0]))


def test_ids_on_both_sides_of_a_slice_follow_numpy():
    x = normal(2, 3, 4)
    np.testing.assert_array_equal(Tensor(x)[0, :, [0, 1]].data, x[0, :, [0, 1]])
    assert tuple(to_torch(x)[0, :, [0, 1]].shape) == Tensor(x)[0, :, [0, 1]].shape[::-1]


def test_log_softmax_over_no_scores_is_pytorchs():
    with np.errstate(divide="ignore"):  # the logarithm of an empty sum, of which nothing is used
        assert_agrees(lambda x: F.log_softmax(x, -1), lambda x: torch.log_softmax(x, -1), normal(3, 0))
