"""Grading folders: every submission gets its row, whatever the others do."""

import csv
import io
import os
import shutil

import pytest

from minattn.cli import main
from minattn.errors import InputError, RunError
from minattn.learn import Limits, course, find
from minattn.learn.folder import init
from minattn.learn.grade import COLUMNS, grade
from minattn.learn.screen import Screen

HOSTILE = {
    "embedding": ("while True:\n    pass", "time"),
    "one_hot": ("import os\nos._exit(0)", "crash"),
    "broadcast": ("raise SystemExit", "error"),
    "matmul": ("hoard = []\nwhile True:\n    hoard.append(np.ones(10**7))", "memory"),
    "linear": ("import minattn\ndx = dweight = dbias = minattn", "refused"),
    "scores": ("for i in range(3000):\n    print('passed', i)\ndq, dk = q, k", "wrong"),
    "softmax": ("dx = p * (g - (g * p).sum(axis=-1, keepdims=True))", "passed"),
    "log_softmax": ("import sys\nsys.stdout = None\ndx = 1 / 0", "error"),
    "gelu": ("dx = g\nreturn\n  x", "error"),
}


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Three folders: all right, hostile, and one with hardly anything."""
    place = tmp_path_factory.mktemp("class")
    for name in ("anna", "=ben"):
        init(place / name)
    for exercise in course():
        (place / "anna" / exercise.file).write_text(exercise.fill(exercise.solution), encoding="utf-8")
    for name, (gap, _) in HOSTILE.items():
        exercise = find(name)
        (place / "=ben" / exercise.file).write_text(exercise.fill(gap), encoding="utf-8")
    (place / "carl").mkdir()
    shutil.copy(place / "anna" / find("softmax").file, place / "carl" / "softmax.py")
    stream = io.StringIO()
    before = os.getcwd()
    os.chdir(place)
    try:
        rows = grade(
            [place / name for name in ("anna", "=ben", "carl")], place / "a.csv", 7, Limits(1.0, 256), Screen(stream)
        )
    finally:
        os.chdir(before)
    return place, rows, stream.getvalue()


def test_every_exercise_of_every_folder_has_its_row(graded):
    place, rows, _ = graded
    table = read(place / "a.csv")
    assert tuple(table[0]) == COLUMNS and len(table) == len(rows) == 3 * len(course())
    assert [row["exercise"] for row in table[: len(course())]] == [exercise.name for exercise in course()]
    assert {row["seed"] for row in table} == {"7"}


def test_what_one_does_changes_nothing_for_the_others(graded):
    place, _, _ = graded
    results = {(row["folder"].rsplit("/")[-1], row["exercise"]): row for row in read(place / "a.csv")}
    assert all(results["anna", exercise.name]["result"] == "passed" for exercise in course())
    for exercise in course():
        expected = HOSTILE.get(exercise.name, ("", "to do"))[1]
        row = results["=ben", exercise.name]
        assert row["result"] == expected, row
        assert row["sentence"] or expected == "passed"
    assert results["carl", "softmax"]["result"] == "passed" and results["carl", "softmax"]["file"] == "softmax.py"
    assert results["carl", "matmul"]["result"] == "missing"


def test_the_summary_has_a_line_a_folder(graded):
    said = graded[2]
    count = len(course())
    lines = said.splitlines()
    assert len(lines) == 3 and f"anna  {count} of {count}" in lines[0]
    assert "1 time" in lines[1] and "1 memory" in lines[1] and "2 crash" not in lines[1]
    assert f"1 of {count}   {count - 1} missing" in lines[2]


def test_the_table_holds_no_formula_and_no_control_character(tmp_path):
    exercise = find("softmax")
    (tmp_path / "=cmd").mkdir()
    bad = "raise ValueError('\\x1b[31m\\n=1+1')"
    (tmp_path / "=cmd" / exercise.file).write_text(exercise.fill(bad), encoding="utf-8")
    before = os.getcwd()
    os.chdir(tmp_path)
    try:
        assert main(["learn", "grade", "=cmd", "--csv", "a.csv"]) == 0
    finally:
        os.chdir(before)
    rows = read(tmp_path / "a.csv")
    assert {row["folder"] for row in rows} == {"'=cmd"}
    assert "\x1b" not in (tmp_path / "a.csv").read_text(encoding="utf-8")
    for row in rows:
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row.values())


def test_the_seed_is_drawn_and_named_or_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exercise = find("softmax")
    (tmp_path / "anna").mkdir()
    right = [exercise.solved["backward"](*case).tolist() for case in exercise.draw(0)]
    learned_by_heart = f"dx = {{(3, 5): {right[0]}, (2, 3, 4): {right[1]}}}[x.shape]\ndx = np.array(dx)"
    (tmp_path / "anna" / exercise.file).write_text(exercise.fill(learned_by_heart), encoding="utf-8")
    seeds = []
    for _ in range(2):
        assert main(["learn", "grade", "anna", "--csv", "a.csv"]) == 0
        row = next(row for row in read("a.csv") if row["exercise"] == "softmax")
        assert row["result"] == "wrong"
        seeds.append(row["seed"])
    assert seeds[0] != seeds[1]


def test_a_table_that_cannot_be_written_is_said_before_the_work(tmp_path):
    (tmp_path / "anna").mkdir()
    with pytest.raises(RunError, match=r"nowhere/a.csv could not be written"):
        grade([tmp_path / "anna"], tmp_path / "nowhere" / "a.csv", 0, Limits(), Screen(io.StringIO()))
    with pytest.raises(InputError, match="there is no folder"):
        grade([tmp_path / "ben"], tmp_path / "a.csv", 0, Limits(), Screen(io.StringIO()))


def test_an_interruption_keeps_what_is_graded(tmp_path, monkeypatch):
    for name in ("anna", "ben"):
        (tmp_path / name).mkdir()

    class Interrupting(Screen):
        def say(self, *arguments, **options):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grade([tmp_path / "anna", tmp_path / "ben"], tmp_path / "a.csv", 0, Limits(), Interrupting(io.StringIO()))
    assert {row["folder"].rsplit("/")[-1] for row in read(tmp_path / "a.csv")} == {"anna"}
