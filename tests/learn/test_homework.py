"""A class's homework: what is handed in in any form is found, and grades go out in the forms that other tools read."""

import csv
import itertools
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from support.learn_help import verdict
from support.small_run import assert_one_sentence

from minattn.cli import main
from minattn.errors import InputError
from minattn.learn import course, find
from minattn.learn.grade import Graded
from minattn.learn.homework import Roster, collected, write_grades
from minattn.learn.homework.collecting import MOST_NOTEBOOK, MOST_OWN, unpack
from minattn.learn.homework.formats import sums_of
from minattn.learn.homework.similar_files import shape_of, similar_pairs
from minattn.learn.learner_folder import find_file
from minattn.learn.points import Points, credit
from minattn.learn.verdict import Remark, Verdict
from minattn.learn.wall import why_no_wall

SOFTMAX, MASK, ATTENTION = find("softmax"), find("mask"), find("attention")
RIGHT = SOFTMAX.fill(SOFTMAX.solution)
ONLY = ("--only", "softmax,mask,attention")
HOSTILE = "</pre><script>alert(1)</script>\x1b[2J"


def notebook(*cells):
    """A notebook with these cells of code, and one of prose after each."""
    made = [[{"cell_type": "code", "source": cell}, {"cell_type": "markdown", "source": "# softmax"}] for cell in cells]
    return json.dumps({"nbformat": 4, "cells": list(itertools.chain(*made))})


def write(place, text):
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(text if isinstance(text, bytes) else text.encode())


def zipped(place, files):
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return place


def sources(place, exercise=SOFTMAX):
    """What each student has handed in for an exercise."""
    with collected([place]) as students:
        files = {student.name: find_file(student.folder, exercise) for student in students}
        return {name: file and file.read_text() for name, file in files.items()}


# --- what is handed in


def test_a_folder_that_is_as_init_made_it_is_left_where_it_is(tmp_path):
    write(tmp_path / "anna" / SOFTMAX.file, RIGHT)
    with collected([tmp_path / "anna"]) as [anna]:
        assert anna == (str(tmp_path / "anna"), tmp_path / "anna", {})


@pytest.mark.parametrize(
    "file",
    ["work/deep/09_softmax.py", "softmax-1.py", "softmax (2).py", "work/softmax.ipynb", "9-softmax.py", "homework.zip"],
)
def test_a_file_is_found_in_other_forms_and_places(tmp_path, file):
    text = notebook(*RIGHT.split("\n\n\n")) if file.endswith("ipynb") else RIGHT
    if file.endswith(".zip"):
        (tmp_path / "anna").mkdir()
        zipped(tmp_path / "anna" / file, {"hw/09_softmax.py": RIGHT, "__MACOSX/hw/._09_softmax.py": "x"})
    else:
        write(tmp_path / "anna" / file, text)
    (found,) = sources(tmp_path / "anna").values()
    assert found.split() == RIGHT.split()


def test_a_notebook_of_several_exercises_is_cut_at_the_first_lines_of_their_templates(tmp_path):
    mask = MASK.fill(MASK.solution)
    cells = ["%matplotlib inline\nimport numpy as np\n!ls", *RIGHT.split("\n\n\n"), *mask.split("\n\n\n")]
    write(tmp_path / "anna" / "homework.ipynb", notebook(*cells))
    assert sources(tmp_path / "anna")[str(tmp_path / "anna")].split() == RIGHT.split()
    assert sources(tmp_path / "anna", MASK)[str(tmp_path / "anna")].split() == mask.split()


def test_of_two_files_the_newest_counts_and_the_other_is_named(tmp_path):
    write(tmp_path / "anna" / "09_softmax.py", "old")
    write(tmp_path / "anna" / "late" / "softmax.py", RIGHT)
    os.utime(tmp_path / "anna" / "09_softmax.py", (1, 1))
    with collected([tmp_path / "anna"]) as [anna]:
        assert (anna.folder / SOFTMAX.file).read_text() == RIGHT
        assert anna.notes == {"softmax": "softmax.py counts, the newest; there is also 09_softmax.py"}


