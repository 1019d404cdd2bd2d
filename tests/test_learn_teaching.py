"""The page for teachers is right: its exercise is one, its test runs, and what it says of the course holds."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from learn_help import verdict

from minattn.learn import course
from minattn.learn.folder import init
from minattn.learn.grade import COLUMNS
from minattn.learn.process import Limits
from minattn.learn.submission import RESULTS

PAGE = (Path(__file__).parents[1] / "walkthroughs" / "teaching.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_exercise_on_the_page_is_an_exercise():
    code = next(block for block in BLOCKS if "exercise = Exercise(" in block)
    names = {"__name__": "minattn.learn.exercises.e165_square", "__package__": "minattn.learn.exercises"}
    exec(compile(code, "e165_square.py", "exec"), names)
    exercise = names["exercise"]
    assert verdict(exercise, "dx = ...").result == "to do"
    for gap in (exercise.solution, *exercise.alternatives.values()):
        assert verdict(exercise, gap).passed
    for mistake in exercise.mistakes:
        assert mistake.sentence in str(verdict(exercise, mistake.gap))


def test_the_file_on_the_page_is_all_that_a_new_exercise_takes(tmp_path):
    code = next(block for block in BLOCKS if "exercise = Exercise(" in block)
    name = re.search(r"exercises/(e\d+_\w+\.py)", code)[1]
    (tmp_path / name).write_text(code, encoding="utf-8")
    run = (
        "import sys; from minattn.learn import exercises; exercises.__path__.append(sys.argv[1]);"
        "from minattn.cli import main; sys.exit(main(['learn', 'init', sys.argv[1] + '/course']) or"
        " main(['learn', 'check', 'square', '--dir', sys.argv[1] + '/course']))"
    )
    done = subprocess.run([sys.executable, "-c", run, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 1 and "○ 17 square   still to do" in done.stdout, done.stderr
    assert (tmp_path / "course" / "17_square.py").exists() and (tmp_path / "course" / "18_layer_norm.py").exists()


@pytest.mark.parametrize("solved", [True, False])
def test_the_test_on_the_page_runs_the_same_checks(tmp_path, solved):
    code = next(block for block in BLOCKS if "def test_exercise" in block)
    (tmp_path / "test_homework.py").write_text(code, encoding="utf-8")
    init(tmp_path / "course")
    for exercise in course()[:10]:
        gap = exercise.solution if solved or exercise.name != "softmax" else "dx = p * g"
        (tmp_path / "course" / exercise.file).write_text(exercise.fill(gap), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", "."]
    done = subprocess.run([*command, "test_homework.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == (0 if solved else 1), done.stdout
    assert ("10 passed" if solved else "1 failed, 9 passed") in done.stdout
    assert solved or "The denominator is treated as a constant" in done.stdout


def test_what_the_page_says_of_the_course_holds():
    assert f"a course of {len(course())} exercises" in PAGE
    for result in RESULTS:
        assert f"`{result}`" in PAGE
    assert all(column in COLUMNS for column in re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    limits = Limits()
    assert f"{limits.seconds:g} seconds (`--seconds`) and {limits.megabytes} MiB" in PAGE
