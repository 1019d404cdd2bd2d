"""One gradient is wrong and the others are right: no mistake is named that would spoil one of those too."""

import numpy as np
import pytest
from support.mistake_runs import PROBLEMS, RIGHT, RUNS

from minattn.check import check_backward
from minattn.check.catalogue import catalogue, match, matches
from minattn.check.problem import Problem, has_gradient
from minattn.learn.checking import check_submission
from minattn.learn.course import find
from minattn.learn.submission import Submission
from minattn.ops import registry

SEVERAL = [
    op
    for op, (_, samples) in registry.items()
    if any(sum(map(has_gradient, sample.inputs)) > 1 for sample in samples(np.random.default_rng(0)))
]

ATTENTION, OPTIONS = PROBLEMS["ScaledDotProductAttention"][0]
SIGN = next(e for e in catalogue["ScaledDotProductAttention"] if e.name == "attention_sign")  # of dq and of dk


def changed(problem, factors):
    """The right backward pass with some of its gradients multiplied. factors: by the number of the input"""

    def backward(g, *inputs):
        gradients = problem.backward(g, *inputs)
        return tuple(factors[i] * d if i in factors else d for i, d in enumerate(gradients))

    return backward


def check(problem, backward, op):
    return check_backward(problem.forward, backward, problem.inputs, like=op, names=problem.names)


def spoiled(entry, sample):
    """The inputs whose gradients are wrong with a mistake on a sample of its op, judged apart from the check."""
    pairs = enumerate(zip(RUNS[entry.name][sample].gradients, RIGHT[entry.op][sample].gradients, strict=True))
    return {i for i, (a, b) in pairs if b is not None and (np.shape(a) != b.shape or not np.allclose(a, b))}


@pytest.mark.parametrize("op", SEVERAL)
def test_no_mistake_is_named_that_spoils_a_gradient_which_is_right(op):
    """Whatever the sample, of all that is in the catalogue; on the first sample, of all that the check says."""
    for sample, (problem, options) in enumerate(PROBLEMS[op]):
        for wrong in problem.arguments:
            for factor in (-1.0, 0.0):
                if not RIGHT[op][sample].gradients[wrong].any():
                    continue
                backward = changed(problem, {wrong: factor})
                named = matches(Problem(**vars(problem) | {"backward": backward}), op, options, arguments=[wrong])
                if not sample:
                    report = check(problem, backward, op)
                    said = [finding.sentence for finding in report.findings]
                    assert report.ok is False
                    named += [entry for entry in catalogue.get(op, []) if entry.sentence in said]
                for entry in named:
                    assert spoiled(entry, sample) <= {wrong}, f"{problem.names[wrong]} of sample {sample}: {entry.name}"


def test_a_gradient_whose_sign_alone_is_turned_is_no_mistake_that_turns_another():
    (finding,) = check(ATTENTION, changed(ATTENTION, {1: -1.0}), "attention").findings
    assert (finding.argument, finding.kind, finding.sure) == ("x1", "sign", "exactly")
    assert finding.sentence == "the right gradient with the sign turned"
    both = check(ATTENTION, changed(ATTENTION, {0: -1.0, 1: -1.0}), "attention")
    assert [(f.argument, f.sentence) for f in both.findings] == [(None, SIGN.sentence)]


def test_a_learner_whose_dk_alone_is_negated_is_told_so():
    exercise = find("attention")
    said = check_submission(exercise, Submission(), "mine.py", exercise.fill(exercise.solution + "\ndk = -dk"))
    assert said.sentence.startswith("dk is wrong, dq and dv are right")
    diagnoses = [remark.text for remark in said.remarks if remark.label == "diagnosis"]
    assert diagnoses == ["dk: exactly this: the right gradient with the sign turned"]


def test_a_mistake_is_not_named_where_another_gradient_is_wrong_in_another_way():
    report = check(ATTENTION, changed(ATTENTION, {0: 2.0, 1: -1.0}), "attention")
    assert {f.argument for f in report.findings} == {"x0", "x1"}
    assert not any(SIGN.sentence in f.sentence for f in report.findings)


def test_a_mistake_is_named_beside_one_in_a_gradient_that_it_leaves_right():
    report = check(ATTENTION, changed(ATTENTION, {0: -1.0, 1: -1.0, 2: 3.0}), "attention")
    assert [f.argument for f in report.findings if f.sentence == SIGN.sentence] == ["x0", "x1"]
    assert [f.kind for f in report.findings if f.argument == "x2"] == ["constant_factor"]


def test_two_mistakes_in_two_gradients_are_both_named():
    problem, options = PROBLEMS["Linear"][0]
    entries = {entry.name: entry for entry in catalogue["Linear"]}
    row, bias = entries["linear_last_row_kept"], entries["linear_bias_zero"]

    def both(g, *inputs):
        return (*row.backward(g, *inputs, **options)[:2], bias.backward(g, *inputs, **options)[2])

    found = {f.argument: (f.sentence, f.sure) for f in check(problem, both, "linear").findings}
    assert found == {"x1": (row.sentence, "exactly"), "x2": (bias.sentence, "exactly")}


def test_where_a_mistake_goes_wrong_is_compared_at_every_point_tried():
    """dq is right at the inputs that are given, where the mistake gives something else, and the mistake's elsewhere."""
    at = ATTENTION.inputs[0]

    def backward(g, *inputs):
        dq, dk, dv, *rest = changed(ATTENTION, {1: -1.0})(g, *inputs)
        return (dq if np.array_equal(inputs[0], at) else -dq, dk, dv, *rest)

    wrong = Problem(**vars(ATTENTION) | {"backward": backward})
    assert match(wrong, "ScaledDotProductAttention", OPTIONS, arguments=[1]) is None