def test_what_canvas_and_moodle_hand_out_is_taken_apart_by_student(tmp_path):
    canvas = {
        "kimanna_12_345_09_softmax.py": RIGHT,
        "kimanna_12_346_11_mask-1.py": "x",
        "bo_LATE_7_8_softmax-2.py": "b",
    }
    folder = tmp_path / "canvas"
    for name, text in canvas.items():
        write(folder / name, text)
    assert sources(folder) == {"bo_7": "b", "kimanna_12": RIGHT}
    assert sources(zipped(tmp_path / "submissions.zip", canvas)) == sources(folder)
    for name in ("anna", "bo"):
        write(tmp_path / "class" / name / "homework" / "softmax.py", name)
    assert sources(tmp_path / "class") == {"anna": "anna", "bo": "bo"}
    moodle = {"Anna Kim_345_assignsubmission_file_/09_softmax.py": RIGHT, "Bo Li_9_assignsubmission_file_/a.txt": "?"}
    assert sources(zipped(tmp_path / "moodle.zip", moodle)) == {"Anna Kim": RIGHT}
    assert sources(zipped(tmp_path / "hw.zip", {"class/anna/softmax.py": RIGHT, "class/bo/a/softmax.py": "b"})) == {
        "anna": RIGHT,
        "bo": "b",
    }


def test_no_zip_writes_outside_its_folder_or_takes_what_is_not_its_own(tmp_path):
    file = tmp_path / "a.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for name in (
            "../softmax.py",
            "/tmp/softmax.py",
            "a/../../softmax.py",
            "..\\softmax.py",
            "C/softmax.py",
            "a.exe",
        ):
            archive.writestr(name, RIGHT)
        link = zipfile.ZipInfo("a/mask.py")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    into = tmp_path / "in" / "here"
    into.mkdir(parents=True)
    unpack(file, into)
    files = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(files) == ["a.zip", "in/here/C/softmax.py"]


@pytest.mark.parametrize(
    "files",
    [{f"{i}.ipynb": b"\0" * MOST_NOTEBOOK for i in range(65)}, {f"{i}.py": b"" for i in range(20_001)}],
    ids=["bytes", "files"],
)
def test_a_zip_with_too_much_in_it_is_refused(tmp_path, files):
    file = tmp_path / "bomb.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    with pytest.raises(InputError, match=r"bomb\.zip (holds more|has 20,001 files)"), collected([file]):
        pass


def test_a_file_that_is_too_long_is_refused_in_its_row_and_the_class_is_graded(tmp_path):
    files = {f"anna/{SOFTMAX.file}": b"#" * (MOST_NOTEBOOK + 1), f"ben/{SOFTMAX.file}": RIGHT}
    table = tmp_path / "a.csv"
    place = zipped(tmp_path / "class.zip", files)
    assert main(["learn", "grade", str(place), "--csv", str(table), "--only", "softmax"]) == 0
    with open(table, encoding="utf-8", newline="") as file:
        assert [row["result"] for row in csv.DictReader(file)] == ["error", "passed"]


def test_zips_of_a_student_cost_no_more_than_a_students_share_and_spoil_no_class(tmp_path):
    bomb = zipped(tmp_path / "bomb.zip", {f"{i}.ipynb": b"\0" * MOST_NOTEBOOK for i in range(9)}).read_bytes()
    nested = zipped(tmp_path / "nested.zip", {"again.zip": bomb, SOFTMAX.file: RIGHT}).read_bytes()
    files = {f"anna/{i}.zip": bomb for i in range(9)} | {"ben/hw.zip": nested, "carl/hw.zip": b"PK?"}
    with collected([zipped(tmp_path / "class.zip", files)]) as students:
        found = {one.name: find_file(one.folder, SOFTMAX) is not None for one in students}
        top = next(place for place in students[0].folder.parents if (place / "1").is_dir())
        unpacked = sum(path.stat().st_size for path in top.rglob("*.ipynb"))
    assert found == {"anna": False, "ben": True, "carl": False}
    assert unpacked <= MOST_OWN + MOST_NOTEBOOK


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda place: write(place, b"PK no"), "could not be unpacked: File is not a zip file"),
        (lambda place: zipped(place, {"a.txt": "x"}), "nobody has handed in anything"),
        (lambda place: place.mkdir() or write(place / "b.zip", b"?"), "homework.zip"),
    ],
)
def test_what_cannot_be_collected_is_one_sentence(tmp_path, capsys, make, complaint):
    make(tmp_path / "homework.zip")
    code = main(["learn", "grade", str(tmp_path / "homework.zip"), "--csv", str(tmp_path / "a.csv"), *ONLY])
    assert code == 2 or complaint == "homework.zip"
    if code:
        assert_one_sentence(complaint_of := capsys.readouterr().err)
        assert complaint in complaint_of


