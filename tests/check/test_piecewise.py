"""Functions in pieces, by np.where, masks and boolean indices: whatever a probe meets there, the verdict stands."""

from collections import Counter

import numpy as np
import pytest
from support.diagnosis_help import diagnosed
from support.wrong import piecewise

from minattn.check import check_backward
from minattn.check.comparison import compare
from minattn.check.diagnosis import diagnose
from minattn.check.diagnosis.measurements import Diagnosis
from minattn.check.mistake_kinds import kinds
from minattn.check.prepare import prepare
from minattn.check.problem import second_point
from minattn.check.referee import measure_gradient

CASES = list(piecewise.cases())
WAYS = [*piecewise.CHOICES, *piecewise.SELECTIONS]


def test_there_are_some_hundred_cases():
    assert len(CASES) > 500
    assert set(Counter(case.name.partition(", ")[2] for case in CASES).values()) == {5}  # of a choice with a slip


@pytest.mark.parametrize("choice", WAYS)
def test_no_slip_crashes_the_check_and_each_is_told_whatever_chooses_the_branch(choice):
    """Each slip once with each choice: in one function or another, at one input or another."""
    for i, slip in enumerate(piecewise.SLIPS):
        alike = [case for case in CASES if case.name.endswith(f", {choice}, {slip}")]
        for case in alike[(i + WAYS.index(choice)) % 5 :][:1]:
            report = check_backward(case.forward, case.wrong, case.x)
            assert report.ok is False, case.name
            assert report.findings and all(f.kind in kinds and f.told for f in report.findings), case.name


@pytest.mark.parametrize("choice", WAYS)
def test_no_probe_raises_at_a_piecewise_function(choice):
    for case in CASES:
        if f", {choice}, " in case.name:
            diagnosed(case.forward, case.wrong, case.x)


def test_no_wrong_pass_is_right_at_its_input_and_beside_it():
    for case in CASES:
        here = prepare(case.forward, case.wrong, [case.x], None, np.random.default_rng(0))[0]
        points = [here, second_point(here, np.random.default_rng(1))]
        assert not all(compare(point, 0, point.gradients()[0]).is_right for point in points), case.name


def test_the_right_passes_are_called_right():
    seen = set()
    for case in CASES:
        function = (case.name.rsplit(",", 1)[0], case.x.shape)
        if function not in seen:
            seen.add(function)
            assert check_backward(case.forward, case.right, case.x).ok is True, case.name


def test_an_elu_whose_slope_lacks_a_one_is_wrong_and_said_to_be_so_where():
    def forward(x):
        return np.where(x > 0, x, np.exp(x) - 1)

    def backward(g, x):
        return g * np.where(x > 0, 1, np.exp(x) - 1)

    report = check_backward(forward, backward, [np.array([[0.5, -1.0], [2.0, -0.3]])])
    assert report.ok is False and report.findings[0].kind == "wrong_variable"
    assert report.findings[0].evidence.index[1] == 1 and report.findings[0].evidence.share_wrong == 0.5


def test_a_branch_that_is_not_followed_back_is_named():
    def forward(x):
        return np.where(x > 3, x**2, x)

    report = check_backward(forward, lambda g, x: g * np.where(x > 3, 2 * x, 0), [np.array([4.0, 0.0])])
    assert (report.findings[0].kind, report.findings[0].sure) == ("missing_path", "exactly")


def test_where_the_selection_changes_beside_an_entry_the_others_are_judged():
    def backward(slope):
        def spread(g, x):
            dx = np.zeros_like(x)
            dx[x > 0] = slope * g * x[x > 0]
            return dx

        return spread

    x = [np.array([4.0, 0.0, -2.0])]
    right = check_backward(lambda x: x[x > 0] ** 2, backward(2), x)
    assert right.ok is True and "has another shape there" in right.notes[0]
    assert right.curve().floor < 1e-6
    wrong = check_backward(lambda x: x[x > 0] ** 2, backward(3), x)
    assert wrong.ok is False and wrong.findings[0].evidence.index == (0,)


def test_a_forward_that_raises_beside_an_entry_is_judged_at_the_others():
    def forward(x):
        if (x < 0).any():
            raise ValueError("not below 0")
        return np.sqrt(x + 1)

    x = np.array([0.0, 1.0, 4.0])
    report = check_backward(forward, lambda g, x: g / (2 * np.sqrt(x + 1)), x)
    assert report.ok is True and "beside an entry of x" in report.notes[0]
    assert check_backward(forward, lambda g, x: g / np.sqrt(x + 1), x).ok is False


def test_a_probe_that_raises_is_silent_and_an_error_in_strict_mode():
    def raises(measured):
        raise KeyError("a slip in the probe")
        yield

    def says(measured):
        yield Diagnosis("sign", "the sign is turned")

    problem = prepare(np.exp, lambda g, x: -g * np.exp(x), [np.ones(3)], None, np.random.default_rng(0))[0]
    given = problem, 0, problem.gradients()[0], measure_gradient(problem, 0)
    stages = ((raises,), (says,))
    assert [finding.kind for finding in diagnose(*given, stages=stages)] == ["sign"]
    with pytest.raises(KeyError):
        diagnose(*given, stages=stages, strict=True)
