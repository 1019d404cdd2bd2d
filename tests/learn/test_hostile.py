"""Submissions that want points without mathematics: none passes unmarked, none harms anything, or another row."""

import contextlib
import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from disturbed import children
from support.hostile import harming, judging, leaving, measuring, reading

import minattn
from minattn.learn import Limits, find
from minattn.learn.grade import grade
from minattn.learn.screen import Screen
from minattn.learn.wall import why_no_wall

ROOT = Path(minattn.__file__).parent
HONEST = ("honest", "=cmd|' C calc'!A0", "+1", "@SUM(A1)", '-1,"2"', "new\nline", "\x1b[2Jclear")
NAMES = ("matmul", "softmax", "residual", "gelu", "dropout")
SOFTMAX = find("softmax")

needs_wall = pytest.mark.skipif(bool(why_no_wall()), reason=why_no_wall() or "there is a wall")


def place_tricks(place):
    """Make a folder for each trick; returns the exercise that it is about, by folder."""
    words = {
        "ROOT": str(ROOT),
        "CLASS": str(place / "class"),
        "TABLE": str(place / "grades.csv"),
        "PID": str(os.getpid()),
    }
    about = {}

    def hand_in(name, exercise, text):
        folder = place / "class" / f"{len(about):03} {name.replace('/', ' ')}"
        folder.mkdir(parents=True)
        about[folder.name] = exercise
        if isinstance(text, str):
            (folder / find(exercise).file).write_text(text, encoding="utf-8", errors="surrogatepass")
        else:
            (folder / find(exercise).file).write_bytes(text)
        return folder

    for kind in (reading, leaving, judging, harming):
        for name, gap in kind.TRICKS.items():
            for word, value in words.items():
                gap = gap.replace(word, value)
            hand_in(name, "softmax", SOFTMAX.fill(gap))
    for name, text in harming.FILES.items():
        hand_in(name, "softmax", text)
    for exercise, name, text in measuring.tricks(find):
        hand_in(name, exercise, text)
    odd = {
        "a link to another's file": lambda path: path.symlink_to("../honest/" + path.name),
        "a link to a secret": lambda path: path.symlink_to("/etc/passwd"),
        "a link to a device": lambda path: path.symlink_to("/dev/zero"),
        "a link to itself": lambda path: path.symlink_to(path.name),
        "a pipe": os.mkfifo,
        "a folder": lambda path: path.mkdir(),
    }
    for name, make in odd.items():
        path = hand_in(name, "softmax", "") / SOFTMAX.file
        path.unlink()
        make(path)
    return about


def snapshot(*places):
    """Every file below some folders, with its bytes."""
    found = {}
    for place in places:
        for folder, folders, files in os.walk(place):
            if "__pycache__" in folder:
                continue
            found |= {os.path.join(folder, name): None for name in folders if name != "__pycache__"}
            for name in files:
                path = os.path.join(folder, name)
                found[path] = Path(path).read_bytes() if os.path.isfile(path) and not os.path.islink(path) else None
    return found


def of_theirs():
    """What tricks would leave outside of their folders."""
    places = (Path("/tmp"), Path("/dev/shm"), Path.home(), Path("/etc/cron.d"))
    return [path for place in places if place.is_dir() for path in place.glob("*minattn-hostile*")]


def descendants(number):
    return [one for child in children(number) for one in (child, *descendants(child))]