# --- points


def test_points_are_all_or_the_share_that_is_right_and_none_for_what_looks_measured():
    half = Verdict("attention", "wrong", parts=(("dq", True), ("dk", True), ("dv", False)))
    assert credit(half, ATTENTION) == 2 / 3 and Points({"attention": 3.0}).earned(ATTENTION, half) == 2.0
    assert credit(Verdict("softmax", "passed"), SOFTMAX) == 1
    assert credit(Verdict("softmax", "passed", looks_measured="forward ran 30 times"), SOFTMAX) == 0
    for result in ("to do", "error", "time", "memory", "crash", "missing"):
        assert credit(Verdict("softmax", result, parts=(("dx", True),)), SOFTMAX) == 0


@pytest.mark.parametrize("name", ["embedding", "dropout", "cross_entropy", "tied"])
def test_what_is_handed_back_for_an_argument_without_a_gradient_is_worth_nothing(name):
    exercise = find(name)
    gradient = next(answer for answer in exercise.answers if answer not in exercise.parameters)
    wrong = verdict(exercise, f"{exercise.solution}\n{gradient} = 2 * {gradient}")
    assert wrong.result == "wrong" and any(is_right for _, is_right in wrong.parts)
    assert credit(wrong, exercise) == 0


def test_right_numbers_beside_a_spoiled_argument_are_not_worth_all():
    spoiled = verdict(ATTENTION, f"{ATTENTION.solution}\nq += 1")
    assert spoiled.result == "wrong" and all(is_right for _, is_right in spoiled.parts)
    assert credit(spoiled, ATTENTION) == 2 / 3
    assert credit(verdict(SOFTMAX, f"{SOFTMAX.solution}\ng *= 2"), SOFTMAX) == 0


@pytest.mark.parametrize(
    "text", ["softmax", "softmax=", "softmax=-1", "softmax=nan", "softmax=inf", "sofmax=2", "gelu=1"]
)
def test_points_that_mean_nothing_are_refused(text):
    with pytest.raises(InputError):
        Points.parse(text, [SOFTMAX])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("folder,name\nanna,Anna\n", "has no line for ben; its column folder must name it"),
        ("folder,name\nanna,Anna\nben,\n", "line 3: name is missing"),
        ("folder,name\nanna,Anna\nanna,A\n", "line 3: anna is there twice"),
        (b"\xff\xfe", "is no CSV in UTF-8"),
    ],
)
def test_a_roster_that_does_not_fit_is_refused_with_the_line(tmp_path, text, complaint):
    write(tmp_path / "roster.csv", text)
    with pytest.raises(InputError, match=re.escape(complaint)):
        Roster.read(tmp_path / "roster.csv", ["anna", "ben"])


