"""What a check knows of itself: where it could prove nothing, and what it refuses."""

import random

import numpy as np
import pytest

import minattn.functional as F
from minattn.check import check_backward, check_function
from minattn.errors import InputError

rng = np.random.default_rng(0)
X = rng.normal(size=(3, 4))


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_backward(g, x):
    p = softmax(x)
    return p * (g - (g * p).sum(axis=-1, keepdims=True))


def test_a_gradient_of_zero_proves_nothing():
    for backward in (lambda g, x: 0 * x, lambda g, x: g * softmax_backward(np.ones_like(x), x)):
        report = check_backward(lambda x: softmax(x).sum(), backward, X)
        assert report.ok is None and "proves nothing" in report.notes[0] and not report.findings
    assert check_backward(lambda x: softmax(x).sum(), lambda g, x: g * softmax(x), X).ok is False


def test_where_the_gradient_is_zero_the_check_looks_elsewhere():
    dead = -1 - rng.random((2, 3))
    report = check_backward(lambda x: np.maximum(x, 0), lambda g, x: g * (x > 0), dead)
    assert report.ok is True and not report.notes
    assert check_backward(lambda x: np.maximum(x, 0), lambda g, x: 0 * g, dead).ok is False


def test_one_argument_without_power_is_told_and_does_not_hide_the_others():
    report = check_backward(lambda x, y: softmax(x).sum() * y, lambda g, x, y: (0 * x, (g * np.sum(1.0 * 3))), (X, 2.0))
    assert report.ok is True and [row.ok for row in report.arguments] == [None, True]
    assert "true gradient of x is about zero" in report.notes[0]


def test_a_forward_that_is_random_for_no_reason_we_know_is_not_accused():
    from os import urandom

    report = check_backward(lambda x: x * np.frombuffer(urandom(4), np.uint8), lambda g, x: g, X)
    assert report.ok is None and "not deterministic" in report.notes[0] and not report.findings


def dropout(x, generator):
    return x * (generator.random(x.shape) > 0.5)


def test_dropout_is_checked_wherever_its_numbers_come_from():
    def backward_of(g, x, generator):
        return g * (generator.random(x.shape) > 0.5), None

    assert check_backward(dropout, backward_of, (X, np.random.default_rng(3))).ok is True
    assert check_backward(dropout, lambda g, x, generator: (g, None), (X, np.random.default_rng(3))).ok is False

    kept = {}
    generator = np.random.default_rng(3)
    hidden = np.random.RandomState(0)

    class Holder:
        def __init__(self):
            self.sources = [np.random.default_rng(1)]

        def draw(self, shape):
            return self.sources[0].random(shape)

    def global_of_numpy(shape):
        return np.random.random(shape)  # noqa: NPY002  as learners write it

    def global_of_python(shape):
        return np.array([random.random() for _ in range(shape[0])])[:, None]

    random.seed(0)  # three rows are all kept at one seed in eight, and then there is no mask to forget
    np.random.seed(0)  # noqa: NPY002
    for draw in (generator.random, Holder().draw, hidden.random_sample, global_of_numpy, global_of_python):

        def forward(x, draw=draw):
            kept["mask"] = draw(x.shape) > 0.5
            return x * kept["mask"]

        assert check_backward(forward, lambda g, x: g * kept["mask"], X).ok is True, draw
        assert check_backward(forward, lambda g, x: g, X).ok is False


def test_a_check_leaves_a_generator_as_it_found_it():
    generator = np.random.default_rng(3)
    before = generator.bit_generator.state
    check_function(lambda x: F.dropout(x, 0.5, generator=generator), X)
    assert generator.bit_generator.state == before


def test_float32_inputs_are_checked_in_float64_and_told():
    report = check_backward(np.sin, lambda g, x: g * np.cos(x), X.astype(np.float32))
    assert report.ok is True and "x came in float32" in report.notes[0]
    assert report.arguments[0].tolerance < 1e-6


def test_a_forward_in_float32_is_told_and_not_accused():
    report = check_backward(lambda x: np.sin(x.astype(np.float32)), lambda g, x: g * np.cos(x), X)
    assert report.ok is True and "three digits only" in report.notes[0]
    assert check_backward(lambda x: np.sin(x.astype(np.float32)), lambda g, x: 1.05 * g * np.cos(x), X).ok is False


def test_a_badly_scaled_forward_is_told_and_not_accused():
    for size in (1e11, 1e14):
        report = check_backward(lambda x, size=size: size + np.abs(x), lambda g, x: g * np.sign(x), X)
        assert report.ok is None and "badly scaled" in report.notes[0]


def test_a_mask_of_minus_infinity_is_a_constant():
    mask = np.where(np.arange(4) < 3, 0.0, -np.inf)
    report = check_backward(
        lambda x, mask: softmax(x + mask), lambda g, x, mask: (softmax_backward(g, x + mask), None), (X, mask)
    )
    assert report.ok is True and "mask holds NaN or infinity: it is taken as a constant" in report.notes[0]


def test_like_takes_the_options_from_forward_and_tells_where_it_is_another_function():
    def over_rows(x):
        return softmax(x.T).T

    report = check_backward(over_rows, lambda g, x: g * over_rows(x), X, like="softmax")
    assert report.findings[0].kind == "treated_as_constant" and not report.notes
    report = check_backward(np.sin, lambda g, x: g, X, like="tanh")
    assert report.ok is False and "something else than Tanh" in report.notes[-1]


@pytest.mark.parametrize(
    ("forward", "inputs", "options", "message"),
    [
        (lambda x: x.nothing, X, {}, "forward raised AttributeError"),
        (lambda x: None, X, {}, "forward returned None"),
        (lambda x: [x, x], X, {}, "forward returned a list of 2; it must return one array"),
        (lambda x: (x, x > 0), X, {}, "output 1 of forward must be an array of real numbers"),
        (lambda x: x > 0, X, {}, "forward must return real numbers, got an array of bool"),
        (lambda x: x * np.nan, X, {}, "nothing but NaN or infinity"),
        (lambda x: x * 1.0, np.arange(3), {}, "no input holds real numbers.*x is an array of int64"),
        (lambda x: x, (), {}, "none was given"),
        (lambda x: x, X * 1j, {}, "x is complex"),
        (lambda x: x, X, {"names": ("a", "b")}, "names: expected 1"),
        (lambda x: x, X, {"like": "softmx"}, "softmax"),
        ("sin", X, {}, "forward must be a function"),
    ],
)
def test_what_cannot_be_checked_is_refused_in_a_sentence(forward, inputs, options, message):
    with pytest.raises(InputError, match=message):
        check_backward(forward, lambda g, x: g, inputs, **options)
