"""The diagnosis: wrong backward passes are named, by probes that know nothing of any op."""

import math

import numpy as np
import pytest
from support import wrong
from support.diagnosis_help import diagnosed, measurements_of, normal, problem_of

from minattn.check.diagnosis import diagnose
from minattn.check.diagnosis.factors import describe_factor
from minattn.check.diagnosis.ranking import STAGES, by_steps
from minattn.check.mistake_kinds import kinds
from minattn.check.prepare import prepare
from minattn.check.referee import measure_gradient
from minattn.check.report import CONSISTENT, EXACTLY
from minattn.trace import record


def share_named(groups, stages=STAGES):
    """The share of wrong passes whose first finding has the right kind, and what the others were taken for."""
    cases = [case for group in groups for case in group.cases()]
    other = {}
    for case in cases:
        problem, i = problem_of(case), case.argument
        got, true = problem.gradients()[i], measure_gradient(problem, i)
        found = diagnose(problem, i, got, true, stages=stages, strict=True)
        named = found[0].kind if found else None
        if named != case.kind:
            other[case.name] = named
    return 1 - len(other) / len(cases), other


ALL = [*wrong.DEVELOPED, *wrong.APART, *wrong.LATER]


def test_there_are_more_than_two_hundred_wrong_passes_of_all_kinds_that_a_backward_can_show():
    cases = [case for group in ALL for case in group.cases()]
    assert len(cases) > 200
    assert len({case.kind for case in cases}) >= 18


@pytest.mark.parametrize("group", ALL, ids=lambda group: group.name)
def test_the_right_pass_of_each_group_is_right_and_the_wrong_ones_are_wrong(group):
    with np.errstate(all="ignore"):
        for case in group.cases():
            problem = problem_of(case)
            true = measure_gradient(problem, case.argument)
            right = group.right(problem.upstream, *problem.inputs)
            right = right if isinstance(right, tuple) else (right,)
            if np.any(right[case.argument]):  # 0 stands for a gradient that no case is about
                assert true.agrees(np.asarray(right[case.argument]))
            assert not true.agrees(problem.gradients()[case.argument])


def test_the_wrong_passes_it_was_developed_on_are_all_named():
    share, other = share_named(wrong.DEVELOPED)
    assert share == 1.0, other


def test_nine_in_ten_of_those_kept_apart_are_named():
    share, other = share_named([*wrong.APART, *wrong.LATER])
    assert share >= 0.9, other


def test_without_the_steps_of_forward_three_in_four_are_still_named():
    stages = [[probe for probe in stage if probe is not by_steps] for stage in STAGES]
    share, other = share_named(wrong.DEVELOPED, stages)
    assert share >= 0.75, other


def test_findings_are_few_exact_ones_first_and_each_has_evidence_and_advice():
    for group in ALL:
        for case in group.cases():
            problem = problem_of(case)
            got, true = problem.gradients()[case.argument], measure_gradient(problem, case.argument)
            findings = diagnose(problem, case.argument, got, true)
            assert len(findings) <= 3
            assert [f.sure for f in findings] == sorted((f.sure for f in findings), key=(EXACTLY, CONSISTENT).index)
            for finding in findings:
                assert finding.argument == problem.names[case.argument]
                assert finding.next == kinds[finding.kind].next
                assert finding.sentence and not finding.sentence.endswith(".")
                if got.shape == true.value.shape and np.isfinite(got).all():
                    index = finding.evidence.index
                    assert finding.evidence.got == got[index]
                    assert finding.evidence.expected == true.value[index]
                    assert abs(got - true.value).max() == abs(got - true.value)[index]
                    assert finding.evidence.share_wrong == true.wrong(got).mean()


def test_a_length_is_told_from_another_by_changing_it():
    def forward(x):
        return (x * x).mean(axis=0)

    finding = diagnosed(forward, lambda g, x: g * 2 * x, normal(4, 6))[0]
    assert finding.kind == "constant_factor"
    assert "4, the length of axis 0 of x" in finding.sentence

    def twice(x):
        return 4 * x.sum(axis=0)

    measured = measurements_of(twice, lambda g, x: np.broadcast_to(g, x.shape) * 16.0, normal(4, 6))
    assert describe_factor(4.0, measured.problem, lambda problem: 4.0) == "4"
    assert describe_factor(4.0, measured.problem, lambda problem: float(len(problem.inputs[0]))).startswith(
        "4, the length"
    )
    assert describe_factor(1.2345678, measured.problem, lambda problem: None) == "1.23457"