# --- the forms of other tools


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A class of three, graded into everything there is."""
    place = tmp_path_factory.mktemp("class")
    for exercise in (SOFTMAX, MASK, ATTENTION):
        write(place / "anna" / exercise.file, exercise.fill(exercise.solution))
    write(place / "ben" / SOFTMAX.file, SOFTMAX.fill(f"print({HOSTILE!r})\ndx = p * g"))
    write(place / "ben" / MASK.file, MASK.fill(f"raise ValueError({HOSTILE!r})"))
    half = ATTENTION.solution.replace("dk = scaled.swapaxes(-1, -2) @ q", "dk = scaled.swapaxes(-1, -2) @ q * 2")
    assert half != ATTENTION.solution
    write(place / "ben" / ATTENTION.file, ATTENTION.fill(half))
    write(place / "ben" / "progress.txt", "softmax open 7 0 - -\n")
    (place / "=carl").mkdir()
    roster = "folder,name,id,login,email,section\nanna,Anna Kim,s1,kim,a@b.c,A\nben,Ben,s2,,,\n=carl,=Carl(),s3,cc,,\n"
    write(place / "roster.csv", roster)
    points = ("--points", "attention=3", "--roster", str(place / "roster.csv"), "--title", "Homework 1 (77)")
    folders = [str(place / name) for name in ("anna", "ben", "=carl")]
    for form, out in (("gradescope", "gradescope"), ("canvas", "canvas.csv"), ("classroom", "classroom.csv")):
        more = ("--feedback", str(place / "pages"), "--report", str(place / "report.html")) if form == "canvas" else ()
        more += ("--csv", str(place / "plain.csv"), "--report", str(place / "report.md")) if form == "classroom" else ()
        asked = ("--format", form, "--out", str(place / out), "--seed", "3", *ONLY, *points, *more)
        assert main(["learn", "grade", *folders, *asked]) == 0
    return place


def table(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def hold_to_gradescope(results):
    """What the documented format of results.json asks for."""
    number, text = (int, float), str
    allowed = {"score": number, "execution_time": number, "output": text, "output_format": text, "visibility": text}
    allowed |= {"stdout_visibility": text, "extra_data": dict, "tests": list, "leaderboard": list}
    of_test = {"score": number, "max_score": number, "status": text, "name": text, "name_format": text, "number": text}
    of_test |= {"output": text, "output_format": text, "tags": list, "visibility": text, "extra_data": dict}
    for what, keys in ((results, allowed), *((test, of_test) for test in results["tests"])):
        for key, value in what.items():
            assert isinstance(value, keys[key]) and not isinstance(value, bool), (key, value)
        seen = {what.get("visibility"), what.get("stdout_visibility")} - {None}
        assert seen <= {"hidden", "after_due_date", "after_published", "visible"}
        assert what.get("output_format", "text") in {"text", "html", "simple_format", "md", "ansi"}
    for test in results["tests"]:
        assert test["status"] in {"passed", "failed"} and 0 <= test["score"] <= test["max_score"]
    assert results["score"] == pytest.approx(sum(test["score"] for test in results["tests"]))


def test_gradescope_gets_a_results_json_for_each_student_as_documented(graded):
    files = sorted(path.relative_to(graded / "gradescope").as_posix() for path in graded.rglob("results.json"))
    assert files == ["_carl/results.json", "anna/results.json", "ben/results.json"]
    for file in files:
        hold_to_gradescope(json.loads((graded / "gradescope" / file).read_text()))
    anna, ben = (json.loads((graded / "gradescope" / name / "results.json").read_text()) for name in ("anna", "ben"))
    assert anna["score"] == 5 and ben["score"] == 2
    assert [test["score"] for test in ben["tests"]] == [0, 0, 2]
    assert "The denominator is treated as a constant" in ben["tests"][0]["output"]


def test_canvas_gets_the_columns_that_it_imports(graded):
    head, possible, *lines = table(graded / "canvas.csv")
    assert head == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Homework 1 (77)"]
    assert possible == ["    Points Possible", "", "", "", "", "5"]
    assert lines == [
        ["Anna Kim", "", "s1", "kim", "A", "5"],
        ["Ben", "", "s2", "", "", "2"],
        ["'=Carl()", "", "s3", "cc", "", "0"],
    ]


def test_classroom_gets_the_columns_of_its_own_download(graded):
    rows = list(csv.DictReader((graded / "classroom.csv").read_text().splitlines()))
    assert [*rows[0]] == [
        *("assignment_name", "assignment_url", "starter_code_url", "github_username", "roster_identifier"),
        *("student_repository_name", "student_repository_url", "submission_timestamp"),
        *("points_awarded", "points_available"),
    ]
    told = [(row["github_username"], row["roster_identifier"], row["points_awarded"]) for row in rows]
    assert told == [("kim", "s1", "5"), ("", "s2", "2"), ("cc", "s3", "0")]


def test_the_plain_table_has_points_and_what_there_is_to_say_of_a_file(graded):
    rows = list(csv.DictReader((graded / "plain.csv").read_text().splitlines()))
    points = [(row["exercise"], row["points"], row["out_of"]) for row in rows if row["folder"].endswith("ben")]
    assert points == [("softmax", "0", "1"), ("mask", "0", "1"), ("attention", "2", "3")]


def test_each_student_gets_a_page_without_the_formula_and_nobody_elses_code_runs_in_it(graded):
    pages = {path.stem: path.read_text() for path in (graded / "pages").iterdir()}
    assert set(pages) == {"anna", "ben", "_carl"}
    ben = pages["ben"]
    assert "2 of 5 points" in ben and "The denominator is treated as a constant" in ben
    assert "p (g - Σ g p)" not in ben and "Anna" not in ben
    for page in (*pages.values(), (graded / "report.html").read_text()):
        assert "<script" not in page and "\x1b" not in page and "default-src 'none'" in page
        assert not re.search(r"""(src|href)=(?!"data:)""", page)
    assert "&lt;script&gt;" in ben


