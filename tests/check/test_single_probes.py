"""Each probe by itself: what it says to the slip that it is made for, and that it is silent about another."""

from itertools import pairwise

import numpy as np
import pytest
from support.diagnosis_help import diagnosed, lab_of, normal

from minattn.check.diagnosis import dropped_paths as paths
from minattn.check.diagnosis import formulas as candidates
from minattn.check.diagnosis import jacobian, substitutions
from minattn.check.diagnosis import other_forward as others
from minattn.check.diagnosis import ranking as rank
from minattn.check.diagnosis import step_rules as local
from minattn.check.diagnosis import whole_gradient as relations
from minattn.check.diagnosis.replay import replay


def said(probe, forward, backward, *inputs, argument=0):
    """The kinds and sentences of a probe on the whole gradient, or on the steps of forward."""
    lab = lab_of(forward, backward, *inputs, argument=argument)
    on_steps = probe.__code__.co_argcount == 2
    return [(guess.kind, guess.sentence) for guess in (probe(lab, replay(lab)) if on_steps else probe(lab))]


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def powers(x, w):
    for _ in range(3):
        x = np.tanh(x @ w)
    return x


def powers_backward(turned=True, slope=True, keep=1.0):
    def backward(g, x, w):
        states = [x]
        for _ in range(3):
            states.append(np.tanh(states[-1] @ w))
        dw = np.zeros_like(w)
        for before, after in reversed(list(pairwise(states))):
            da = g * (1 - after**2) if slope else g
            dw = keep * dw + before.T @ da
            g = da @ (w.T if turned else w)
        return g, dw

    return backward


def attention(q, k, mask):
    return softmax(np.where(mask, q @ k.T, -1e9))


def attention_dq(hides=True):
    def backward(g, q, k, mask):
        p = softmax(np.where(mask | (not hides), q @ k.T, -1e9))
        ds = p * (g - (g * p).sum(-1, keepdims=True))
        return ds @ k, ds.T @ q, None

    return backward


MASK = np.array([[True, True, False], [True, False, True], [True, True, True]])


def centred(x):
    return x - x.mean(axis=0)


