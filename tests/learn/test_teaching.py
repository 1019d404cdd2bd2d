"""The files that the page for teachers shows can be taken from it: an exercise, a program, a mistake, a test."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from support.learn_help import verdict

from minattn.learn import Exercise, find
from minattn.learn.learner_folder import init
from minattn.learn.submission import RESULTS

PAGE = (Path(__file__).parents[2] / "walkthroughs" / "13_teaching.py").read_text(encoding="utf-8")
FILES = {
    node.targets[0].id: node.value.value
    for node in ast.parse(PAGE).body
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.targets[0], ast.Name)
}


@pytest.fixture
def run(tmp_path):
    """Runs own.py, the program of the page, in a folder that has its exercise too."""
    (tmp_path / "exercises").mkdir()
    (tmp_path / "exercises" / "e175_rms_norm.py").write_text(FILES["EXERCISE"], encoding="utf-8")
    (tmp_path / "own.py").write_text(FILES["SEEN"] + FILES["OWN"], encoding="utf-8")

    def run(*words):
        command = [sys.executable, "own.py", "learn", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    return run


def test_the_exercise_on_the_page_is_an_exercise():
    names = {"__name__": "minattn.learn.exercises.e175_rms_norm", "__package__": "minattn.learn.exercises"}
    exec(compile(FILES["EXERCISE"], "e175_rms_norm.py", "exec"), names)
    exercise = names["exercise"]
    assert isinstance(exercise, Exercise)
    assert verdict(exercise, "dx = ...").result == "to do"
    for gap in (exercise.solution, *exercise.alternatives.values()):
        assert verdict(exercise, gap).passed
    for mistake in exercise.mistakes:
        assert mistake.sentence in str(verdict(exercise, mistake.gap))


def test_the_program_on_the_page_adds_its_exercise_to_the_course(tmp_path, run):
    assert run("init", "course").returncode == 0
    done = run("check", "rms_norm", "--dir", "course")
    assert done.returncode == 1 and "○ 18 rms_norm   still to do" in done.stdout, done.stderr
    assert (tmp_path / "course" / "18_rms_norm.py").exists() and (tmp_path / "course" / "19_gelu.py").exists()


def test_the_mistake_on_the_page_is_named_with_its_sentence_and_what_to_look_at(tmp_path, run):
    exercise = find("softmax")
    wrong = exercise.fill("dx = p * (g - g.mean(axis=-1, keepdims=True))")
    (tmp_path / exercise.file).write_text(wrong, encoding="utf-8")
    said = " ".join(run("check", "softmax").stdout.split())
    assert "exactly this: The plain mean of g is subtracted" in said and "what is each entry weighted by?" in said


@pytest.mark.parametrize("solved", [True, False])
def test_the_test_on_the_page_runs_the_same_checks(tmp_path, solved):
    (tmp_path / "test_homework.py").write_text(FILES["TEST"], encoding="utf-8")
    init(tmp_path / "ben")
    for exercise in map(find, ("softmax", "mask", "attention")):
        gap = exercise.solution if solved or exercise.name != "softmax" else "dx = p * g"
        (tmp_path / "ben" / exercise.file).write_text(exercise.fill(gap), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", "."]
    done = subprocess.run([*command, "test_homework.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == (0 if solved else 1), done.stdout
    assert ("3 passed" if solved else "1 failed, 2 passed") in done.stdout
    assert solved or "The denominator is treated as a constant" in done.stdout


def test_every_result_is_explained_on_the_page():
    rows = [line for line in PAGE.splitlines() if line.startswith("# | `")]
    for result in RESULTS:
        assert any(f"`{result}`" in row for row in rows), result
