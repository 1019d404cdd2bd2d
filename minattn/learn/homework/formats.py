"""Grades in the forms that other tools read: results.json of Gradescope, the tables of Canvas and GitHub Classroom.

Gradescope: Autograder Specifications, "Output Format". Canvas: "How do I import grades in the Gradebook?". Classroom:
the table that "Download grades" gives. All name their columns and keys; the tests hold what is written to them.
"""

import csv
import io
import itertools
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...runs import make_folder, write_atomically
from ..feedback import FORMULA, told
from ..grade import Graded, safe_cell
from ..points import Points
from ..screen import clean
from ..wall import why_no_wall
from .roster import Roster

MOST_OUTPUT = 4000
"""The most letters that are said of one exercise."""

CLASSROOM = (
    *("assignment_name", "assignment_url", "starter_code_url", "github_username", "roster_identifier"),
    *("student_repository_name", "student_repository_url", "submission_timestamp", "points_awarded"),
    "points_available",
)
CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")


def write_grades(
    form: str,
    place: Path,
    rows: Sequence[Graded],
    points: Points,
    roster: Roster,
    title: str = "Homework",
    tell: int = FORMULA,
) -> None:
    """Write the grades of a class in a form that another tool reads.

    Args:
        form: one of FORMATS
        place: the file; for Gradescope a folder of one file for each student, or with one student a file
        rows: what was graded, student after student
        title: what the tool calls the homework; Canvas finds its column by it, "Homework 1 (1234)"
        tell: how much of a diagnosis a student sees; see `feedback.py`

    Raises:
        RunError: the disk refuses
    """
    FORMATS[form](place, rows, points, roster, title, tell)


def of_each(rows: Sequence[Graded]) -> dict[str, list[Graded]]:
    """The rows of each student, by name."""
    return {name: list(own) for name, own in itertools.groupby(rows, lambda row: row.student)}


def said_of(row: Graded, tell: int) -> str:
    """What a student sees of a verdict, in lines."""
    verdict = told(row.exercise, row.verdict, tell)
    lines, newline = [verdict.sentence], "\n"
    if verdict.looks_measured:
        lines.append(f"looks measured, and not derived, which gives no points: {verdict.looks_measured}")
    lines += [f"{label}:{newline if text[:1] == ' ' else ' '}{text}" for label, text, _ in verdict.remarks]
    if row.note:
        lines.append(row.note)
    return "\n".join(clean(line) for text in lines if text for line in text.splitlines())[:MOST_OUTPUT]


def gradescope_results(rows: Sequence[Graded], points: Points, tell: int) -> dict[str, Any]:
    """What Gradescope reads from results.json, of one student."""
    tests = []
    for row in rows:
        test = {
            "name": f"{row.exercise.number:02} {row.exercise.name}",
            "number": str(row.exercise.number),
            "score": points.earned(row.exercise, row.verdict),
            "max_score": points.of(row.exercise),
            "status": "passed" if row.verdict.solved else "failed",
            "output": said_of(row, tell),
            "output_format": "text",
            "visibility": "visible",
            "tags": [row.verdict.result, *([row.verdict.kind] if row.verdict.kind else [])],
            "extra_data": {
                "looks_measured": row.verdict.looks_measured,
                "unusual": row.verdict.unusual,
                "isolated": row.verdict.isolated,
            },
        }
        tests.append(test)
    right = sum(row.verdict.solved for row in rows)
    said = f"{right} of {len(rows)} exercises {'is' if right == 1 else 'are'} right."
    if why := why_no_wall():
        said += f" The files were not isolated: {why}."
    return {
        "score": round(sum(points.earned(row.exercise, row.verdict) for row in rows), 2),
        "execution_time": round(sum(row.verdict.seconds for row in rows), 2),
        "output": said,
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
    }


def _gradescope(place: Path, rows: Sequence[Graded], points: Points, roster: Roster, title: str, tell: int) -> None:
    students = of_each(rows)
    for name, own in students.items():
        text = json.dumps(gradescope_results(own, points, tell), indent=1, ensure_ascii=False) + "\n"
        if place.suffix == ".json":
            if len(students) > 1:
                raise InputError(f"{place} is one file, and there are {len(students)} students; name a folder")
            write_atomically(place, text)
        else:
            folder = place / file_name(name)
            make_folder(folder)
            write_atomically(folder / "results.json", text)


def _classroom(place: Path, rows: Sequence[Graded], points: Points, roster: Roster, title: str, tell: int) -> None:
    lines: list[Sequence[object]] = [CLASSROOM]
    for name, own in of_each(rows).items():
        person, sums = roster.of(name), sums_of(own, points)
        known = {"assignment_name": title, "github_username": person.login, "roster_identifier": person.id}
        known |= {"student_repository_name": name, "points_awarded": sums[0], "points_available": sums[1]}
        lines.append([known.get(column, "") for column in CLASSROOM])
    write_atomically(place, as_csv(lines))


def _canvas(place: Path, rows: Sequence[Graded], points: Points, roster: Roster, title: str, tell: int) -> None:
    students = of_each(rows)
    most = sums_of(next(iter(students.values())), points)[1]
    lines: list[Sequence[object]] = [(*CANVAS, title), ("    Points Possible", "", "", "", "", most)]
    for name, own in students.items():
        person = roster.of(name)
        lines.append((person.name, "", person.id, person.login, person.section, sums_of(own, points)[0]))
    write_atomically(place, as_csv(lines))


def sums_of(rows: Sequence[Graded], points: Points) -> tuple[str, str]:
    """The points of a student, and the most that there are."""
    earned = math.fsum(points.earned(row.exercise, row.verdict) for row in rows)
    return in_digits(earned), in_digits(math.fsum(points.of(row.exercise) for row in rows))


def in_digits(number: float) -> str:
    """Points with at most two digits behind the point, as gradebooks show them.

    >>> in_digits(1234.5), in_digits(10 / 3), in_digits(100.0)
    ('1234.5', '3.33', '100')
    """
    return f"{number:.2f}".rstrip("0").rstrip(".")


def file_name(name: str) -> str:
    """The name of a student as that of a file."""
    kept = "".join(c if c.isalnum() or c in "-_. " else "_" for c in name).strip(". ")
    return kept[:100] or "_"


def as_csv(lines: Sequence[Sequence[object]]) -> str:
    """Lines as CSV, in which no cell is taken for a formula."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([[safe_cell(str(cell)) for cell in line] for line in lines])
    return text.getvalue()


Writer = Callable[[Path, Sequence[Graded], Points, Roster, str, int], None]
FORMATS: dict[str, Writer] = {"gradescope": _gradescope, "classroom": _classroom, "canvas": _canvas}
"""The forms beside the plain table, which `grade` writes as rows arrive."""