@pytest.mark.parametrize(
    ("factor", "name"),
    [
        (lambda q, k: math.sqrt(q.shape[1]), "√5, where 5 is the length of axis 1 of q"),
        (lambda q, k: 1 / math.sqrt(q.shape[1]), "1/√5, where 5 is the length of axis 1 of q"),
        (lambda q, k: 1 / len(k), "1/3, where 3 is the length of axis 0 of k"),
        (lambda q, k: 1 / 3, "0.333333 = 1/3"),
        (lambda q, k: 2.0, "2"),
        (lambda q, k: 2 / len(q), "2/7, where 7 is the length of axis 0 of q"),
        (lambda q, k: 0.3 / len(q), "0.3/7, where 7 is the length of axis 0 of q"),
    ],
)
def test_a_factor_is_called_a_length_only_if_it_follows_that_length(factor, name):
    measured = measurements_of(lambda q, k: q @ k.T, lambda g, q, k: (g @ k, g.T @ q), normal(7, 5), normal(3, 5))
    problem = measured.problem
    assert name in describe_factor(factor(*problem.inputs), problem, lambda other: factor(*other.inputs))
    alone = describe_factor(factor(*problem.inputs), problem, lambda other: factor(*problem.inputs))
    assert "where" not in alone


def test_a_factor_that_is_another_one_elsewhere_is_no_constant():
    assert (
        diagnosed(lambda x: x.max(), lambda g, x: g * (x == x.max()) * x.max(), normal(5))[0].kind == "wrong_variable"
    )


def test_the_line_of_forward_that_was_gone_wrong_through_is_quoted():
    def forward(x):
        total = np.exp(x).sum(axis=-1, keepdims=True)
        return x - np.log(total)

    finding = diagnosed(forward, lambda g, x: g.copy(), normal(3, 4))[0]
    assert finding.kind == "treated_as_constant"
    assert "the sum in `total = np.exp(x).sum(axis=-1, keepdims=True)`" in finding.sentence


def test_a_forward_that_cannot_be_followed_is_diagnosed_all_the_same():
    def forward(x):
        return np.array([[math.tanh(float(value)) for value in row] for row in x])

    assert record(forward, [normal(2, 3)], [0]) is None
    found = [diagnosed(forward, rule, normal(2, 3))[0].kind for rule in (lambda g, x: -g / np.cosh(x) ** 2, _swapped)]
    assert found == ["sign", "transposed"]


def _swapped(g, x):
    return (g / np.cosh(x) ** 2).T


def test_a_backward_that_fails_elsewhere_is_diagnosed_where_it_does_not():
    inputs = normal(3, 4)

    def backward(g, x):
        if not np.array_equal(x, inputs):
            raise RuntimeError("only here")
        return g * np.exp(x) / 2

    findings = diagnosed(np.exp, backward, inputs)
    assert {finding.kind for finding in findings} <= {"constant_factor", "wrong_variable", "wrong_place"}


def test_neither_inputs_nor_upstream_nor_the_gradient_are_changed():
    for group in wrong.DEVELOPED:
        for case in group.cases():
            problem = problem_of(case)
            got = problem.gradients()[case.argument]
            before = [np.array(x, copy=True) for x in (*problem.inputs, problem.upstream, got)]
            diagnose(problem, case.argument, got, measure_gradient(problem, case.argument))
            for old, new in zip(before, (*problem.inputs, problem.upstream, got), strict=True):
                np.testing.assert_array_equal(old, new)


def test_a_gradient_of_a_wrong_shape_may_come_from_another_point():
    problem = prepare(
        lambda x, b: x + b, lambda g, x, b: (g, g), [normal(3, 4), normal(4)], None, np.random.default_rng(0)
    )[0]
    finding = diagnose(problem, 1, normal(3, 4, seed=9), measure_gradient(problem, 1))[0]
    assert (finding.kind, finding.sure) == ("broadcast_not_summed", EXACTLY)


def test_large_arrays_are_diagnosed_on_some_of_the_outputs():
    def softmax(x):
        e = np.exp(x)
        return e / e.sum(axis=-1, keepdims=True)

    def over_rows(g, x):
        p = softmax(x)
        return p * (g - (g * p).sum(axis=0, keepdims=True))

    measured = measurements_of(softmax, over_rows, normal(20, 30))
    assert len(measured.rows) < 600 and measured.backward_matrix.shape == (len(measured.rows), 600)
    assert diagnosed(softmax, over_rows, normal(20, 30))[0].kind == "wrong_axis"
