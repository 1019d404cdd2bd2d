"""A Tensor behaves like the array it holds: operators, indexing, NumPy's functions, what it shows."""

import operator

import numpy as np
import pytest
from support.numeric import assert_differentiated

from minattn import Tensor, apply, no_grad
from minattn.ops import Exp

ARITHMETIC = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "np.maximum": np.maximum,
}
SHAPES = [((2, 3), (2, 3)), ((2, 3), (3,)), ((1, 3), (2, 1)), ((), (2, 3)), ((4, 1, 3), (2, 1)), ((0, 3), (1, 3))]


def positive(*shape, seed=0):
    """Random numbers in [1, 2), safe for every operator, as an array even without dimensions."""
    return np.asarray(1 + np.random.default_rng([seed, *shape]).random(shape))


def upstream_like(y):
    return np.asarray(np.random.default_rng(5).normal(size=y.shape))


@pytest.mark.parametrize("name", ARITHMETIC)
@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_two_tensors_broadcast_and_both_get_the_gradient_of_their_own_shape(name, left, right):
    assert_differentiated(ARITHMETIC[name], [positive(*left), positive(*right, seed=1)])


@pytest.mark.parametrize("other", [3, 1.5, positive(3, seed=2)], ids=["int", "float", "array"])
@pytest.mark.parametrize("name", ARITHMETIC)
def test_a_number_or_an_array_may_stand_on_either_side(name, other):
    act = ARITHMETIC[name]
    for forward in (lambda x: act(x, other), lambda x: act(other, x)):
        assert_differentiated(forward, [positive(2, 3)])


@pytest.mark.parametrize(("left", "right"), [((2, 3), (3, 4)), ((3,), (3, 4)), ((2, 3), (3,)), ((5, 2, 3), (3, 4))])
def test_matrix_products_take_arrays_on_either_side(left, right):
    a, b = positive(*left), positive(*right, seed=1)
    assert_differentiated(lambda x: x @ b, [a])
    assert_differentiated(lambda y: a @ y, [b])
    for z in (Tensor(a) @ b, a.tolist() @ Tensor(b)):
        np.testing.assert_array_equal(z.data, a @ b)


@pytest.mark.parametrize("ufunc", [np.exp, np.log, np.sqrt, np.tanh, np.negative])
def test_numpys_functions_of_a_tensor_are_differentiated(ufunc):
    assert_differentiated(ufunc, [positive(2, 3)])


def test_a_function_of_numpy_without_a_gradient_is_refused_by_name():
    x, total = Tensor([1.0, 2.0]), np.ones(2)
    with pytest.raises(TypeError, match=r"np\.sin does not follow a Tensor, .*; x\.numpy\(\) gives the numbers"):
        np.sin(x)
    with pytest.raises(TypeError, match=r"np\.add: an array cannot take in a Tensor"):
        total += x
    with pytest.raises(TypeError, match=r"np\.add\.reduce does not follow"):
        np.add.reduce(x)
    np.testing.assert_array_equal(total, 1.0)


@pytest.mark.parametrize("number", [2, 2.0, True, np.float64(2.0)])
@pytest.mark.parametrize("name", ARITHMETIC)
def test_a_number_keeps_float32(name, number):
    x = Tensor(np.ones((2, 2), np.float32), requires_grad=True)
    for y in (ARITHMETIC[name](x, number), ARITHMETIC[name](number, x)):
        assert y.dtype == np.float32
        y.backward(np.ones((2, 2)))
        assert x.grad.dtype == np.float32


def test_a_float_makes_floats_of_integers_and_of_booleans():
    np.testing.assert_array_equal((Tensor([1, 2]) * 0.5).data, [0.5, 1.0])
    np.testing.assert_array_equal((Tensor([True, False]) + 0.5).data, [1.5, 0.5])
    np.testing.assert_array_equal((Tensor([True, True]) + 1).data, [2, 2])


