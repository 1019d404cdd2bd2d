"""What is said of a learner's own code: one cause, at its place, for all the gradients that it spoils."""

import inspect
import math
import time

import numpy as np
import pytest
from support.learners_mistakes import (
    MISTAKES,
    attention,
    joined,
    joined_exchanged,
    layer,
    normal,
    recurrent,
    softmax,
    states,
)
from support.unusual_mistakes import UNUSUAL
from wrong_passes import wrong_passes

from minattn.check import assert_right, check_backward
from minattn.check.diagnosis import find_causes_together
from minattn.check.diagnosis.both_passes import BothPasses
from minattn.check.prepare import prepare
from minattn.check.problem import second_point
from minattn.check.redrawn import free_axes, redrawn


def problem_of(forward, backward, inputs):
    return prepare(forward, backward, inputs, None, np.random.default_rng(0))[0]


def causes_of(forward, backward, inputs):
    """What is found within half a minute; an error of the search is let through."""
    first = problem_of(forward, backward, inputs)
    moved = second_point(first, np.random.default_rng(1))
    return find_causes_together(moved or first, {}, first, time.thread_time() + 30, strict=True)


@pytest.mark.parametrize("name", [*MISTAKES, *UNUSUAL])
def test_a_slip_is_one_finding_that_names_its_place_and_all_that_it_spoils(name):
    mistake = (MISTAKES | UNUSUAL)[name]
    causes, _ = causes_of(mistake.forward, mistake.backward, mistake.inputs)
    names = list(inspect.signature(mistake.forward).parameters)
    told = [(" and ".join(names[i] for i in sorted(c.arguments)), c.kind, c.is_exact) for c in causes]
    assert told == [(mistake.about, mistake.kind, True)], causes
    assert mistake.words in causes[0].sentence


def test_the_line_is_quoted_as_it_stands_there():
    mistake = MISTAKES["a neighbour's slope"]
    (finding,) = check_backward(mistake.forward, mistake.backward, mistake.inputs).findings
    line = inspect.getsourcelines(mistake.backward)[1] + 2
    assert f"In `g * (1 - t)` (line {line}), `1 - t` stands where the slope of tanh at `x @ w` (line" in finding.told


def test_two_slips_in_different_gradients_are_both_named():
    def backward(g, q, k, v):
        p = softmax(q @ k.T / np.sqrt(q.shape[1]))
        dp = g @ v.T
        ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True))
        return ds @ k, -ds.T @ q / np.sqrt(q.shape[1]), p.T @ g

    report = check_backward(attention, backward, [normal(3, 4), normal(5, 4), normal(5, 2)])
    assert {(f.argument, f.kind) for f in report.findings} == {("q", "constant_factor"), ("k", "sign")}


def test_three_slips_in_a_square_attention_are_three_findings_each_once():
    def backward(g, q, k, v):
        p = softmax(q @ k.T / np.sqrt(q.shape[1]))
        dp = g @ v.T
        ds = p * (dp - (dp * p).sum(axis=-1))
        return ds @ k, ds.T @ q / np.sqrt(q.shape[1]), p @ g

    causes, _ = causes_of(attention, backward, [normal(3, 4), normal(3, 4), normal(3, 2)])
    told = [c.sentence.partition(", ")[2] for c in causes]
    assert len(told) == 3 and any("keepdims=True is missing" in words for words in told)
    assert any("`p` is to be transposed" in words for words in told) and any(
        "√4" in c.sentence or "np.sqrt" in c.sentence for c in causes
    )


def test_two_slips_in_one_gradient_are_never_one_that_is_called_exact():
    def backward(g, q, k, v):
        p = softmax(q @ k.T / np.sqrt(q.shape[1]))
        ds = p * (g @ v.T)  # the row sum, and the scale
        return ds @ k, ds.T @ q, p.T @ g

    report = check_backward(attention, backward, [normal(3, 4), normal(5, 4), normal(5, 2)])
    assert report.ok is False
    for argument in ("q", "k"):
        found = [f for f in report.findings if argument in str(f.argument).split(" and ")]
        assert len(found) > 1 or found[0].sure == "consistent" or "and with it" in found[0].sentence, found


