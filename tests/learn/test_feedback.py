"""Feedback rises with the tries: where and which kind, then the mistake, then what belongs there."""

import pytest

from minattn.cli import main
from minattn.learn import course, find
from minattn.learn.checking import check_submission
from minattn.learn.feedback import FORMULA, MISTAKE, WHERE, before_formula, kind_of_slip, told
from minattn.learn.progress import CourseProgress
from minattn.learn.submission import Submission

SOFTMAX = find("softmax")
SUM_OVER_G = "dx = p * (g - g.sum(axis=-1, keepdims=True))"
NO_SUM = "dx = p * g"
SLIPS = [(exercise, slip) for exercise in course() for slip in exercise.mistakes[::2]]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["learn", "init", "."]) == 0
    return tmp_path


def check(folder, capsys, gap, name="softmax"):
    exercise = find(name)
    (folder / exercise.file).write_text(exercise.fill(gap), encoding="utf-8")
    capsys.readouterr()
    main(["learn", "check", name])
    return " ".join(capsys.readouterr().out.split())


def verdict_of(exercise, gap):
    return check_submission(exercise, Submission(), exercise.file, exercise.fill(gap))


def test_the_first_wrong_answer_is_told_where_the_second_the_mistake_the_third_the_formula(folder, capsys):
    first = check(folder, capsys, SUM_OVER_G)
    assert "dx is wrong: " in first and "at [" in first and "kind wrong variable" in first
    assert "diagnosis" not in first and "look at" not in first and "more is told at your next try" in first
    second = check(folder, capsys, NO_SUM)
    assert "exactly this: The denominator is treated as a constant, which leaves g p." in second
    assert "kind" not in second
    third = check(folder, capsys, SUM_OVER_G)
    assert "The sum is taken over g alone: p (g - Σ g) in place of p (g - Σ g p)" in third
    assert "more is told" not in third and "stuck?" in third


def test_the_same_answer_again_is_no_second_try(folder, capsys):
    answers = [check(folder, capsys, SUM_OVER_G) for _ in range(4)]
    assert all("kind wrong variable" in said and "diagnosis" not in said for said in answers)


def test_the_ladder_of_one_exercise_is_not_that_of_another(folder, capsys):
    for gap in (SUM_OVER_G, NO_SUM, "dx = g"):
        check(folder, capsys, gap)
    said = check(folder, capsys, "dx, dw = g @ w.T, w", "matmul")
    assert "diagnosis" not in said


def test_hints_raise_it_and_it_stands_in_the_state_file(folder, capsys):
    check(folder, capsys, SUM_OVER_G)
    assert main(["learn", "hint", "softmax"]) == 0
    assert "The sum is taken over g alone." in check(folder, capsys, SUM_OVER_G)
    assert main(["learn", "hint", "softmax"]) == 0
    assert "p (g - Σ g p)" in check(folder, capsys, SUM_OVER_G)
    progress = CourseProgress.load(folder)
    assert progress.of(SOFTMAX).told == 1 and progress.step(SOFTMAX) == FORMULA
    (folder / "progress.txt").unlink()
    assert "diagnosis" not in check(folder, capsys, SUM_OVER_G)


def test_a_state_file_of_before_is_understood(tmp_path):
    (tmp_path / "progress.txt").write_text("softmax  passed  2  1  2026-01-01 10:00\nmatmul  open  3  0  -\n")
    progress = CourseProgress.load(tmp_path)
    assert progress.of(SOFTMAX).first == "2026-01-01 10:00" and progress.of(find("matmul")).first == "-"
    assert progress.step(find("matmul")) == WHERE and progress.notes == []


def test_errors_are_told_whole(folder, capsys):
    assert "'[' was never closed" in check(folder, capsys, "dx = g[") and "your line" in check(
        folder, capsys, "dx = g["
    )


@pytest.mark.parametrize(("exercise", "slip"), SLIPS, ids=[f"{e.name}-{n}" for n, (e, _) in enumerate(SLIPS)])
def test_no_step_says_more_of_a_known_slip_than_it_should(exercise, slip):
    verdict = verdict_of(exercise, slip.gap)
    if f"exactly this: {slip.text}" not in [remark.text for remark in verdict.remarks]:
        return  # an error, or another slip gives the same
    first, second = (str(told(exercise, verdict, step)) for step in (WHERE, MISTAKE))
    assert "diagnosis" not in first and "look at" not in first
    mistake = before_formula(slip.text)
    assert f"diagnosis: exactly this: {mistake}" in second
    for cut in ("place of", "instead of", "belong", ": "):
        assert cut not in mistake
    for meaning in exercise.steps.values():
        assert f"({meaning})" not in first + second
    assert told(exercise, verdict, FORMULA) == verdict


def test_a_known_slip_of_a_backward_pass_has_the_kind_that_the_gradient_check_gives_it():
    kinds = {kind_of_slip(exercise, slip.gap) for exercise, slip in SLIPS if exercise.name in ("scores", "residual")}
    assert {"constant_factor", "missing_path"} <= kinds
