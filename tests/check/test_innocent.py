"""No false alarm: every registered op, right as it is, drawn again and again, at kinks, at ties and under dropout.

MINATTN_DRAWS=1000 draws each op so many times; a few by default.
"""

import os
import zlib

import numpy as np
import pytest

from minattn import functional as F
from minattn.check import check_backward, check_function, check_op
from minattn.ops import registry

DRAWS = int(os.environ.get("MINATTN_DRAWS", "4"))
KINKED = ("ReLU", "Max", "Maximum")


def draws(name):
    """A generator for each draw, so that draw 17 is the same however many there are."""
    return (np.random.default_rng([zlib.crc32(name.encode()), i]) for i in range(DRAWS))


def assert_innocent(report, i):
    assert report.ok is not False, f"draw {i}\n{report}"


def resized(x, rng):
    """Real numbers up to a hundred times as small, or three times as large."""
    return x * 10 ** rng.uniform(-2, 0.5) if x.dtype.kind == "f" else x


@pytest.mark.parametrize("name", registry)
def test_no_draw_of_a_registered_op_is_accused(name):
    proven = 0
    for i, rng in enumerate(draws(name)):
        samples = list(registry[name].samples(rng))
        sample = samples[rng.integers(len(samples))]
        inputs = [resized(x, rng) for x in sample.inputs] if i % 2 else sample.inputs
        report = check_op(registry[name].op(**sample.options), inputs, seed=i)
        assert_innocent(report, i)
        proven += report.ok is True
    assert proven >= DRAWS // 3  # the others have no entries, or a gradient of zero


@pytest.mark.parametrize("name", KINKED)
def test_no_draw_at_exact_zeros_and_ties_is_accused(name):
    for i, rng in enumerate(draws(name + " at kinks")):
        sample = list(registry[name].samples(rng))[i % 2]
        inputs = [rng.integers(-1, 2, x.shape).astype(float) for x in sample.inputs]
        report = check_op(registry[name].op(**sample.options), inputs, seed=i)
        assert_innocent(report, i)
        assert report.ok is True


def test_no_other_right_slope_at_a_kink_is_accused():
    for i, rng in enumerate(draws("other slopes")):
        x = rng.integers(-1, 2, (4, 5)).astype(float)
        at_zero = rng.random()

        def relu_backward(g, x, at_zero=at_zero):
            return g * np.where(x == 0, at_zero, x > 0)

        def max_backward(g, x):
            first = np.argmax(x, axis=-1)
            dx = np.zeros_like(x)
            dx[np.arange(len(x)), first] = g
            return dx

        assert_innocent(check_backward(lambda x: np.maximum(x, 0), relu_backward, x, seed=i), i)
        assert_innocent(check_backward(lambda x: x.max(axis=-1), max_backward, x, seed=i), i)
        assert_innocent(check_backward(np.abs, lambda g, x: g * np.sign(x), x, seed=i), i)


def test_no_draw_of_dropout_is_accused():
    for i, rng in enumerate(draws("dropout")):
        p = rng.uniform(0, 0.9)
        x, w = rng.normal(size=(4, 5)), rng.normal(size=(5, 3))

        def drop(x, w, p=p, rng=rng):
            return F.dropout(F.relu(x), p, generator=rng) @ w

        assert_innocent(check_function(drop, x, w, seed=i), i)
