"""The contract: what a backward owes besides right numbers, each breach in a sentence of its own."""

import numpy as np
import pytest

from minattn import ops
from minattn.check import check_backward
from minattn.check.mistake_kinds import kinds

rng = np.random.default_rng(0)
X, W, B = rng.normal(size=(3, 4)), rng.normal(size=(4, 5)), rng.normal(size=5)


def linear(x, w, b):
    return x @ w + b


def right(g, x, w, b):
    return g @ w.T, x.T @ g, g.sum(axis=0)


def check(backward, forward=linear, inputs=(X, W, B), **options):
    return check_backward(forward, backward, inputs, **options)


def only(report):
    """The one finding of a report, whose kind is in the vocabulary."""
    assert report.ok is False and len(report.findings) == 1, report
    finding = report.findings[0]
    assert finding.kind in kinds and finding.next and finding.sure == "exactly"
    return finding


def test_a_right_backward_breaks_nothing():
    report = check(right)
    assert report.ok is True and not report.findings and not report.notes
    assert [row.ok for row in report.arguments] == [True] * 3


# --- what it returns

RETURNED = {
    "nothing": (lambda *a: None, None, "no_gradient", "backward returned None; backward must return the tuple (dx, dw"),
    "a list": (lambda *a: list(right(*a)), None, "not_an_array", "backward returned a list of 3; backward must return"),
    "a dict": (lambda *a: {}, None, "not_an_array", "backward returned a dict"),
    "None for one": (
        lambda *a: (right(*a)[0], None, right(*a)[2]),
        "w",
        "no_gradient",
        "returned None for w, which has",
    ),
    "a list for one": (
        lambda *a: (right(*a)[0], right(*a)[1].tolist(), right(*a)[2]),
        "w",
        "not_an_array",
        "the gradient of w is a list, expected an array of shape (4, 5)",
    ),
    "a number for one": (
        lambda *a: (*right(*a)[:2], 0),
        "b",
        "not_an_array",
        "the gradient of b is the whole number 0",
    ),
    "whole numbers": (
        lambda *a: (right(*a)[0], right(*a)[1].astype(int), right(*a)[2]),
        "w",
        "dtype",
        "the gradient of w has dtype int64, but w has float64: fractions are cut off",
    ),
    "float32": (lambda *a: tuple(d.astype(np.float32) for d in right(*a)[:1]) + right(*a)[1:], "x", "dtype", "float32"),
    "too few": (lambda *a: right(*a)[:2], None, "wrong_count", "backward returned 2 gradients for 3 inputs"),
    "one alone": (lambda *a: right(*a)[0], None, "wrong_count", "backward returned 1 gradient for 3 inputs"),
    "too many": (lambda *a: (*right(*a), 1.0), None, "wrong_count", "backward returned 4 gradients for 3 inputs"),
    "NaN": (lambda *a: (right(*a)[0] * np.nan, *right(*a)[1:]), "x", "not_finite", "NaN in 12 of 12 entries"),
    "infinity": (
        lambda *a: (right(*a)[0], right(*a)[1] / (np.arange(5) != 3), right(*a)[2]),
        "w",
        "not_finite",
        "the gradient of w is infinite in 4 of 20 entries",
    ),
}


@pytest.mark.parametrize("name", RETURNED)
def test_what_is_no_gradient_has_a_sentence_of_its_own(name):
    backward, argument, kind, sentence = RETURNED[name]
    finding = only(check(backward))
    assert (finding.argument, finding.kind) == (argument, kind)
    assert sentence in finding.sentence


def test_a_wrong_shape_is_told_with_both_shapes():
    def backward(g, x, w, b):
        return g @ w.T, x.T @ g, 7 * g[0, :2]

    finding = only_about(check(backward), "b")
    assert finding.kind == "shape" and "(2,)" in finding.sentence and "(5,)" in finding.sentence


