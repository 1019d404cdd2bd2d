"""`minattn learn grade` and `minattn learn bundle`: a class's homework."""

import argparse
from pathlib import Path

from ..errors import InputError, did_you_mean
from ..learn.course import Exercise, course, find
from ..learn.feedback import FORMULA, MISTAKE
from ..learn.grade import Graded, grade
from ..learn.homework import (
    FORMATS,
    Collected,
    Roster,
    collected,
    write_bundle,
    write_feedback,
    write_grades,
    write_report,
    write_repository,
)
from ..learn.isolated_submission import Limits
from ..learn.learner_folder import keys_of
from ..learn.points import Points
from ..learn.screen import Screen
from ..runs import check_place

ONLY = "names, numbers or files of the exercises that count, with commas: softmax,attention (all)"
POINTS = "what exercises are worth: softmax=2,attention=5 (1 each)"
TELL = "how much students see: 1 where it is wrong, 2 the mistake, 3 the formula"


def add_grade(graded: argparse.ArgumentParser) -> None:
    """Give the parser of `minattn learn grade` its options."""
    graded.add_argument("places", nargs="+", metavar="DIR", help="a folder for each learner, or a ZIP of all")
    forms = ("csv", *FORMATS)
    graded.add_argument("--format", choices=forms, metavar="FORM", help=f"what --out is: {', '.join(forms)} (csv)")
    graded.add_argument("--out", metavar="FILE", help="where the grades go; for gradescope a folder")
    graded.add_argument("--csv", metavar="FILE", help="short for --format csv --out FILE; both may be asked for")
    graded.add_argument("--report", metavar="FILE", help="the class at a glance, .html or .md")
    graded.add_argument("--feedback", metavar="DIR", help="a page for each learner goes there")
    graded.add_argument("--only", metavar="NAMES", help=ONLY)
    graded.add_argument("--points", metavar="LIST", help=POINTS)
    graded.add_argument("--roster", metavar="FILE", help="a table (CSV): folder, name, id, login, email, section")
    graded.add_argument("--title", metavar="TEXT", default="Homework", help="what the homework is called")
    graded.add_argument("--tell", type=int, choices=(1, 2, 3), help=f"{TELL} (2 in --feedback, else 3)")
    graded.add_argument("--variant", metavar="KEY", help="the key that was set; {} in it is the name of a folder")
    graded.add_argument("--variants", metavar="FILE", help="a table (CSV) of keys: columns folder and variant")
    graded.add_argument("--seed", type=int, metavar="N", help="of the inputs they are tried on (a random one)")


def add_bundle(bundle: argparse.ArgumentParser) -> None:
    """Give the parser of `minattn learn bundle` its options."""
    bundle.add_argument("out", nargs="?", metavar="OUT.zip", help="an autograder for Gradescope")
    bundle.add_argument("--repository", metavar="DIR", help="or a repository for GitHub Classroom")
    bundle.add_argument("--only", metavar="NAMES", help=ONLY)
    bundle.add_argument("--points", metavar="LIST", help=POINTS)
    bundle.add_argument("--variant", metavar="KEY", help="of variants; {} in it is the student's e-mail address")
    bundle.add_argument("--tell", type=int, choices=(1, 2, 3), help=f"{TELL} (3)")