def test_what_was_seen_at_one_place_alone_is_not_called_exact():
    here = normal(3, 4)

    def forward(x):
        if not np.allclose(x, here, rtol=0, atol=2e-3):
            raise ValueError("made for these numbers alone")
        return np.tanh(x)

    def backward(g, x):
        if not np.array_equal(x, here):
            raise ValueError("made for these numbers alone")
        return g * (1 - np.tanh(x))

    causes, _ = causes_of(forward, backward, [here])
    assert [cause.is_exact for cause in causes] == [False]


def test_slices_that_are_exchanged_are_told_for_each():
    report = check_backward(joined, joined_exchanged, [normal(3, 2), normal(3, 2)])
    assert {f.argument for f in report.findings} == {"a", "b"}
    assert all(f.sure == "exactly" for f in report.findings)


def test_no_function_of_two_values_is_believed_because_it_fits_by_chance():
    def leaky(x):
        return np.where(x > 0, x, 0.1 * x)

    def backward(g, x):
        return g * np.where(x > 0, 1.0, 0.01)

    (finding,) = check_backward(leaky, backward, [normal(3, 4)]).findings
    assert "√" not in finding.sentence and "²" not in finding.sentence


def test_no_slip_is_looked_for_in_a_helper_that_forward_runs_too():
    def doubled(x):
        return 2 * x

    def backward(g, x):
        return g * doubled(x)

    passes = BothPasses(problem_of(lambda x: doubled(x) ** 2 / 2, backward, [normal(3, 4)]))
    assert {passes.expression(site).text for site in passes.sites} == {"g * doubled(x)"}


def test_a_use_is_not_called_dropped_where_a_right_gradient_speaks_against_it():
    def forward(x, w):
        s = x * w
        return np.sin(s) + s**2

    def backward(g, x, w):
        s = x * w
        return 2 * g * s * w, (g * (np.cos(s) + 2 * s) * x).sum(axis=0)

    causes, _ = causes_of(forward, backward, [normal(3, 4), normal(4)])
    assert not any("np.sin(s)" in cause.sentence for cause in causes)


def test_nothing_is_said_of_code_that_cannot_be_read_or_followed():
    scope = {"np": np}
    exec("def backward(g, x, w):\n t = np.tanh(x @ w)\n return g * (1 - t) @ w.T, x.T @ (g * (1 - t**2))", scope)
    inputs = [normal(3, 4), normal(4, 5)]
    assert causes_of(layer, scope["backward"], inputs)[0] == []
    report = check_backward(layer, scope["backward"], inputs)
    assert report.ok is False and all("(line" not in f.sentence or "tanh(x @ w)" in f.sentence for f in report.findings)

    def by_numbers(g, x):
        return np.array([[float(v) * 3 for v in row] for row in g])

    report = check_backward(lambda x: 2 * x, by_numbers, [normal(2, 3)])
    assert report.ok is False and report.findings[0].kind == "constant_factor"


def test_what_a_state_keeps_for_backward_is_followed():
    def forward(x, w):
        forward.t = np.tanh(x @ w)
        return forward.t

    def backward(g, x, w):
        ds = g * (1 + forward.t**2)
        return ds @ w.T, x.T @ ds

    causes, _ = causes_of(forward, backward, [normal(3, 4), normal(4, 5)])
    assert [(c.arguments, c.kind) for c in causes] == [(frozenset({0, 1}), "sign")]


def test_of_a_gradient_without_a_cause_it_is_said_what_is_known():
    def backward(g, x, h0, wx, wh):
        hs = states(x, h0, wx, wh)
        dx = np.zeros_like(x)
        for t in reversed(range(len(x))):
            dz = g[t] * (np.cos(3 * hs[t + 1]) + hs[t + 1] ** 3)
            dx[t] = dz @ wx.T
        return dx, None, None, None

    report = check_backward(recurrent, backward, [normal(4, 3), normal(2), normal(3, 2), normal(2, 2)])
    assert all(f.sure != "exactly" for f in report.findings if f.argument == "x")


def test_lengths_change_in_the_smallest_groups_in_which_forward_still_runs():
    def forward(q, k, v, mask):
        return softmax(np.where(mask, q @ k.T, -1e9)) @ v

    problem = problem_of(
        forward, lambda *a: (*a[1:4], None), [*(normal(3, 3) for _ in range(3)), np.ones((3, 3), bool)]
    )
    groups = {frozenset(group) for group in free_axes(problem)}
    assert groups == {
        frozenset({(0, 0), (3, 0)}),
        frozenset({(0, 1), (1, 1)}),
        frozenset({(1, 0), (2, 0), (3, 1)}),
        frozenset({(2, 1)}),
    }
    other = redrawn(problem)
    assert other is not None and len({*other.inputs[0].shape, *other.inputs[2].shape}) == 4