def only_about(report, argument):
    """The first finding; there are others about no other argument."""
    assert report.ok is False and {finding.argument for finding in report.findings} == {argument}
    return report.findings[0]


def test_the_right_numbers_of_others_are_still_told_where_one_is_missing():
    report = check(lambda g, x, w, b: (g @ w.T, None, -g.sum(axis=0)))
    assert [row.ok for row in report.arguments] == [True, False, False]
    assert {(f.argument, f.kind) for f in report.findings} == {("w", "no_gradient"), ("b", "sign")}


def test_integers_and_masks_owe_no_gradient_and_what_comes_for_them_is_not_looked_at():
    ids = np.array([1, 0, 1])

    def backward(g, ids, w, returned=None):
        dw = np.zeros_like(w)
        np.add.at(dw, ids, g)
        return returned, dw

    for returned in (None, np.zeros(3), "anything"):
        assert check(lambda g, i, w, r=returned: backward(g, i, w, r), lambda ids, w: w[ids], (ids, X)).ok
    finding = only(check(lambda g, i, w: backward(g, i, w)[1], lambda ids, w: w[ids], (ids, X)))
    assert finding.kind == "wrong_count" and "(None, dw)" in finding.sentence


def test_a_number_may_be_the_gradient_of_a_number():
    for returned in (float, np.float64, np.asarray):
        assert check(lambda g, x, r=returned: r(g * 2 * x), lambda x: x * x, [1.5]).ok


def test_an_error_in_backward_is_told_with_its_own_line():
    def backward(g, x):
        return g * x.nothing_of_the_kind

    finding = only(check(backward, np.sin, (X,)))
    assert finding.kind == "exception"
    assert "AttributeError" in finding.sentence and "test_contract.py, line" in finding.sentence
    assert finding.sentence.endswith("return g * x.nothing_of_the_kind")


def test_an_error_inside_a_library_is_told_with_the_line_that_called_it():
    def backward(g, x):
        return g * ops.Softmax(axis=7)(x)

    sentence = only(check(backward, np.sin, (X,))).sentence
    assert sentence.endswith("return g * ops.Softmax(axis=7)(x)") and "test_contract.py, line" in sentence


def test_an_error_at_other_inputs_than_the_given_ones_is_told_as_such():
    def backward(g, x):
        assert np.array_equal(x, X)
        return g * np.cos(x)

    finding = only(check(backward, np.sin, (X,)))
    assert finding.kind == "exception" and "at other inputs than the given ones" in finding.sentence


def test_nan_at_other_inputs_than_the_given_ones_is_found():
    gain = np.ones(4)
    finding = only(check(lambda g, x, c: (g * c, (g * x).sum(0) * np.where(c == 1, 1, np.nan)), np.multiply, (X, gain)))
    assert finding.kind == "not_finite" and "a little beside the given ones" in finding.sentence


def test_no_gradient_is_expected_where_the_slope_is_infinite():
    report = check(lambda g, x: g / (2 * np.sqrt(x)), np.sqrt, [np.array([0.0, 1.0, 4.0])])
    assert report.ok is True and "not finite beside an entry of x" in report.notes[0]


# --- what it leaves alone


def test_a_changed_upstream_is_found():
    def backward(g, x, w, b):
        g *= 2
        return g @ w.T / 2, x.T @ g / 2, g.sum(axis=0) / 2

    finding = only(check(backward))
    assert (finding.argument, finding.kind) == ("the upstream", "modified_input")


@pytest.mark.parametrize("guilty", ["forward", "backward"])
def test_a_changed_input_is_found_with_the_pass_that_changed_it(guilty):
    def change(x):
        x -= 1
        return x

    def forward(x):
        return np.sin(change(x) if guilty == "forward" else x - 1)

    def backward(g, x):
        return g * np.cos(change(x) if guilty == "backward" else x - 1)

    finding = only(check(backward, forward, (X,)))
    assert (finding.argument, finding.kind) == ("x", "modified_input")
    assert finding.sentence.startswith(f"{guilty} changed its input x")


