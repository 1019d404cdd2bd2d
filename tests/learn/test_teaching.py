"""The files that the pages for teachers show can be taken from them: an exercise, a program, a mistake, a test."""

import ast
import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from support.learn_help import missing, verdict

from minattn.learn import find
from minattn.learn.learner_folder import make_folder_of_exercises
from minattn.learn.verdict import RESULTS

WALKTHROUGHS = Path(__file__).parents[2] / "walkthroughs"
GRADING, WRITING = (
    (WALKTHROUGHS / f"{name}.py").read_text(encoding="utf-8") for name in ("20_grading", "21_writing_exercises")
)
FILES = {
    node.targets[0].id: node.value.value
    for page in (GRADING, WRITING)
    for node in ast.parse(page).body
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.targets[0], ast.Name)
}


def write_exercise(folder):
    folder.mkdir(parents=True)
    for name in ("SOLUTION", "RIGHT", "WRONG", "EXERCISE"):
        (folder / f"{name.lower()}.py").write_text(FILES[name], encoding="utf-8")


@pytest.fixture
def run(tmp_path):
    """Runs mine.py, the program of the page, in a folder that has its exercise too."""
    write_exercise(tmp_path / "exercises" / "e175_rms_norm")
    (tmp_path / "mine.py").write_text(FILES["SEEN"] + FILES["OWN"], encoding="utf-8")

    def run(*words):
        command = [sys.executable, "mine.py", "learn", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    return run


def test_the_exercise_on_the_page_is_an_exercise(tmp_path):
    write_exercise(tmp_path / "e175_rms_norm")
    names = runpy.run_path(str(tmp_path / "e175_rms_norm" / "exercise.py"))
    exercise = replace(names["exercise"], folder=tmp_path / "e175_rms_norm", name="rms_norm")
    assert missing(exercise) == []
    assert verdict(exercise, "dx = ...").result == "to do"
    for gap in (exercise.solution, *exercise.alternatives.values()):
        assert verdict(exercise, gap).passed
    for mistake in exercise.mistakes:
        assert mistake.text in str(verdict(exercise, mistake.gap))


def test_the_program_on_the_page_adds_its_exercise_to_the_course(tmp_path, run):
    number = find("layer_norm").number + 1
    assert run("init", "course").returncode == 0
    done = run("check", "rms_norm", "--dir", "course")
    assert done.returncode == 1 and f"○ {number} rms_norm   still to do" in done.stdout, done.stderr
    for file in (f"{number}_rms_norm.py", find("layer_norm").file):
        assert (tmp_path / "course" / file).exists()


def test_the_mistake_on_the_page_is_named_with_its_sentence_and_what_to_look_at(tmp_path, run):
    exercise = find("softmax")
    wrong = exercise.fill("dx = p * (g - g.mean(axis=-1, keepdims=True))")
    (tmp_path / exercise.file).write_text(wrong, encoding="utf-8")
    for _ in range(2):
        run("hint", "softmax")
    said = " ".join(run("check", "softmax").stdout.split())
    assert "exactly this: The plain mean of g is subtracted" in said and "what is each entry weighted by?" in said


@pytest.mark.parametrize("solved", [True, False])
def test_the_test_on_the_page_runs_the_same_checks(tmp_path, solved):
    (tmp_path / "test_homework.py").write_text(FILES["TEST"], encoding="utf-8")
    make_folder_of_exercises(tmp_path / "ben")
    for exercise in map(find, ("softmax", "mask", "attention")):
        gap = exercise.solution if solved or exercise.name != "softmax" else "dx = p * g"
        (tmp_path / "ben" / exercise.file).write_text(exercise.fill(gap), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", "."]
    done = subprocess.run([*command, "test_homework.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == (0 if solved else 1), done.stdout
    assert ("3 passed" if solved else "1 failed, 2 passed") in done.stdout
    assert solved or "The denominator is treated as a constant" in done.stdout


def test_every_result_is_explained_on_the_page():
    rows = [line for line in GRADING.splitlines() if line.startswith("# | `")]
    for result in RESULTS:
        assert any(f"`{result}`" in row for row in rows), result