def test_the_report_says_who_solved_what_the_commonest_mistakes_and_tries(graded):
    page = (graded / "report.md").read_text()
    assert "| softmax | 1 | 0 | 0 | 1 | 1 | 7 of 1 |" in page and "| attention | 1 | 0 | 1 | 0 | 1 |" in page
    assert "| softmax | 1 | The denominator is treated as a constant, which leaves g p. |" in page
    assert (graded / "report.png").read_bytes()[:4] == b"\x89PNG"
    assert "data:image/png;base64," in (graded / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--format", "canvas"), "--format canvas needs --out"),
        (("--csv", "a", "--out", "b"), "--csv FILE says the same"),
        (("--report", "a.pdf"), "expected a name that ends in .html or .md"),
        (("--report", "no/a.md"), "no is not a folder"),
        (("--csv", "a", "--roster", "no.csv"), "no.csv is missing"),
        (("--format", "gradescope", "--out", "a.json"), "is one file, and there are 2 students"),
    ],
)
def test_what_cannot_be_written_is_one_sentence(tmp_path, monkeypatch, capsys, arguments, complaint):
    monkeypatch.chdir(tmp_path)
    for name in ("anna", "ben"):
        (tmp_path / name).mkdir()
    assert main(["learn", "grade", "anna", "ben", "--only", "softmax", *arguments]) == 2
    assert_one_sentence(said := capsys.readouterr().err)
    assert complaint in said


def test_every_grader_gives_all_points_to_the_solution_of_every_variant(tmp_path):
    rows = []
    for exercise in itertools.chain.from_iterable((one, *one.variants[:2]) for one in course()):
        rows.append(Graded("anna", exercise, exercise.file, Verdict(exercise.name, "passed")))
    points = Points()
    for form in ("gradescope", "canvas", "classroom"):
        write_grades(form, tmp_path / f"{form}.json", rows, points, Roster())
    results = json.loads((tmp_path / "gradescope.json").read_text())
    hold_to_gradescope(results)
    assert results["score"] == len(rows)
    assert table(tmp_path / "canvas.json")[2][-1] == f"{len(rows)}" == table(tmp_path / "classroom.json")[1][-2]


# --- whose answers are alike


def rows_of(**answers):
    verdict = Verdict("attention", "passed", remarks=(Remark("diagnosis", "x"),))
    return [Graded(name, ATTENTION, "", verdict, source=ATTENTION.fill(gap)) for name, gap in answers.items()]


