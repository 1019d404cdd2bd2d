"""Plain functions: which wrong gradients are seen, at which points, and how fast."""

import time

import numpy as np
import pytest

from minattn.check import check_backward

rng = np.random.default_rng(0)
X = rng.normal(size=(3, 4))


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_backward(g, x):
    p = softmax(x)
    return p * (g - (g * p).sum(axis=-1, keepdims=True))


def test_a_right_backward_is_right_and_a_wrong_one_is_named():
    assert check_backward(softmax, softmax_backward, X).ok is True
    report = check_backward(softmax, lambda g, x: g * softmax(x) * (1 - softmax(x)), X, like="softmax")
    finding = report.findings[0]
    assert report.ok is False and report.name == "softmax"
    assert (finding.argument, finding.kind, finding.sure) == ("x", "cross_terms_missing", "exactly")
    assert finding.sentence.startswith("Only the diagonal p (1 - p) of the Jacobian is used")  # the catalogue's words
    assert finding.evidence.share_wrong == 1 and finding.evidence.got != pytest.approx(finding.evidence.expected)


def test_the_worst_entry_is_the_worst():
    def backward(g, x):
        dx = g * np.cos(x)
        dx[1, 2] += 0.5
        dx[2, 0] += 5
        return dx

    evidence = check_backward(np.sin, backward, X).findings[0].evidence
    assert evidence.index == (2, 0) and evidence.share_wrong == pytest.approx(2 / 12)
    assert evidence.got == pytest.approx(evidence.expected + 5)


@pytest.mark.parametrize("error", [1e-6, 1e-4, 0.1, -2])
def test_an_error_of_a_millionth_is_seen_in_any_entry_of_any_argument(error):
    a, b = X, rng.normal(size=(4, 2))
    for argument in (0, 1):
        for entry in (0, 5, 7):

            def backward(g, a, b, argument=argument, entry=entry):
                gradients = [g @ b.T, a.T @ g]
                gradients[argument].reshape(-1)[entry] *= 1 + error
                return tuple(gradients)

            report = check_backward(np.matmul, backward, (a, b), names=("a", "b"))
            assert [row.ok for row in report.arguments] == [argument != 0, argument != 1]
            assert report.findings[0].argument == "ab"[argument]


def test_what_is_right_at_initial_values_only_is_wrong():
    gain, shift = np.ones(4), np.zeros(4)

    def forward(x, gain, shift):
        return x * gain + shift

    for backward in (
        lambda g, x, gain, shift: (g, (g * x).sum(0), g.sum(0)),
        lambda g, x, gain, shift: (g * gain, (g * x).sum(0), g.sum(0) + shift),
    ):
        report = check_backward(forward, backward, (X, gain, shift))
        assert report.ok is False and "wrong_place" in {finding.kind for finding in report.findings}


def test_a_forgotten_upstream_of_a_loss_shows_although_it_is_one_number():
    report = check_backward(lambda x: (x**2).sum(), lambda g, x: 2 * x, X)
    assert report.findings[0].kind == "upstream_ignored"


def test_ties_may_share_the_upstream_in_any_way_but_not_give_it_twice():
    x = np.array([[1.0, 1.0, 0.0], [2.0, 3.0, 3.0]])

    def backward(share):
        def passes(g, x):
            ties = x == x.max(axis=-1, keepdims=True)
            return g[:, None] * ties * (1 if share is None else share / ties.sum(axis=-1, keepdims=True))

        return passes

    assert check_backward(lambda x: x.max(axis=-1), backward(1), x).ok is True
    report = check_backward(lambda x: x.max(axis=-1), backward(None), x)
    assert report.ok is False and [finding.kind for finding in report.findings] == ["ties"]
    for share in (0.5, 0):
        assert check_backward(lambda x: x.max(axis=-1), backward(share), x).ok is False


def test_ties_between_two_arguments_are_seen_together():
    a = np.array([1.0, 2.0, 3.0])
    b = np.array([1.0, 0.0, 3.0])

    def both(g, a, b):
        return g * (a >= b), g * (b >= a)

    report = check_backward(np.maximum, both, (a, b), names="ab")
    assert [(f.argument, f.kind) for f in report.findings] == [("a and b", "ties")]
    assert check_backward(np.maximum, lambda g, a, b: (g * (a >= b), g * (b > a)), (a, b), names="ab").ok


def test_a_large_argument_is_checked_along_directions_and_says_so():
    x = rng.normal(size=(60, 50))
    report = check_backward(np.sin, lambda g, x: g * np.cos(x), x)
    assert report.ok is True and report.arguments[0].checked.startswith("16 directions")

    def one_entry(g, x):
        dx = g * np.cos(x)
        dx[17, 23] *= 1.01
        return dx

    report = check_backward(np.sin, one_entry, x)
    assert report.ok is False and report.findings[0].evidence.index == (17, 23)
    huge = rng.normal(size=(300, 100))
    report = check_backward(np.sin, lambda g, x: g * np.cos(x) * (1 + (np.arange(100) == 3)), huge)
    assert report.ok is False and "too many for a diagnosis" in report.findings[0].next


def test_a_slow_forward_is_checked_along_directions():
    def slow(x):
        time.sleep(0.002)
        return np.sin(x)

    started = time.perf_counter()
    report = check_backward(slow, lambda g, x: g * np.cos(x), rng.normal(size=(30, 30)))
    assert report.ok is True and "directions" in report.arguments[0].checked
    assert time.perf_counter() - started < 4


def test_a_check_of_an_attention_exercise_takes_much_less_than_a_second():
    def forward(q, k, v):
        return softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])) @ v

    def backward(g, q, k, v, scale=True):
        p = softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]))
        dp = g @ v.swapaxes(-1, -2)
        ds = p * (dp - (dp * p).sum(-1, keepdims=True)) / (np.sqrt(q.shape[-1]) if scale else 1)
        return ds @ k, ds.swapaxes(-1, -2) @ q, p.swapaxes(-1, -2) @ g

    inputs = rng.normal(size=(2, 2, 5, 8)), rng.normal(size=(2, 2, 6, 8)), rng.normal(size=(2, 2, 6, 7))
    started = time.perf_counter()
    assert check_backward(forward, backward, inputs, like="attention").ok is True
    wrong = check_backward(forward, lambda g, q, k, v: backward(g, q, k, v, False), inputs, like="attention")
    assert [(f.argument, f.kind) for f in wrong.findings] == [(None, "constant_factor")]  # one mistake in dq and dk
    assert wrong.findings[0].sentence.startswith("The scale is forgotten in dq and dk")
    assert time.perf_counter() - started < 1.5
