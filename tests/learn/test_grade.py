"""Grading folders: every submission gets its row, whatever the others do."""

import contextlib
import csv
import io
import re
import shutil

import pytest
from support.small_run import assert_one_sentence

from minattn.cli import main
from minattn.errors import InputError, RunError
from minattn.learn import Limits, course, find
from minattn.learn.grade import COLUMNS, Graded, _csv, grade
from minattn.learn.learner_folder import make_folder_of_exercises
from minattn.learn.screen import Screen
from minattn.learn.verdict import Remark, Verdict

SOFTMAX, ATTENTION = find("softmax"), find("attention")
NUMBERS = f"{ATTENTION.number}, {SOFTMAX.number}"
FILES = f"{SOFTMAX.file},anna/{ATTENTION.file},{SOFTMAX.number},"

HOSTILE = {
    "embedding": ("while True:\n    pass", "time"),
    "one_hot": ("import os\nos._exit(0)", "crash"),
    "broadcast": ("raise SystemExit", "error"),
    "matmul": ("hoard = []\nwhile True:\n    hoard.append(np.zeros(10**7))", "memory"),  # zeros take no time
    "linear": ("import minattn\ndx = dweight = dbias = minattn", "error"),
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
        make_folder_of_exercises(place / name)
    for exercise in course():
        (place / "anna" / exercise.file).write_text(exercise.fill(exercise.solution), encoding="utf-8")
    for name, (gap, _) in HOSTILE.items():
        exercise = find(name)
        (place / "=ben" / exercise.file).write_text(exercise.fill(gap), encoding="utf-8")
    (place / "carl").mkdir()
    shutil.copy(place / "anna" / find("softmax").file, place / "carl" / "softmax.py")
    stream = io.StringIO()
    with contextlib.chdir(place):
        rows = grade(
            [place / name for name in ("anna", "=ben", "carl")], place / "a.csv", 7, Limits(1.0, 256), Screen(stream)
        )
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
        expected = HOSTILE.get(exercise.name, ("", "missing" if exercise.shows else "to do"))[1]
        row = results["=ben", exercise.name]
        assert row["result"] == expected, row
        assert row["sentence"] or expected == "passed"
    assert results["carl", "softmax"]["result"] == "passed" and results["carl", "softmax"]["file"] == "softmax.py"
    assert results["carl", "matmul"]["result"] == "missing"


def test_the_summary_has_a_line_a_folder(graded):
    said = graded[2]
    count = len(course())
    lines = [" ".join(row.split()) for row in re.split(r"\n(?=  \S)", said.rstrip())]
    assert len(lines) == 3 and f"anna {count} of {count}" in lines[0]
    assert "1 time" in lines[1] and "1 memory" in lines[1] and "2 crash" not in lines[1]
    assert f"1 of {count} {count - 1} missing" in lines[2]


def test_the_table_holds_no_formula_and_no_control_character(tmp_path):
    exercise = find("softmax")
    (tmp_path / "=cmd").mkdir()
    bad = "raise ValueError('\\x1b[31m\\n=1+1')"
    (tmp_path / "=cmd" / exercise.file).write_text(exercise.fill(bad), encoding="utf-8")
    with contextlib.chdir(tmp_path):
        assert main(["learn", "grade", "=cmd", "--csv", "a.csv"]) == 0
    rows = read(tmp_path / "a.csv")
    assert {row["folder"] for row in rows} == {"'=cmd"}
    assert "\x1b" not in (tmp_path / "a.csv").read_text(encoding="utf-8")
    for row in rows:
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row.values())


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1"])
def test_no_text_cell_can_be_a_formula(start):
    remarks = (Remark("your line", "dx = g"), Remark("diagnosis", start), Remark("diagnosis", "another"))
    verdict = Verdict("softmax", "wrong", "known", start, remarks)
    (row,) = csv.DictReader(io.StringIO(_csv([Graded(start, find("softmax"), start, verdict)], 0)))
    assert row["diagnosis"] == row["sentence"] == row["file"] == row["folder"]
    cell = row["diagnosis"]
    assert cell.lstrip()[0] not in "=+-@" and "\t" not in cell and "\r" not in cell, row