OWN = """
weights_t = p.swapaxes(-1, -2)
dv = np.einsum('...ts,...td->...sd', p, g)  # mine
through = g @ v.swapaxes(-1, -2)
jacobian = through * p - p * (through * p).sum(-1)[..., None]
for row in range(jacobian.shape[-2]):
    jacobian[..., row, :] *= q.shape[-1] ** -0.5
dq, dk = jacobian @ k, np.einsum('...ts,...td->...sd', jacobian, q)
assert dq.shape == q.shape and dk.shape == k.shape and dv.shape == v.shape
"""


def test_answers_that_differ_in_names_and_comments_alone_are_named_as_the_same():
    copied = OWN.replace("through", "zz").replace("weights_t", "w2").replace("# mine", "# yes, mine")
    (pair,) = similar_pairs(rows_of(anna=OWN, ben=copied, carl="dq, dk, dv = q, k, v"))
    assert (pair.first, pair.second, pair.exercises) == ("anna", "ben", ("attention",)) and pair.nodes >= 100


def test_the_solution_other_ways_slips_that_many_make_and_short_answers_accuse_nobody():
    ways = (ATTENTION.solution, *ATTENTION.alternatives.values(), *(slip.gap for slip in ATTENTION.mistakes))
    for gap in (*ways, "dq = dk = dv = g", "dq = ...\ndk = ...\ndv = ..."):
        assert similar_pairs(rows_of(anna=gap, ben=gap)) == []
    assert similar_pairs(rows_of(**{f"s{i}": OWN for i in range(5)}, other="dq = 1")) == []


def test_what_is_no_python_has_no_shape():
    for source in ("dx = (", "\0", "(" * 5000):
        assert shape_of(SOFTMAX.fill(source)) == ("", 0)


# --- bundles


def run_autograder(place, network):
    environment = os.environ | {"AUTOGRADER": str(place), "PYTHON": sys.executable}
    command = ["bash", "run_autograder"]
    if not network:
        if (
            shutil.which("unshare") is None
            or subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode
        ):
            pytest.skip("this system makes no namespace without a network")
        command = ["unshare", "-rn", *command]
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=120)


def test_the_autograder_for_gradescope_grades_without_a_network(tmp_path):
    bundle = tmp_path / "autograder.zip"
    assert main(["learn", "bundle", str(bundle), "--only", "softmax,attention", "--points", "attention=3"]) == 0
    with zipfile.ZipFile(bundle) as archive:
        modes = {entry.filename: entry.external_attr >> 16 & 0o777 for entry in archive.infolist()}
        assert modes["setup.sh"] == modes["run_autograder"] == 0o755
        archive.extractall(tmp_path)
    assert subprocess.run(["bash", "-n", "setup.sh"], cwd=tmp_path).returncode == 0
    (tmp_path / "source").mkdir()
    shutil.move(tmp_path / "minattn", tmp_path / "source")
    expected = {"right": 4.0, "wrong": 0.0, "empty": 0.0}
    for kind, score in expected.items():
        shutil.rmtree(tmp_path / "submission", ignore_errors=True)
        (tmp_path / "submission").mkdir()
        for exercise in (SOFTMAX, ATTENTION) if kind != "empty" else ():
            gap = exercise.solution if kind == "right" else "while True: pass" if exercise == SOFTMAX else "dq = 1"
            write(tmp_path / "submission" / exercise.file, exercise.fill(gap))
        done = run_autograder(tmp_path, network=False)
        results = json.loads((tmp_path / "results" / "results.json").read_text())
        hold_to_gradescope(results)
        assert (results["score"], len(results["tests"])) == (score, 2), done.stdout + done.stderr


def test_in_an_autograder_each_students_variant_is_that_of_their_address(tmp_path):
    main(["learn", "bundle", str(tmp_path / "a.zip"), "--only", "softmax", "--variant", "hw1-{}"])
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.extractall(tmp_path)
    (tmp_path / "source").mkdir()
    shutil.move(tmp_path / "minattn", tmp_path / "source")
    write(tmp_path / "submission_metadata.json", json.dumps({"users": [{"email": "kim@b.c", "name": "A"}]}))
    mine = SOFTMAX.for_key("hw1-kim@b.c")
    for exercise, score in ((mine, 1.0), (SOFTMAX, 0.0)):
        write(tmp_path / "submission" / SOFTMAX.file, exercise.fill(exercise.solution))
        run_autograder(tmp_path, network=True)
        assert json.loads((tmp_path / "results" / "results.json").read_text())["score"] == score


