"""The referee: the true gradient by complex step or differences, its error, kinks, and what it does not know."""

import numpy as np
import pytest

from minattn.check.prepare import prepare
from minattn.check.referee import measure_gradient, measure_slopes

rng = np.random.default_rng(0)
X = rng.normal(size=(3, 4))


def problem(forward, *inputs):
    made, _ = prepare(forward, lambda g, *inputs: inputs, inputs, None, np.random.default_rng(1))
    return made


def true(forward, *inputs, argument=0):
    made = problem(forward, *inputs)
    return measure_gradient(made, argument), made.upstream


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def in_float32(x):
    return np.tanh(x.astype(np.float32)).astype(np.float64) * 1.7


SMOOTH = {
    "softmax": (softmax, lambda g, x: softmax(x) * (g - (g * softmax(x)).sum(-1, keepdims=True))),
    "tanh": (np.tanh, lambda g, x: g / np.cosh(x) ** 2),
    "absolute value": (np.abs, lambda g, x: g * np.sign(x)),
    "norm": (np.linalg.norm, lambda g, x: g * x / np.linalg.norm(x)),
    "variance": (lambda x: x.var(-1), lambda g, x: g[:, None] * 2 * (x - x.mean(-1, keepdims=True)) / 4),
    "conjugate": (lambda x: np.conj(x) * x, lambda g, x: 2 * g * x),
    "real part": (lambda x: np.sin(x.real), lambda g, x: g * np.cos(x)),
    "a comparison": (lambda x: np.where(x > 0.1, x * x, 3 * x), lambda g, x: g * np.where(x > 0.1, 2 * x, 3.0)),
    "written into zeros": (
        lambda x: np.add(np.zeros_like(x, dtype=float), np.array([[float(v) ** 2 for v in row] for row in x])),
        lambda g, x: 2 * g * x,
    ),
    "fast oscillation": (
        lambda x: np.sin(1e5 * np.abs(x)),
        lambda g, x: 1e5 * g * np.sign(x) * np.cos(1e5 * np.abs(x)),
    ),
    "near a pole": (lambda x: 1 / (np.abs(x) - np.abs(x) + 1e-4 + x * 0) * x, lambda g, x: g * 1e4),
    "rounding": (np.round, lambda g, x: 0 * g),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_the_true_gradient_is_the_derived_one(name):
    forward, gradient = SMOOTH[name]
    found, g = true(forward, X)
    wanted = gradient(g, X)
    assert found.agrees(wanted)
    np.testing.assert_allclose(found.value, wanted, rtol=1e-6, atol=1e-6 * np.abs(wanted).max(initial=1e-6))
    np.testing.assert_array_equal(found.low, found.high)
    if wanted.any():
        assert not found.is_about_zero and not found.is_blurred
        assert not found.agrees(wanted * (1 + 1e-4)) and not found.agrees(0 * wanted) and not found.agrees(-wanted)


def test_one_entry_in_a_hundred_that_is_off_by_a_thousandth_is_seen():
    x = rng.normal(size=100)
    for forward, gradient in ((np.sin, np.cos), (lambda x: np.abs(np.sin(x) + 2), np.cos)):
        found, g = true(forward, x)
        wanted = g * gradient(x)
        wanted[37] *= 1.001
        assert np.flatnonzero(found.wrong(wanted)).tolist() == [37]


def test_complex_steps_are_taken_where_forward_is_analytic_and_only_there():
    def method(forward):
        return true(forward, X)[0].method

    assert method(softmax) == method(np.tanh) == method(lambda x: x @ x.T) == "complex step"
    assert method(lambda x: np.maximum(x, 0)) == "complex step"  # away from the kink it is
    for name in ("absolute value", "norm", "variance", "conjugate", "real part"):
        assert method(SMOOTH[name][0]) == "central differences"


def test_a_complex_step_is_exact_to_rounding():
    found, g = true(lambda x: np.exp(np.sin(x)), X)
    np.testing.assert_allclose(found.value, g * np.cos(X) * np.exp(np.sin(X)), rtol=1e-14)


def test_the_gradient_of_every_argument_is_found_whatever_lies_beside_it():
    ids = np.array([2, 0, 2])
    made = problem(lambda ids, w, b, flag: w[ids] * b if flag else w, ids, X, rng.normal(size=4), True)
    assert made.arguments == [1, 2]
    found = measure_gradient(made, 1)
    wanted = np.zeros_like(X)
    np.add.at(wanted, ids, made.upstream * made.inputs[2])
    assert found.agrees(wanted)
    wanted[ids] = made.upstream * made.inputs[2]  # a repeated id overwritten
    assert not found.agrees(wanted)


# --- kinks


@pytest.mark.parametrize(
    ("forward", "low", "high"),
    [(lambda x: np.maximum(x, 0), 0, 1), (np.abs, -1, 1), (lambda x: np.where(x > 0, x, 0.1 * x), 0.1, 1)],
)
def test_at_a_kink_every_slope_between_the_two_sides_is_right_and_no_other(forward, low, high):
    x = np.array([0.0, 1.5, -2.0, 0.0])
    found, g = true(forward, x)
    at_kink = x == 0
    right = np.where(x > 0, high, low)
    for slope in (low, high, 0.3 * low + 0.7 * high):
        assert found.agrees(g * np.where(at_kink, slope, right))
    for slope in (low - 0.01, high + 0.01):
        assert found.wrong(g * np.where(at_kink, slope, right)).tolist() == at_kink.tolist()
    np.testing.assert_array_equal(found.low < found.high, at_kink)


@pytest.mark.parametrize("distance", [1e-2, 1e-3, 1e-4, 1e-5, 1e-6])
def test_beside_a_kink_only_one_slope_is_right(distance):
    x = np.array([distance, -distance, 1.0])
    found, g = true(lambda x: np.maximum(np.abs(np.abs(x) - x), 0) / 2, x)  # max(-x, 0), and not analytic
    assert found.method == "central differences"
    assert found.agrees(g * np.array([0, -1, 0]))
    assert found.wrong(g * np.array([-0.5, -0.5, 0])).tolist() == [True, True, False]


def test_very_near_a_kink_the_right_slope_is_not_accused():
    x = np.array([1e-9, -1e-9, 1e-12, 1.0])
    found, g = true(lambda x: np.maximum(x, 0), x)
    assert found.agrees(g * (x > 0))


def test_tied_entries_moved_together_have_one_slope():
    made = problem(lambda x: x.max(axis=-1), np.array([[1.0, 1.0, 0.0], [2.0, 3.0, 3.0]]))
    ties = np.array([[[1.0, 1, 0], [0, 1, 1]]])
    found = measure_slopes(made, {0: ties})
    np.testing.assert_allclose(found.low, made.upstream.sum())
    np.testing.assert_allclose(found.high, made.upstream.sum())


def test_the_slope_along_a_direction_over_several_arguments():
    a, b = X, rng.normal(size=(4, 2))
    made = problem(lambda a, b: a @ b, a, b)
    da, db = rng.normal(size=(5, 3, 4)), rng.normal(size=(5, 4, 2))
    g = made.upstream
    wanted = (da * (g @ b.T)).sum((1, 2)) + (db * (a.T @ g)).sum((1, 2))
    np.testing.assert_allclose(measure_slopes(made, {0: da, 1: db}).value, wanted, rtol=1e-9)


# --- what it does not know


def test_it_knows_when_the_gradient_is_about_zero():
    found, _ = true(lambda x: softmax(x).sum(), X)
    assert found.is_about_zero and not found.agrees(X)
    assert not true(lambda x: softmax(x).max(axis=-1), X)[0].is_about_zero
    assert true(lambda x: np.ones(3), X)[0].is_about_zero


def test_float32_in_forward_is_noticed_even_where_the_output_is_float64():
    found, g = true(in_float32, X)
    assert found.method == "central differences in float32"
    wanted = 1.7 * g / np.cosh(X) ** 2
    assert found.agrees(wanted) and not found.agrees(1.05 * wanted)


def test_a_forward_whose_change_drowns_in_its_rounding_is_called_blurred():
    found, g = true(lambda x: 1e11 + np.abs(x), X)
    assert found.is_blurred or found.is_about_zero
    assert found.agrees(g * np.sign(X))
    found, g = true(lambda x: 1e6 + np.abs(x), X)
    assert not found.is_blurred and found.agrees(g * np.sign(X)) and not found.agrees(g)


def test_where_forward_is_not_finite_beside_an_entry_nothing_is_said_of_it():
    x = np.array([0.0, 4.0, 1.0])
    found, g = true(np.sqrt, x)
    assert found.is_known.tolist() == [False, True, True]
    assert found.agrees(np.array([123.0, g[1] / 4, g[2] / 2]))
    assert not found.agrees(np.array([123.0, g[1] / 4, g[2]]))


def test_infinite_outputs_do_not_hide_the_finite_ones():
    def masked(x):
        return np.where(np.arange(4) < 2, x, -np.inf)

    found, g = true(masked, X)
    assert found.agrees(g * (np.arange(4) < 2)) and found.method == "complex step"
    assert not g[:, 2:].any()


def test_the_layout_and_size_of_inputs_do_not_matter():
    for x in (np.asfortranarray(X), X[::2, ::-1], X * 1e-6, X * 1e6, np.asarray(0.7), np.zeros((2, 0))):
        for forward, gradient in (
            (lambda x: x * x, lambda x: 2 * x),
            (lambda x: np.abs(x) ** 3, lambda x: 3 * x * abs(x)),
        ):
            found, g = true(forward, x)
            assert found.agrees(g * gradient(x)) and found.value.shape == x.shape
            assert not x.size or not found.agrees(1.01 * g * gradient(x))