def test_the_table_has_the_first_diagnosis(tmp_path, capsys):
    gaps = {
        "softmax": "dx = p * g",  # in the catalogue of the op
        "mask": find("mask").mistakes[0].gap,  # on the exercise's own list
        "attention": find("attention").solution + "\ndk = -dk",  # in none; seen in the numbers
        "matmul": "da = db = oops",
        "scores": find("scores").solution,
    }
    for name, gap in gaps.items():
        (tmp_path / find(name).file).write_text(find(name).fill(gap), encoding="utf-8")
    assert main(["learn", "grade", str(tmp_path), "--csv", str(tmp_path / "a.csv"), "--only", ",".join(gaps)]) == 0
    rows = {row["exercise"]: row for row in read(tmp_path / "a.csv")}
    assert rows["softmax"]["diagnosis"].startswith("exactly this: The denominator is treated as a constant")
    assert rows["mask"]["kind"] == "known"
    assert rows["mask"]["diagnosis"] == f"exactly this: {find('mask').mistakes[0].text}"
    assert rows["attention"]["kind"] == "sign"
    assert rows["attention"]["diagnosis"] == "dk: exactly this: the right gradient with the sign turned"
    assert rows["matmul"]["result"] == "error" and rows["scores"]["result"] == "passed"
    assert rows["matmul"]["diagnosis"] == rows["scores"]["diagnosis"] == ""


@pytest.mark.parametrize("only", ["attention,softmax", NUMBERS, FILES, "softmax"])
def test_only_the_exercises_that_are_asked_for_are_graded(tmp_path, monkeypatch, capsys, only):
    monkeypatch.chdir(tmp_path)
    for name in ("anna", "ben"):
        (tmp_path / name).mkdir()
    (tmp_path / "anna" / find("softmax").file).write_text(find("softmax").fill(find("softmax").solution))
    (tmp_path / "anna" / find("mask").file).write_text(find("mask").text)
    assert main(["learn", "grade", "anna", "ben", "--csv", "a.csv", "--only", only]) == 0
    wanted = ["softmax"] if only == "softmax" else ["softmax", "attention"]  # in the order of the course
    assert [(row["folder"], row["exercise"]) for row in read("a.csv")] == [
        (f, e) for f in ("anna", "ben") for e in wanted
    ]
    count = len(wanted)
    said = capsys.readouterr().out.splitlines()
    assert [" ".join(line.split()) for line in said] == [
        f"anna 1 of {count}" + (" 1 missing" if count == 2 else ""),
        f"ben 0 of {count} {count} missing",
        f"a.csv: {2 * count} rows",
    ]
    assert main(["learn", "grade", "anna", "--csv", "a.csv", "--only", "softmax"]) == 0
    assert capsys.readouterr().out.endswith("a.csv: 1 row\n")


@pytest.mark.parametrize(
    ("only", "complaint"),
    [
        ("softmax,soft", f"--only: there is no exercise 'soft'; there are {', '.join(e.name for e in course()[:2])}, "),
        ("99", f"--only: there is no exercise '99'; there are {course()[0].name}, "),
        (" , ", f"--only names no exercise; there are {course()[0].name}, "),
    ],
)
def test_exercises_that_there_are_not_are_refused_with_those_there_are(tmp_path, capsys, only, complaint):
    table = tmp_path / "a.csv"
    assert main(["learn", "grade", str(tmp_path), "--csv", str(table), "--only", only]) == 2
    said = capsys.readouterr().err
    assert_one_sentence(said)
    assert complaint in said and all(exercise.name in said for exercise in course()) and not table.exists()


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
        def write(self, *arguments, **options):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grade([tmp_path / "anna", tmp_path / "ben"], tmp_path / "a.csv", 0, Limits(), Interrupting(io.StringIO()))
    assert {row["folder"].rsplit("/")[-1] for row in read(tmp_path / "a.csv")} >= {"anna"}