def test_the_repository_for_classroom_holds_templates_and_tests_that_pass_once_they_are_filled(tmp_path):
    place = tmp_path / "repository"
    only = ("--only", "softmax,mask", "--points", "mask=2", "--variant", "hw1")
    assert main(["learn", "bundle", "--repository", str(place), *only]) == 0
    tests = json.loads((place / ".github/classroom/autograding.json").read_text())["tests"]
    assert [(test["name"], test["points"]) for test in tests] == [("softmax", 1), ("mask", 2)]
    keys = {"name", "setup", "run", "input", "output", "comparison", "timeout", "points"}
    assert all(test.keys() == keys and test["comparison"] in {"exact", "included", "regex"} for test in tests)
    (job,) = yaml.safe_load((place / ".github/workflows/classroom.yml").read_text())["jobs"].values()
    graders = [step for step in job["steps"] if "id" in step]
    assert [step["with"]["max-score"] for step in graders] == [1, 2]
    assert job["steps"][-1]["with"]["runners"] == "softmax,mask"
    assert [*job["steps"][-1]["env"]] == ["SOFTMAX_RESULTS", "MASK_RESULTS"]
    exercise = SOFTMAX.for_key("hw1")
    write(place / exercise.file, exercise.fill(exercise.solution))
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    for test, code in zip(tests, (0, 1), strict=True):
        command = f"{sys.executable}{test['run'].removeprefix('python')} -p no:cacheprovider"
        done = subprocess.run(command, shell=True, cwd=place, env=environment, capture_output=True, text=True)
        assert done.returncode == code, done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "say what to write"),
        (("a.zip", "--repository", "b"), "say what to write"),
        (("a.tar",), "expected a name that ends in .zip"),
        (("--repository", "."), "is not empty"),
        (("--repository", "b", "--variant", "x-{}"), "a repository is the same for all"),
    ],
)
def test_a_bundle_that_cannot_be_made_is_one_sentence(tmp_path, monkeypatch, capsys, arguments, complaint):
    monkeypatch.chdir(tmp_path)
    write(Path("there"), "x")
    assert main(["learn", "bundle", *arguments]) == 2
    assert complaint in capsys.readouterr().err


def test_a_note_of_tries_that_never_ends_is_not_read(tmp_path):
    anna = tmp_path / "anna"
    write(anna / SOFTMAX.file, RIGHT)
    (anna / "progress.txt").symlink_to("/dev/zero")
    write(anna / "homework.txt", "what is this?")
    words = ["learn", "grade", str(anna), "--only", "softmax", "--report", str(tmp_path / "a.md")]
    assert main(words) == 0


def test_points_in_gradebooks_lose_no_digits():
    rows = [Graded("anna", SOFTMAX, SOFTMAX.file, Verdict("softmax", "passed"))]
    assert sums_of(rows, Points({"softmax": 1234.25})) == ("1234.25", "1234.25")


def test_results_say_where_nothing_was_isolated(tmp_path, monkeypatch):
    write(tmp_path / "anna" / SOFTMAX.file, RIGHT)
    monkeypatch.setenv("PATH", str(tmp_path))
    why_no_wall.cache_clear()
    try:
        words = ["--only", "softmax", "--format", "gradescope", "--out", str(tmp_path / "a.json")]
        assert main(["learn", "grade", str(tmp_path / "anna"), *words]) == 0
    finally:
        monkeypatch.undo()
        why_no_wall.cache_clear()
    said = json.loads((tmp_path / "a.json").read_text())["output"]
    assert said.startswith("1 of 1 exercises is right. The files were not isolated: bubblewrap")
