"""Inputs that a careless op gets wrong without anyone noticing."""

import math

import numpy as np
import pytest
from support.numeric import assert_close

from minattn import Tensor, apply, ops
from minattn import functional as F
from minattn.ops.activations import normal_cdf, normal_density


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "uint64"])
def test_ids_of_any_integer_dtype_send_gradients_to_their_own_rows(dtype):
    op = ops.Embedding()
    op(np.array([100, 3, 100], dtype), np.ones((120, 64)))
    _, gradient = op.gradients(np.ones((3, 64)))
    assert np.flatnonzero(gradient.any(axis=1)).tolist() == [3, 100]
    assert gradient[100, 0] == 2


@pytest.mark.parametrize("key", [((0, 0, 1),), [0, 0, 1], np.array([0, 0, 1])])
def test_repeated_ids_accumulate_however_they_are_written(key):
    x = Tensor(np.arange(3.0), requires_grad=True)
    x[key].sum().backward()
    np.testing.assert_array_equal(x.grad, [2, 1, 0])


class Twice(ops.Op):
    """What a learner writes for an addition: the same array for both inputs."""

    broadcasts = True

    def forward(self, a, b):
        return a + b

    def backward(self, g):
        return g, g


def test_a_backward_that_returns_one_array_twice_does_not_mix_up_its_inputs():
    x, y = (Tensor(np.ones(2), requires_grad=True) for _ in range(2))
    a, b = x * 1, y * 1
    (5 * a + apply(Twice(), a, b)).sum().backward()
    np.testing.assert_array_equal(x.grad, [6, 6])
    np.testing.assert_array_equal(y.grad, [1, 1])


def test_whole_numbers_beside_a_tensor_have_no_gradient():
    x = Tensor(np.ones(2), requires_grad=True)
    (x * np.array([2, 3]) + F.where(np.array([True, False]), x, np.array([7, 7]))).sum().backward()
    np.testing.assert_array_equal(x.grad, [3, 3])


@pytest.mark.parametrize("x", [-700.0, -40.0, -10.0, 0.0, 10.0, 40.0, 700.0])
def test_the_sigmoid_is_exact_to_rounding_far_from_zero(x):
    expected = 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))
    np.testing.assert_allclose(Tensor([x]).sigmoid().data, [expected], rtol=4e-16)


def test_a_row_that_is_ignored_cannot_spoil_the_loss_or_the_gradient():
    logits = Tensor(np.array([[-np.inf, 0.0], [np.nan, 1.0], [1.0, 2.0]]), requires_grad=True)
    loss = F.cross_entropy(logits, np.array([-100, -100, 0]))
    loss.backward()
    np.testing.assert_allclose(loss.item(), math.log(1 + math.e))
    np.testing.assert_array_equal(logits.grad[:2], 0)


def test_a_mask_of_minus_infinity_may_be_differentiated_with_a_gradient_of_its_own():
    x = Tensor(np.ones(2), requires_grad=True)
    F.where(np.array([True, False]), x, -np.inf).backward(np.ones(2))
    np.testing.assert_array_equal(x.grad, [1, 0])


def test_finite_numbers_whose_sum_overflows_are_finite():
    x = Tensor(np.full(4, 3e38, np.float32), requires_grad=True)
    (-x).backward(np.ones(4))
    np.testing.assert_array_equal(x.grad, -1)


def test_a_change_through_a_detached_tensor_is_noticed_too():
    weight = Tensor(np.ones(2), requires_grad=True)
    loss = (weight * weight.detach()).sum()
    weight.data *= 2
    weight.changed()
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 2e-7), (np.float64, 1e-15)])
def test_the_normal_distribution_is_within_the_bounds_of_its_docstring(dtype, bound):
    x = np.append(np.linspace(-12, 12, 4001), [-1e4, 1e4]).astype(dtype)
    cdf, slope = normal_cdf(x), normal_density(x)
    exact = np.array([0.5 * math.erfc(-float(value) / math.sqrt(2)) for value in x])
    assert abs(cdf - exact).max() < bound
    assert_close(
        slope, np.exp(-(x.astype(float) ** 2) / 2) / math.sqrt(2 * math.pi), 1e-6 if dtype == np.float32 else 1e-14
    )