def learn_grade(options: argparse.Namespace) -> int:
    """Grade what was handed in. Returns 0 where all of it was graded, right or wrong."""
    if options.seed is not None and options.seed < 0:
        raise InputError(f"--seed must not be negative, got {options.seed}")
    if options.variant is not None and options.variants is not None:
        raise InputError("give the keys by --variant or by --variants, not by both")
    if options.format and not options.out:
        raise InputError(f"--format {options.format} needs --out, which says where the grades go")
    form = options.format or "csv"
    if form == "csv" and options.out and options.csv:
        raise InputError("--csv FILE says the same as --format csv --out FILE; give one of them")
    table = options.csv or (options.out if form == "csv" else None)
    others = (options.report, options.feedback, None if form == "csv" else options.out)
    if not (table or any(others)):
        raise InputError("say where the grades go: --csv FILE, or --format and --out; or --report, --feedback")
    for place in (options.report, options.out if form in ("canvas", "classroom") else None):
        if place:
            check_place(place)
    screen, limits = Screen(), limits_of(options.seconds)
    exercises = course() if options.only is None else chosen(options.only)
    points = Points.parse(options.points, exercises)
    with collected(list(map(Path, options.places))) as students:
        rows = _graded(students, exercises, points, table, limits, screen, options)
        short = short_names([student.name for student in students])
        rows = [row._replace(student=short[row.student]) for row in rows]
        roster = Roster.read(Path(options.roster), list(short.values())) if options.roster else Roster()
        if form != "csv":
            tell = options.tell or FORMULA
            write_grades(form, Path(options.out), rows, points, roster, options.title, tell)
            screen.say(f"{options.out}: for {form}", has_path=True)
        if options.feedback:
            tell = options.tell or MISTAKE
            count = write_feedback(Path(options.feedback), rows, points, roster, options.title, tell)
            screen.say(f"{options.feedback}: {counted(count, 'page')}", has_path=True)
        if options.report:
            folders = {short[student.name]: student.folder for student in students}
            write_report(Path(options.report), rows, points, folders, options.title)
            screen.say(f"{options.report}: the class at a glance", has_path=True)
    if table:
        screen.say(f"{table}: {counted(len(rows), 'row')}", has_path=True)
    return 0


def short_names(names: list[str]) -> dict[str, str]:
    """The last part of each path, where these differ."""
    short = {name: Path(name).resolve().name for name in names}
    return short if len({*short.values()}) == len(short) else {name: name for name in names}


def _graded(
    students: list[Collected],
    exercises: list[Exercise] | tuple[Exercise, ...],
    points: Points,
    table: str | None,
    limits: Limits,
    screen: Screen,
    options: argparse.Namespace,
) -> list[Graded]:
    folders, names = [student.folder for student in students], [student.name for student in students]
    keys = keys_of([Path(name) for name in names], options.variant, options.variants and Path(options.variants))
    return grade(
        folders,
        Path(table) if table else None,
        options.seed,
        limits,
        screen,
        exercises,
        keys={folder: keys[Path(name)] for folder, name in zip(folders, names, strict=True)} if keys else None,
        points=points,
        names=names,
        notes=[student.notes for student in students],
    )


def learn_bundle(options: argparse.Namespace) -> int:
    """Write an autograder, or a repository."""
    if (options.out is None) == (options.repository is None):
        raise InputError("say what to write: OUT.zip, an autograder for Gradescope, or --repository DIR")
    exercises = course() if options.only is None else chosen(options.only)
    points, screen = Points.parse(options.points, exercises), Screen()
    if options.out is not None:
        check_place(options.out)
        write_bundle(Path(options.out), exercises, points, options.variant, options.tell)
        screen.say(f"{options.out}: upload it to Gradescope as the autograder", has_path=True)
    else:
        if options.variant and "{}" in options.variant:
            raise InputError("a repository is the same for all: a key with {} in it is for OUT.zip or for init")
        write_repository(Path(options.repository), exercises, points, options.variant)
        screen.say(f"{options.repository}: make it the template repository of an assignment", has_path=True)
    return 0


def chosen(only: str) -> list[Exercise]:
    """The exercises that a list with commas names, in the order of the course. Raises InputError."""
    names = [name.strip() for name in only.split(",") if name.strip()]
    known = [exercise.name for exercise in course()]
    there = f"there are {', '.join(known)}"
    if not names:
        raise InputError(f"--only names no exercise; {there}")
    numbers = set()
    for name in names:
        try:
            numbers.add(find(name).number)
        except InputError:
            near = did_you_mean(name, known)
            raise InputError(f"--only: there is no exercise {name!r}; {there}{near}") from None
    return [exercise for exercise in course() if exercise.number in numbers]


def counted(count: int, what: str) -> str:
    """A number of things: 1 row, 2 rows."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def limits_of(seconds: float) -> Limits:
    """What a submission may use. Raises InputError."""
    if not 0 < seconds <= 3600:
        raise InputError(f"--seconds must be more than 0 and at most 3600, got {seconds:g}")
    return Limits(seconds=seconds)