@pytest.mark.parametrize("compare", [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne])
def test_comparisons_give_boolean_arrays_whoever_stands_left(compare):
    a, b = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0])
    for left, right in ((Tensor(a), Tensor(b)), (Tensor(a), b), (Tensor(a), 2.0), (a, Tensor(b))):
        result = compare(left, right)
        assert type(result) is np.ndarray
        np.testing.assert_array_equal(result, compare(a, b))


def test_tensors_are_told_apart_by_identity_in_a_dict():
    x, y = Tensor([1.0]), Tensor([1.0])
    assert {x: "x", y: "y"}[x] == "x"


KEYS = {
    "a number": 1,
    "a negative number": -1,
    "a slice": slice(1, 3),
    "a step back": (slice(None), slice(None, None, -2)),
    "an ellipsis": (..., 0),
    "a new axis": (None, slice(None), None),
    "a list with repeats": [0, 2, 0],
    "an array of ids": np.array([[0, 1], [2, 2]]),
    "a slice and ids": (slice(None), np.array([1, 1, 3])),
    "a mask": np.arange(12).reshape(3, 4) % 5 == 0,
    "a Tensor of ids": Tensor([2, 0]),
    "a tuple with a Tensor": (Tensor([2, 0, 2]), 1),
    "nothing": slice(2, 2),
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_every_way_of_indexing_sends_the_gradient_back_to_what_was_picked(key):
    bare = tuple(k.data if isinstance(k, Tensor) else k for k in key) if isinstance(key, tuple) else key
    bare = bare.data if isinstance(bare, Tensor) else bare
    a = np.random.default_rng(0).normal(size=(3, 4))
    x = Tensor(a, requires_grad=True)
    y = x[key]
    np.testing.assert_array_equal(y.data, a[bare])
    g = upstream_like(y)
    y.backward(g)
    expected = np.zeros_like(a)
    np.add.at(expected, bare, g)
    np.testing.assert_allclose(x.grad, expected, rtol=1e-15)  # repeats may be added in another order


def test_iterating_gives_the_rows_and_ends():
    x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    first, second = x
    (first * 2 + second).backward(np.ones(2))
    np.testing.assert_array_equal(x.grad, [[2, 2], [1, 1]])
    assert len(x) == 2
    for useless in (iter, len):
        with pytest.raises(TypeError, match="without dimensions has no length"):
            useless(Tensor(1.0))


def test_repr_shows_numbers_shape_dtype_and_origin():
    x = Tensor([1.0, 2.0], requires_grad=True)
    assert repr(x) == "Tensor([1., 2.], shape (2,), float64, requires_grad)"
    assert repr(x * 2) == "Tensor([2., 4.], shape (2,), float64, made by Multiply)"
    assert repr(x.detach()) == "Tensor([1., 2.], shape (2,), float64)"
    assert len(repr(Tensor(np.zeros((500, 500))))) < 200


def test_one_number_comes_out_as_a_python_number():
    assert type(Tensor(np.float32(2)).item()) is float and Tensor([[2.5]]).item() == 2.5
    assert type(Tensor([3]).item()) is int
    assert float(Tensor([1.5])) == 1.5 and bool(Tensor(1.0)) and not bool(Tensor([0.0]))
    with pytest.raises(ValueError, match=r"item: expected a Tensor with one element, got shape \(2,\)"):
        Tensor([1.0, 2.0]).item()


@pytest.mark.parametrize("method", ["sum", "mean", "var", "amax"])
@pytest.mark.parametrize("axis", [None, 1, -1, (0, 2), [0, 1]])
def test_numpys_axis_and_keepdims_mean_pytorchs_dim_and_keepdim(method, axis):
    a = positive(2, 3, 4)
    x = Tensor(a)
    numpy_axis = tuple(axis) if isinstance(axis, list) else axis
    expected = getattr(np, method)(a, axis=numpy_axis, keepdims=True, **({"ddof": 1} if method == "var" else {}))
    for options in ({"dim": axis, "keepdim": True}, {"axis": axis, "keepdims": True}):
        np.testing.assert_allclose(getattr(x, method)(**options).data, expected, rtol=1e-14)  # order of summation
    with pytest.raises(TypeError, match="unexpected argument 'axes'; expected dim and keepdim"):
        getattr(x, method)(axes=0)


@pytest.mark.parametrize("method", ["sum", "mean", "amax"])
def test_one_number_may_be_reduced_along_its_only_or_no_axis(method):
    for dim in (None, 0, -1):
        x = Tensor(2.5, requires_grad=True)
        y = getattr(x, method)(dim)
        y.backward()
        assert y.item() == 2.5 and x.grad == 1


def test_shapes_may_be_given_as_numbers_or_as_one_sequence():
    x = Tensor(np.arange(6.0).reshape(2, 3))
    for y in (x.reshape(3, 2), x.reshape((3, 2)), x.reshape([3, -1]), x.reshape(np.int64(6)).reshape(3, 2)):
        np.testing.assert_array_equal(y.data, x.data.reshape(3, 2))
    for y in (x.permute(1, 0), x.permute((1, 0)), x.T, x.mT, x.transpose(0, -1)):
        np.testing.assert_array_equal(y.data, x.data.T)
    for y in (x.expand(4, 2, 3), x.expand((4, -1, -1))):
        assert y.shape == (4, 2, 3)


def test_a_tensor_turns_into_an_array_and_shares_its_memory():
    x = Tensor(np.ones(3))
    assert np.shares_memory(np.asarray(x), x.data) and np.shares_memory(x.numpy(), x.data)
    assert np.array(x, dtype=np.float32).dtype == np.float32
    assert not np.shares_memory(np.array(x), x.data)
    x.requires_grad = True
    assert x.to("cpu") is x and x.device == "cpu" and x.is_leaf and not (x * 1).is_leaf


def test_a_detached_tensor_sends_nothing_back():
    x = Tensor([3.0], requires_grad=True)
    (x * x.detach()).backward()
    np.testing.assert_array_equal(x.grad, [3.0])  # not 6


@pytest.mark.parametrize("data", ["word", None, [{}], np.array(["a"]), np.ones(2, complex)], ids=str)
def test_what_is_not_a_number_is_refused(data):
    with pytest.raises(TypeError, match=r"Tensor: expected numbers .*, got dtype"):
        Tensor(data)
    with pytest.raises(TypeError, match="expected numbers"):
        Tensor([1.0]) + data


def test_only_floating_point_tensors_can_need_a_gradient():
    with pytest.raises(TypeError, match="requires_grad needs floating-point data, got dtype int64"):
        Tensor([1, 2], requires_grad=True)
    x = Tensor([1.0], requires_grad=True)
    assert not x[np.array([0])].detach().requires_grad
    with no_grad():
        assert not (x * x).requires_grad


def test_an_op_that_has_run_is_not_taken_twice():
    op, x = Exp(), Tensor([1.0], requires_grad=True)
    apply(op, x)
    with pytest.raises(ValueError, match="Exp: this op has run already; make a new one"):
        apply(op, x * 2)


def test_a_notebook_shows_a_small_tensor_as_a_table_and_a_large_one_as_text():
    shown = Tensor([[1.0, 2.5], [3.0, -4.0]], requires_grad=True)._repr_html_()
    assert shown.count("<tr>") == 2 and "<td>2.5</td>" in shown and "shape (2, 2), float64, requires_grad" in shown
    assert "made by Multiply" in (Tensor([1.0], requires_grad=True) * 2)._repr_html_()
    for data in (np.zeros((50, 50)), np.zeros((2, 2, 2)), 3.0, np.zeros((0, 3))):
        assert Tensor(data)._repr_html_().startswith("<pre>Tensor(")