CASES = {
    "one use of a loop": (
        paths.one_use,
        "overwritten_not_accumulated",
        "used 3 times",
        (powers, powers_backward(keep=0.0), normal(2, 4), normal(4, 4, seed=5) / 2),
        1,
    ),
    "one path with the wrong sign": (
        paths.one_path,
        "sign",
        "has the wrong sign",
        (centred, lambda g, x: g + g.mean(axis=0), normal(4, 3)),
        0,
    ),
    "one path with a factor": (
        paths.one_path,
        "constant_factor",
        "multiplied by 4, the length of axis 0",
        (centred, lambda g, x: g - g.sum(axis=0), normal(4, 3)),
        0,
    ),
    "no mask in forward": (
        others.other_forward,
        "mask_leak",
        "there is no mask in `return softmax(np.where(mask",
        (attention, attention_dq(hides=False), normal(3, 4), normal(3, 4, seed=5), MASK),
        0,
    ),
    "all sums along another axis": (
        others.other_forward,
        "wrong_axis",
        "run along axis 0",
        (
            softmax,
            lambda g, x: (lambda p: p * (g - (g * p).sum(0)))(np.exp(x) / np.exp(x).sum(0)),
            normal(3, 4),
        ),
        0,
    ),
    "a matrix that is not transposed": (
        local.other_rules,
        "missing_transpose",
        "a matrix is not transposed",
        (
            lambda x, w: np.tanh(x @ w),
            lambda g, x, w: ((g * (1 - np.tanh(x @ w) ** 2)) @ w, x.T @ g),
            normal(2, 3),
            normal(3, 3, seed=5),
        ),
        0,
    ),
    "a sum over the wrong axis for a gain": (
        local.other_rules,
        "wrong_axis",
        "summed over axis 1",
        (
            lambda x, gain: np.exp(gain * x),
            lambda g, x, gain: (g, (g * np.exp(gain * x) * x).sum(axis=1)),
            normal(3, 3),
            normal(3, seed=5),
        ),
        1,
    ),
    "the last copy of what was repeated": (
        local.other_rules,
        "overwritten_not_accumulated",
        "the last copy's gradient alone",
        (
            lambda x, gain: np.exp(gain * x),
            lambda g, x, gain: (g, (g * np.exp(gain * x) * x)[-1]),
            normal(4, 3),
            normal(3, seed=5),
        ),
        1,
    ),
    "the last gradient of what was picked twice": (
        local.other_rules,
        "overwritten_not_accumulated",
        "picked twice gets the last gradient alone",
        (
            lambda x: np.exp(x[np.array([0, 0, 2])]).cumsum(axis=0),
            lambda g, x: np.stack([g[1:].sum(0), 0 * g[0], g[2]]) * np.exp(x),
            normal(3, 2),
        ),
        0,
    ),
    "the mean of what was picked several times": (
        local.other_rules,
        "constant_factor",
        "gets the mean of its gradients",
        (lambda x: x[np.array([0, 0, 2])], lambda g, x: np.stack([g[:2].mean(0), 0 * g[0], g[2]]), normal(3, 2)),
        0,
    ),
    "the piece of another": (
        local.other_rules,
        "swapped_arguments",
        "cut out from place 2 on of axis 0",
        (
            lambda a, b: np.concatenate([a, b]) ** 3,
            lambda g, a, b: (3 * g[2:] * b**2, g[:2]),
            normal(2, 3),
            normal(2, 3, seed=5),
        ),
        0,
    ),
    "two axes mixed up in einsum": (
        local.other_rules,
        "missing_transpose",
        "two axes of the gradient are mixed up",
        (
            lambda q, k: np.einsum("bte,bse->bts", q, k),
            lambda g, q, k: (np.einsum("bts,bse->bte", g, k), np.einsum("bts,bse->bte", g, q)),
            normal(2, 3, 4),
            normal(2, 3, 4, seed=5),
        ),
        1,
    ),
    "a slip at each turn of a loop": (
        local.in_loops,
        "missing_transpose",
        "each time",
        (powers, powers_backward(turned=False), normal(2, 4), normal(4, 4, seed=5) / 2),
        1,
    ),
    "a slope that is left out at each turn": (
        local.in_loops,
        "wrong_place",
        "the slope of tanh is left out",
        (powers, powers_backward(slope=False), normal(2, 4), normal(4, 4, seed=5) / 2),
        1,
    ),
    "one of two terms with the wrong sign": (
        candidates.sign_of_a_term,
        "sign",
        "one of two terms has the wrong sign",
        (np.tanh, lambda g, x: g * (1 + np.tanh(x) ** 2), normal(3, 4)),
        0,
    ),
    "a formula that is another one": (
        candidates.formula,
        "wrong_variable",
        "times (1 - x²) times 2",
        (np.sin, lambda g, x: 2 * g * (1 - x**2), normal(3, 4)),
        0,
    ),
    "a gain that is left out": (
        candidates.missing_factor,
        "wrong_place",
        "gain is left out",
        (
            lambda x, gain: (gain * x).sum(axis=1) ** 2,
            lambda g, x, gain: (2 * (g * (gain * x).sum(1))[:, None] * np.ones(3), gain),
            normal(4, 3),
            normal(3, seed=5),
        ),
        0,
    ),
    "another value in place of the argument": (
        substitutions.other_values,
        "wrong_variable",
        "stands in place of x",
        (
            lambda x: np.sin(2 * x).sum(axis=0),
            lambda g, x: 2 * g * np.cos(2 * (2 * x)),
            normal(3, 4),
        ),
        0,
    ),
    "without the mask that is an input": (
        substitutions.without_mask,
        "mask_leak",
        "without mask",
        (attention, attention_dq(hides=False), normal(3, 4), normal(3, 4, seed=5), MASK),
        0,
    ),
    "the shortcut": (
        jacobian.shortcut,
        "missing_path",
        "the upstream gradient itself is not there",
        (lambda x: x + np.cumsum(x, axis=0), lambda g, x: np.cumsum(g[::-1], axis=0)[::-1], normal(4, 3)),
        0,
    ),
    "a linear map that is not transposed": (
        relations.forwards,
        "missing_transpose",
        "Jᵀ g",
        (lambda x: np.cumsum(x, axis=0), lambda g, x: np.cumsum(g, axis=0), normal(4, 3)),
        0,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_probe_recognises_the_slip_that_it_is_made_for(name):
    probe, kind, words, arguments, argument = CASES[name]
    guesses = said(probe, *arguments, argument=argument)
    assert [found for found, _ in guesses][:1] == [kind]
    assert words in guesses[0][1]


@pytest.mark.parametrize("name", CASES)
def test_a_probe_says_nothing_of_a_gradient_of_random_numbers(name):
    probe, _, _, (forward, backward, *inputs), argument = CASES[name]

    def noise(g, *inputs):
        gradients = list(
            np.atleast_1d(backward(g, *inputs)) if not isinstance(backward(g, *inputs), tuple) else backward(g, *inputs)
        )
        place = inputs[argument]
        weights = np.random.default_rng(5).normal(size=(place.size, g.size))
        gradients[argument] = (weights @ g.ravel()).reshape(place.shape)
        return tuple(gradients)

    assert said(probe, forward, noise, *inputs, argument=argument) == []


def test_a_kink_has_no_slope():
    lab = lab_of(np.abs, lambda g, x: g, np.array([1.0, 0.0, -2.0]))
    assert lab.slopes((np.array([1.0, 0.0, -2.0]),), 0, np.ones(3)) is None
    np.testing.assert_allclose(lab.slopes((np.array([1.0, 3.0, -2.0]),), 0, np.ones(3)), [1, 1, -1])


def test_no_more_than_three_findings_are_reported(monkeypatch):
    def talkative(lab):
        for kind in ("sign", "shape", "transposed", "wrong_axis", "mask_leak"):
            yield rank.Guess(kind, "says", kind == "mask_leak")

    monkeypatch.setattr(rank, "ORDER", ((talkative,),))
    findings = diagnosed(np.exp, lambda g, x: g, normal(2, 3))
    assert [finding.kind for finding in findings] == ["mask_leak", "sign", "shape"]