def test_gradients_that_are_one_array_are_found():
    finding = only(check(lambda g, a, b: (g, g), np.add, (X, X + 1), names="ab"))
    assert (finding.argument, finding.kind) == ("b", "shares_memory") and "the gradient of a" in finding.sentence
    assert only(check(lambda g, a, b: (g, g[:]), np.add, (X, X + 1), names="ab")).kind == "shares_memory"
    assert check(lambda g, a, b: (g, g.copy()), np.add, (X, X + 1), names="ab").ok


def test_a_gradient_in_the_memory_of_its_input_is_found():
    def backward(g, x):
        x *= g
        return x

    report = check(backward, lambda x: (x * x).sum() / 2, (X,))
    assert {finding.kind for finding in report.findings} == {"modified_input", "shares_memory"}


def test_the_upstream_may_be_handed_on_and_halves_of_one_array_are_two():
    assert check(lambda g, x: g, lambda x: x + 1, (X,)).ok
    assert check(lambda g, a, b: (g[:, :4], g[:, 4:]), lambda a, b: np.concatenate([a, b], 1), (X, X + 1)).ok


def test_backward_that_changes_what_forward_returned_is_found():
    kept = {}

    def forward(x):
        kept["y"] = np.exp(x)
        return kept["y"]

    def backward(g, x):
        first = kept.pop("y", None)
        if first is None:
            return g * np.exp(x)
        first *= g
        return first.copy()

    finding = only(check(backward, forward, (X,)))
    assert finding.kind == "forward_changed" and "the array that forward had returned" in finding.sentence


def test_backward_after_which_forward_gives_something_else_is_found():
    offset = [0.0]

    def backward(g, x):
        offset[0] += 1.0
        return g * 1.0

    report = check(backward, lambda x: x + offset[0], (X,))
    assert "forward_changed" in {finding.kind for finding in report.findings}


def test_a_gradient_that_is_added_up_from_call_to_call_is_found():
    total = np.zeros_like(X)

    def backward(g, x):
        total[...] += g * np.cos(x)
        return total.copy()

    finding = check(backward, np.sin, (X,)).findings[0]
    assert finding.kind == "not_repeatable" and "exactly twice the first" in finding.sentence


def test_dropout_that_draws_a_new_mask_on_its_way_back_is_found():
    generator = np.random.default_rng(0)

    def forward(x):
        return x * (generator.random(x.shape) > 0.5)

    def backward(g, x):
        return g * (generator.random(x.shape) > 0.5)

    finding = check(backward, forward, (X,)).findings[0]
    assert finding.kind == "not_repeatable" and finding.next.startswith("the random numbers")


# --- linear in the upstream


@pytest.mark.parametrize(
    ("backward", "sentence"),
    [
        (lambda g, x: np.clip(g, -5, 5), "with -100 times the upstream"),
        (lambda g, x: np.where(np.abs(g) > 50, 0, g), "with -100 times the upstream"),
        (lambda g, x: g + (np.abs(g).max() == 0), "with an upstream of zeros"),
        (lambda g, x: g * np.where(g.sum() % 1 < 2, 1 + 0 * g, 1), None),
    ],
)
def test_only_what_is_linear_in_the_upstream_passes(backward, sentence):
    report = check(backward, lambda x: x + 1, (X,))
    if sentence is None:
        assert report.ok
    else:
        finding = only(report)
        assert finding.kind == "nonlinear_in_upstream" and sentence in finding.sentence
        assert finding.evidence.got != finding.evidence.expected


def test_the_rounding_of_a_gradient_of_zero_is_not_taken_for_nonlinear():
    def backward(g, x):
        p = np.exp(x - x)
        return p * (g - g * p * (1 + np.finfo(float).eps * (g > 0)))  # zero but for the last bit

    report = check(backward, lambda x: 3 + 0 * x, (X,))
    assert report.ok is None and not report.findings