def rows_of(table):
    with open(table, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@needs_wall
def test_no_trick_passes_unmarked_does_harm_or_changes_another_row(tmp_path):
    about = place_tricks(tmp_path)
    assert len(about) >= 150
    for name in HONEST:
        (tmp_path / "class" / name).mkdir()
        for exercise in map(find, NAMES):
            (tmp_path / "class" / name / exercise.file).write_text(exercise.fill(exercise.solution), encoding="utf-8")
    folders = sorted(path for path in (tmp_path / "class").iterdir())
    canary = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    before, theirs, processes = snapshot(tmp_path / "class", ROOT), of_theirs(), descendants(os.getpid())
    stream = io.StringIO()
    graded = grade(folders, tmp_path / "grades.csv", 5, Limits(1.0, 256), Screen(stream), list(map(find, NAMES)))
    assert snapshot(tmp_path / "class", ROOT) == before
    assert of_theirs() == theirs
    assert descendants(os.getpid()) == processes and canary.poll() is None
    with contextlib.suppress(BrokenPipeError):
        canary.communicate(b"\n", timeout=20)

    rows = rows_of(tmp_path / "grades.csv")
    assert len(rows) == len(graded) == len(folders) * len(NAMES)
    assert {row["isolated"] for row in rows} == {"yes"} and "\x1b" not in stream.getvalue()
    unfair, spoiled = [], []
    for given, row in zip(graded, rows, strict=True):
        assert None not in row and None not in row.values()  # no cell too many, none too few
        assert all(len(cell) <= 600 and not cell.lstrip().startswith(("=", "+", "-", "@")) for cell in row.values())
        assert row["exercise"] == given.exercise.name
        if Path(given.student).name in HONEST:
            if row["result"] != "passed" or row["looks_measured"] or row["unusual"]:
                spoiled.append(row)
        elif about[Path(given.student).name] == row["exercise"]:
            if row["result"] == "passed" and not (row["looks_measured"] or row["unusual"]):
                unfair.append(Path(given.student).name)
            assert "root:" not in "".join(row.values())
        else:
            assert row["result"] == "missing"
    assert not spoiled and not unfair
    # what was measured is named as that, and not only looked at askance
    measured = [row for row in rows if row["looks_measured"]]
    assert len(measured) >= len(measuring.WAYS)


@needs_wall
def test_a_submission_has_nothing_to_see_but_python_and_numpy(tmp_path):
    code = """
import os

def seen():
    found = []
    for folder, folders, files in os.walk("/"):
        found += [os.path.join(folder, name) for name in files]
    return [len(found), *(path for path in found if "minattn" in path and "/minattn/numpy" not in path)]

def others():
    return [path for path, _, _ in os.walk("/") if path.endswith(("site-packages", "dist-packages", "minattn/ops"))
            and os.listdir(path)]

def around():
    return [dict(os.environ), os.listdir("/"), os.getpid() < 10, os.getuid(), [f for f in range(99) if is_open(f)]]

def is_open(number):
    try:
        return bool(os.fstat(number))
    except OSError:
        return False
"""
    from minattn.learn import Runner

    with Runner(walled=True) as runner, runner.open() as process:
        process.load("look.py", code)
        count, *ours = process.call("seen", ()).result
        assert count > 500 and all(path.startswith("/minattn/sandbox/") for path in ours), ours
        assert process.call("others", ()).result == []
        environment, top, is_alone, user, files = process.call("around", ()).result
    assert set(environment) <= {
        "OPENBLAS_NUM_THREADS",
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "HOME",
        "LD_LIBRARY_PATH",
        "PWD",
        "LC_CTYPE",
    }
    assert is_alone and user == 65534 and "proc" not in top and "etc" not in top and len(files) <= 6


def test_where_there_is_no_wall_the_table_says_so_in_every_row(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    why_no_wall.cache_clear()
    try:
        (tmp_path / "anna").mkdir()
        (tmp_path / "anna" / SOFTMAX.file).write_text(SOFTMAX.fill(SOFTMAX.solution), encoding="utf-8")
        stream = io.StringIO()
        exercises = [SOFTMAX, find("mask")]
        graded = grade([tmp_path / "anna"], tmp_path / "a.csv", 0, Limits(), Screen(stream), exercises)
    finally:
        monkeypatch.undo()
        why_no_wall.cache_clear()
    assert graded[0].verdict.passed and not graded[0].verdict.isolated
    assert [row["isolated"] for row in rows_of(tmp_path / "a.csv")] == ["not isolated"] * 2
    assert "not isolated: bubble" in " ".join(stream.getvalue().split())
