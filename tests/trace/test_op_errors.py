"""NaN and Inf are traced to the op that made them, with the reason and the user's own file and line."""

import inspect
import os
import re
import warnings

import numpy as np
import pytest

from minattn import Tensor, apply
from minattn import functional as F
from minattn.nn import Embedding, EncoderBlock, Linear
from minattn.ops import Op

HERE = os.path.relpath(__file__)


@pytest.fixture(autouse=True)
def silent_numpy():
    """NumPy warns of the same things by itself; these tests are about what comes after."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        yield


def leaf(*numbers, dtype=np.float64):
    return Tensor(np.array(numbers, dtype), requires_grad=True)


def error_of(y, upstream=None):
    with pytest.raises(FloatingPointError) as caught:
        y.backward(np.ones(y.shape) if upstream is None else upstream)
    return str(caught.value)


def masked(softmax, x):
    mask = np.array([[True, False, True], [False, False, False]])
    return softmax(F.where(mask, x * 2.0, -np.inf), -1)


ROWS = ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])
IN_FORWARD = {
    "log of 0": (lambda: leaf(1.0, 0.0).log(), "Log", "Inf: log of 0"),
    "log below 0": (lambda: leaf(1.0, -1.0).log(), "Log", "NaN: log of a negative number"),
    "exp": (lambda: leaf(1.0, 800.0).exp(), "Exp", r"Inf: exp\(800\) overflows float64 above 709\.8"),
    "exp in float32": (
        lambda: leaf(90.0, dtype=np.float32).exp(),
        "Exp",
        r"Inf: exp\(90\) overflows float32 above 88\.7",
    ),
    "division": (lambda: 1 / leaf(1.0, 0.0), "Divide", "Inf: division by 0"),
    "0 / 0": (lambda: leaf(0.0) / 0.0, "Divide", "NaN: division by 0"),
    "sqrt": (lambda: leaf(-1.0).sqrt(), "Sqrt", "NaN: square root of a negative number"),
    "power": (lambda: leaf(-1.0) ** 0.5, "Power", "NaN: a negative number to a fractional power"),
    "inverse of 0": (lambda: leaf(0.0) ** -1.0, "Power", "Inf: 0 to a power below 1"),
    "variance": (lambda: leaf(3.0).var(), "Variance", "NaN: variance divided by N - correction = 0"),
    "masked row": (lambda: masked(F.softmax, leaf(*ROWS)), "Softmax", "NaN: a fully masked row"),
    "masked row, log": (lambda: masked(F.log_softmax, leaf(*ROWS)), "LogSoftmax", "NaN: a fully masked row"),
    "empty sum": (lambda: F.logsumexp(leaf(-np.inf, -np.inf), 0), "LogSumExp", "Inf: log of 0: every score"),
    "no targets": (
        lambda: F.cross_entropy(leaf([1.0, 2.0]), np.array([-100])),
        "CrossEntropy",
        "NaN: a mean over no tokens: every target is -100",
    ),
}


@pytest.mark.parametrize("name", IN_FORWARD)
@pytest.mark.parametrize("further", [False, True])
def test_the_first_op_that_leaves_the_finite_is_named_with_its_reason(name, further):
    make, op, reason = IN_FORWARD[name]
    y = make()
    y = (y * 2.0 + 1.0).sum() if further else y
    assert re.search(rf"^forward: {op} called at {HERE}:\d+ gave {reason}", error_of(y))


def test_a_score_of_minus_infinity_is_blamed_on_nobody_while_it_is_only_a_mask():
    x = leaf([1.0] * 3)
    p = F.softmax(F.where(np.array([True, False, True]), x, -np.inf), -1)
    p.backward(np.array([[1.0, 2.0, 3.0]]))
    np.testing.assert_allclose(x.grad, [[-0.5, 0.0, 0.5]], atol=1e-15)  # rounding of sums of halves


def test_a_leaf_that_holds_nan_is_said_to_be_the_source():
    assert error_of(leaf(1.0, np.nan)) == "backward: called on a leaf that holds NaN"
    x = leaf(1.0, np.nan)
    assert re.search(r"^forward: Multiply called at \S+ gave NaN: its input 0 came in with NaN$", error_of(x * 2.0))
    assert re.search(r"^forward: Add called .* gave NaN: its input 1 came in with NaN$", error_of((1.0 + x).exp()))


def test_the_message_names_the_users_own_line():
    x = leaf(0.0)
    line = inspect.currentframe().f_lineno + 1
    y = x.log()
    assert f"Log called at {HERE}:{line} gave" in error_of((y * 2.0).sum())


def test_inside_a_layer_the_users_line_comes_first_and_then_the_layers():
    layer = Linear(2, 2, generator=np.random.default_rng(0))
    layer.weight.data[:] = np.finfo(np.float32).max
    line = inspect.currentframe().f_lineno + 1
    y = layer(leaf([1.0, 2.0], dtype=np.float32))  # overflows
    inside = os.path.join("minattn", "nn", "layers.py")
    assert re.search(rf"^forward: Linear called at {HERE}:{line}, in {inside}:\d+ gave Inf$", error_of(y))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x: (x - x).sqrt(), "Sqrt called .* the gradient of its input 0: the square root has an infinite slope"),
        (lambda x: (x - x) ** 0.5, "Power called .* its input 0: 0 to a power below 1 has an infinite slope"),
        (lambda x: ((x - x).sqrt() - 2.0) ** 2.0, "Sqrt called .* infinite slope"),  # not the exponent's gradient
        (lambda x: (x * 1e-200).log() * 1e200, r"Log called at \S+ gave Inf as the gradient of its input 0$"),
    ],
)
def test_an_op_whose_backward_leaves_the_finite_is_named_with_its_reason(make, message):
    x = leaf(1.0, 4.0)
    found = error_of(make(x))
    assert re.search(rf"^backward: {message}", found) and f"{HERE}:" in found
    assert x.grad is None


def test_the_search_is_not_led_astray_by_gradients_that_were_added_up_in_the_first_walk():
    x = leaf(0.0, 1.0)
    a = x * 1.0
    y = a + (a * 1.0).sqrt()  # the upstream itself is handed to a, and Inf is added to it later
    assert re.search(r"^backward: Sqrt called .* infinite slope at 0$", error_of(y))


def test_nan_in_the_upstream_is_not_blamed_on_an_op():
    x = leaf(1.0, 2.0)
    assert "NaN or Inf in the upstream gradient" in error_of(x * 2.0, np.array([1.0, np.nan]))


def test_a_sum_of_finite_gradients_that_overflows_is_said_to_be_one():
    x = leaf(1e-9)
    assert "or in a sum of gradients that overflowed" in error_of(x * 1.5e308 + x * 1.5e308)


def test_an_op_of_the_users_own_is_named_too():
    class Broken(Op):
        def forward(self, x):
            return x + 1

        def backward(self, g):
            return g * np.nan

    assert re.search(r"^backward: Broken called at \S+ gave NaN as the gradient", error_of(apply(Broken(), leaf(1.0))))


def test_a_gradient_that_nobody_wants_may_be_anything():
    base = leaf(-2.0)
    (base**2.0).backward()  # the slope of the exponent does not exist below 0
    np.testing.assert_array_equal(base.grad, [-4.0])


def test_large_finite_numbers_are_not_taken_for_infinity():
    x = leaf(1e308, 1e308)
    x.backward(np.array([1.7e308, 1.7e308]))  # their sum overflows, they do not
    np.testing.assert_array_equal(x.grad, [1.7e308, 1.7e308])


def test_a_whole_block_names_the_layer_where_it_broke():
    rng = np.random.default_rng(0)
    table, block = Embedding(5, 4, generator=rng), EncoderBlock(4, 2, 8, norm_first=False, generator=rng)
    block.feed_forward.narrow.weight.data[0, 0] = np.nan
    found = error_of(block(table(np.array([[1, 2]]))))
    layers = os.path.join("minattn", "nn", "layers.py")
    assert re.search(rf"^forward: Linear called at {HERE}:\d+, in {layers}:\d+ gave NaN: its input 1", found)
