"""Each probe by itself: what it says to the slip that it is made for, and that it is silent about another."""

from itertools import pairwise

import numpy as np
import pytest
from support.diagnosis_help import diagnosed, measurements_of, normal

from minattn.check.diagnosis import (
    dropped_paths,
    formulas,
    jacobian,
    step_rules,
    substitutions,
    whole_gradient,
)
from minattn.check.diagnosis.forward_steps import follow_forward
from minattn.check.diagnosis.measurements import Diagnosis


def said(probe, forward, backward, *inputs, argument=0):
    """The kinds and sentences of a probe on the whole gradient, or on the steps of forward."""
    measured = measurements_of(forward, backward, *inputs, argument=argument)
    given = (follow_forward(measured),) if probe.__code__.co_argcount == 2 else ()
    return [(diagnosis.kind, diagnosis.sentence) for diagnosis in probe(measured, *given)]


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
        dropped_paths.single_use_kept,
        "overwritten_not_accumulated",
        "used 3 times",
        (powers, powers_backward(keep=0.0), normal(2, 4), normal(4, 4, seed=5) / 2),
        1,
    ),
    "one path with the wrong sign": (
        dropped_paths.one_path,
        "sign",
        "has the wrong sign",
        (centred, lambda g, x: g + g.mean(axis=0), normal(4, 3)),
        0,
    ),
    "one path with a factor": (
        dropped_paths.one_path,
        "constant_factor",
        "multiplied by 4, the length of axis 0",
        (centred, lambda g, x: g - g.sum(axis=0), normal(4, 3)),
        0,
    ),
    "no mask in forward": (
        substitutions.other_forward,
        "mask_leak",
        "there is no mask in `return softmax(np.where(mask",
        (attention, attention_dq(hides=False), normal(3, 4), normal(3, 4, seed=5), MASK),
        0,
    ),
    "all sums along another axis": (
        substitutions.other_forward,
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
        step_rules.wrong_rule,
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
        step_rules.wrong_rule,
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
        step_rules.wrong_rule,
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
        step_rules.wrong_rule,
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
        step_rules.wrong_rule,
        "constant_factor",
        "gets the mean of its gradients",
        (lambda x: x[np.array([0, 0, 2])], lambda g, x: np.stack([g[:2].mean(0), 0 * g[0], g[2]]), normal(3, 2)),
        0,
    ),
    "the piece of another": (
        step_rules.wrong_rule,
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
        step_rules.wrong_rule,
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
        step_rules.wrong_rule_in_loop,
        "missing_transpose",
        "each time",
        (powers, powers_backward(turned=False), normal(2, 4), normal(4, 4, seed=5) / 2),
        1,
    ),
    "a slope that is left out at each turn": (
        step_rules.wrong_rule_in_loop,
        "wrong_place",
        "the slope of tanh is left out",
        (powers, powers_backward(slope=False), normal(2, 4), normal(4, 4, seed=5) / 2),
        1,
    ),
    "one of two terms with the wrong sign": (
        formulas.sign_of_a_term,
        "sign",
        "one of two terms has the wrong sign",
        (np.tanh, lambda g, x: g * (1 + np.tanh(x) ** 2), normal(3, 4)),
        0,
    ),
    "a formula that is another one": (
        formulas.other_formula,
        "wrong_variable",
        "times (1 - x²) times 2",
        (np.sin, lambda g, x: 2 * g * (1 - x**2), normal(3, 4)),
        0,
    ),
    "a gain that is left out": (
        formulas.missing_factor,
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
        substitutions.other_value_for_argument,
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
        jacobian.missing_shortcut,
        "missing_path",
        "the upstream gradient itself is not there",
        (lambda x: x + np.cumsum(x, axis=0), lambda g, x: np.cumsum(g[::-1], axis=0)[::-1], normal(4, 3)),
        0,
    ),
    "a linear map that is not transposed": (
        whole_gradient.jacobian_not_transposed,
        "missing_transpose",
        "Jᵀ g",
        (lambda x: np.cumsum(x, axis=0), lambda g, x: np.cumsum(g, axis=0), normal(4, 3)),
        0,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_probe_recognises_the_slip_that_it_is_made_for(name):
    probe, kind, words, arguments, argument = CASES[name]
    diagnoses = said(probe, *arguments, argument=argument)
    assert [found for found, _ in diagnoses][:1] == [kind]
    assert words in diagnoses[0][1]


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
    measured = measurements_of(np.abs, lambda g, x: g, np.array([1.0, 0.0, -2.0]))
    assert measured.slopes((np.array([1.0, 0.0, -2.0]),), 0, np.ones(3)) is None
    np.testing.assert_allclose(measured.slopes((np.array([1.0, 3.0, -2.0]),), 0, np.ones(3)), [1, 1, -1])


def test_no_more_than_three_findings_are_reported():
    def talkative(measured):
        for kind in ("sign", "shape", "transposed", "wrong_axis", "mask_leak"):
            yield Diagnosis(kind, "says", kind == "mask_leak")

    findings = diagnosed(np.exp, lambda g, x: g, normal(2, 3), stages=((talkative,),))
    assert [finding.kind for finding in findings] == ["mask_leak", "sign", "shape"]