def test_a_forward_made_for_its_lengths_is_not_redrawn():
    problem = problem_of(lambda x: x @ np.ones((4, 2)), lambda g, x: g @ np.ones((2, 4)), [normal(3, 4)])
    assert free_axes(problem) == [((0, 0),)]
    fixed = problem_of(lambda x: x + np.ones((3, 4)), lambda g, x: g, [normal(3, 4)])
    assert redrawn(fixed) is None


def test_random_wrong_passes_in_pieces_are_all_called_wrong_and_no_probe_raises():
    for k, (name, forward, backward, x) in enumerate(wrong_passes(24, seed=5)):
        report = check_backward(forward, backward, [x])
        assert report.ok is False and report.findings, name
        if k % 3 == 0:
            causes_of(forward, backward, [x])


def test_the_taylor_remainder_falls_at_the_rate_of_2_for_a_right_gradient_and_of_1_for_a_wrong_one():
    x = normal(3, 4)
    right = check_backward(np.sin, lambda g, x: g * np.cos(x), [x]).arguments[0]
    wrong = check_backward(np.sin, lambda g, x: g * np.sin(x), [x]).arguments[0]
    assert abs(right.rate - 2) < 0.1 and abs(wrong.rate - 1) < 0.1
    assert math.isnan(check_backward(lambda x: 3 * x, lambda g, x: 3 * g, [x]).arguments[0].rate)


def test_a_forward_with_several_outputs_gives_backward_as_many_upstreams():
    def forward(x, w):
        y = x * w
        return np.tanh(y), y.sum(axis=1)

    def backward(upstreams, x, w):
        g, h = upstreams
        y = x * w
        dy = g * (1 - np.tanh(y) ** 2) + h[:, None]
        return dy * w, (dy * x).sum(axis=0)

    def wrong(upstreams, x, w):
        g, h = upstreams
        y = x * w
        dy = g * (1 - np.tanh(y)) + h[:, None]
        return dy * w, (dy * x).sum(axis=0)

    inputs = [normal(3, 4), normal(4)]
    assert check_backward(forward, backward, inputs).ok is True
    (finding,) = check_backward(forward, wrong, inputs).findings
    assert finding.argument == "x and w" and "`1 - np.tanh(y)` stands where" in finding.sentence


def test_assert_right_is_silent_or_fails_with_the_diagnosis():
    assert assert_right(np.sin, lambda g, x: g * np.cos(x), [normal(3)]).ok
    with pytest.raises(AssertionError, match=r"the backward pass is wrong\n\n.*WRONG, 1 finding(.|\n)*sign"):
        assert_right(np.sin, lambda g, x: -g * np.cos(x), [normal(3)])
    with pytest.raises(AssertionError, match="not proven"):
        assert_right(lambda x: 0 * x, lambda g, x: 0 * g, [normal(3)])


def test_what_was_left_out_of_the_check_is_said_with_the_reason():
    report = check_backward(lambda x, ids, mask: x[ids] * mask, *_picked())
    assert report.left_out == ("ids (whole numbers)", "mask (True and False)")
    assert "left out: ids (whole numbers), mask (True and False)" in str(report)


def _picked():
    def backward(g, x, ids, mask):
        dx = np.zeros_like(x)
        np.add.at(dx, ids, g * mask)
        return dx, None, None

    return backward, [normal(4), np.array([0, 1, 1]), np.array([True, False, True])]


def test_a_shape_that_is_wrong_beside_the_given_inputs_alone_is_wrong_too():
    def backward(g, x):
        return g if g[0, 0] == first else g[:1]

    x = np.random.default_rng(0).normal(size=(40, 40))
    first = check_first_upstream(x)
    assert check_backward(lambda x: x * 1.0, backward, [x]).ok is False


def check_first_upstream(x):
    seen = []
    check_backward(lambda x: x * 1.0, lambda g, x: seen.append(g[0, 0]) or g, [x])
    return seen[0]
