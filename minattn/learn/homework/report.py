"""The class at a glance: who solved what, which mistakes are common, who should be looked at; a page, or Markdown."""

import base64
import io
import stat
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from ...errors import InputError
from ...runs import write_atomically
from ..course import Exercise
from ..feedback import before_formula
from ..grade import Graded
from ..learner_folder import MAX_BYTES
from ..points import Points, credit
from ..progress import PROGRESS_FILE, Assignment, CourseProgress
from ..screen import LABELS, clean, state_of
from .feedback_pages import html_page
from .formats import of_each, sums_of
from .similar_files import similar_pairs

GROUPS = ("solved", "looks measured", "partly right", "wrong", "not begun")
COLORS = {
    "solved": "#2a7f4f",
    "looks measured": "#c9a227",
    "partly right": "#8fc3a5",
    "wrong": "#c8574f",
    "not begun": "#d5d8db",
}
"""They differ in lightness too, so that the bars can be told apart in grey."""

COMMON = 3
"""The most mistakes that are told of an exercise."""


class Table(NamedTuple):
    """A section of the report: its heading, what it says before, the columns and the lines."""

    heading: str
    text: str
    columns: tuple[str, ...]
    lines: Sequence[tuple[str, ...]]


def write_report(
    place: Path, rows: Sequence[Graded], points: Points, folders: dict[str, Path], title: str = "Homework"
) -> None:
    """Write what a teacher wants to know of a class.

    Args:
        place: report.html, with the figure in it; or report.md, with the figure beside it
        folders: of the students, in which their own count of tries may be

    Raises:
        InputError: the file's name ends otherwise
        RunError: the disk refuses
    """
    if place.suffix not in (".html", ".md"):
        raise InputError(f"--report: expected a name that ends in .html or .md, got {place}")
    tables = tables_of(rows, points, folders)
    figure = class_figure(counts_of(rows), len(of_each(rows)), title)
    if place.suffix == ".html":
        image = base64.b64encode(figure).decode()
        text = html_page(
            title, _as_html(title, tables, f'<img alt="{escape(_alt(rows))}" src="data:image/png;base64,{image}">')
        )
    else:
        write_atomically(place.with_suffix(".png"), figure)
        text = _as_markdown(title, tables, f"![{_alt(rows)}]({place.with_suffix('.png').name})")
    write_atomically(place, text)


def counts_of(rows: Sequence[Graded]) -> dict[str, dict[str, int]]:
    """For each exercise how many students are in each of GROUPS."""
    counts = {row.exercise.name: dict.fromkeys(GROUPS, 0) for row in rows}
    for row in rows:
        counts[row.exercise.name][group_of(row)] += 1
    return counts


def group_of(row: Graded) -> str:
    """One of GROUPS."""
    state = state_of(row.verdict)
    if state in ("passed", "measured"):
        return "solved" if state == "passed" else "looks measured"
    if state in ("to do", "missing"):
        return "not begun"
    return "partly right" if credit(row.verdict, row.exercise) else "wrong"


def mistake_of(row: Graded) -> str:
    """What went wrong, in a sentence that is the same for all who made that mistake; "" where nothing is known."""
    state = state_of(row.verdict)
    if state in ("passed", "to do", "missing", "measured"):
        return ""
    if state != "wrong":
        return f"{LABELS[state]}: {row.verdict.sentence.partition(': ')[2].partition(':')[0]}".strip(": ")
    said = next((remark.text for remark in row.verdict.remarks if remark.label == "diagnosis"), "")
    said = before_formula(said).removeprefix("exactly this: ").removeprefix("it looks like this: ")
    return said or row.verdict.kind.replace("_", " ") or "wrong, in a way that nobody has named"


def tables_of(rows: Sequence[Graded], points: Points, folders: dict[str, Path]) -> list[Table]:
    """The sections of the report."""
    counts, students = counts_of(rows), of_each(rows)
    exercises = {row.exercise.name: row.exercise for row in rows}
    tries = tries_of(exercises, folders)
    solved = Table(
        "Who solved what",
        "Tries are what the learners' own files say, where they were handed in.",
        ("exercise", *GROUPS, "tries (median)"),
        [(name, *(str(counts[name][group]) for group in GROUPS), tries.get(name, "")) for name in exercises],
    )
    common = []
    for name in exercises:
        found = Counter(filter(None, (mistake_of(row) for row in rows if row.exercise.name == name)))
        common += [
            (name if i == 0 else "", str(count), said) for i, (said, count) in enumerate(found.most_common(COMMON))
        ]
    measured = [
        (row.student, row.exercise.name, row.verdict.looks_measured or row.verdict.unusual)
        for row in rows
        if row.verdict.looks_measured or (row.verdict.unusual and row.verdict.passed)
    ]
    alike = [(f"{p.first}, {p.second}", ", ".join(p.exercises), str(p.nodes)) for p in similar_pairs(rows)]
    sums = [(name, *sums_of(own, points)) for name, own in students.items()]
    return [
        solved,
        Table("The commonest mistakes", "", ("exercise", "students", "mistake"), common),
        Table("Look at these", "Right numbers that look measured, or a file that uses what no derivation needs.",
              ("student", "exercise", "why"), measured),
        Table("The same up to names",
              "Answers that differ in names, comments and form alone, and are neither the solution nor what many "
              "write. It is no proof: read both. The last column is how much syntax is the same.",
              ("students", "exercises", "nodes"), alike),
        Table("Points", "", ("student", "points", "of"), sums),
    ]  # fmt: skip


def tries_of(exercises: dict[str, Exercise], folders: dict[str, Path]) -> dict[str, str]:
    """The median number of tries of each exercise, of those who have handed in a state file."""
    states = [CourseProgress.load(folder, "-", Assignment()) for folder in folders.values() if is_note(folder)]
    found = {}
    for name, exercise in exercises.items():
        tries = [state.of(exercise).tries for state in states if state.of(exercise).tries]
        if tries:
            found[name] = f"{statistics.median(tries):g} of {len(tries)}"
    return found


def is_note(folder: Path) -> bool:
    """Whether a folder has a learner's note of tries: a plain file of some lines, and no link to what never ends."""
    try:
        status = (folder / PROGRESS_FILE).lstat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size <= MAX_BYTES


def _alt(rows: Sequence[Graded]) -> str:
    told = [f"{name} {groups['solved']} of {sum(groups.values())}" for name, groups in counts_of(rows).items()]
    return f"Solved: {', '.join(told)}"


def _as_html(title: str, tables: list[Table], image: str) -> str:
    parts = [f"<h1>{escape(title)}</h1>", image]
    for heading, text, names, lines in tables:
        parts.append(f"<h2>{heading}</h2>")
        parts += [f"<p>{text}</p>"] if text else []
        if not lines:
            parts.append("<p>None.</p>")
            continue
        head = "".join(f"<th>{name}</th>" for name in names)
        cells = ["".join(_cell(cell) for cell in line) for line in lines]
        parts.append(f"<table><tr>{head}</tr>" + "".join(f"<tr>{line}</tr>" for line in cells) + "</table>")
    return "\n".join(parts)


def _cell(text: str) -> str:
    return f"<td>{escape(clean(text))}</td>"


def _as_markdown(title: str, tables: list[Table], image: str) -> str:
    parts = [f"# {title}\n", image + "\n"]
    for heading, text, names, lines in tables:
        parts.append(f"## {heading}\n")
        parts += [f"{text}\n"] if text else []
        if not lines:
            parts.append("None.\n")
            continue
        rows = [names, ("---",) * len(names), *lines]
        parts.append("\n".join("| " + " | ".join(_markdown(cell) for cell in line) + " |" for line in rows) + "\n")
    return "\n".join(parts)


def _markdown(text: str) -> str:
    text = clean(text)
    for sign in "\\`*_[]<>|":
        text = text.replace(sign, f"\\{sign}")
    return text


def class_figure(counts: Mapping[str, Mapping[str, int]], students: int, title: str) -> bytes:
    """Draw it as a PNG.

    counts: for each exercise how many students are in each of GROUPS
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = list(counts)
    figure = Figure(figsize=(9, 1.6 + 0.42 * len(names)), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for y, name in enumerate(names):
        left = 0
        for group in GROUPS:
            width = counts[name][group]
            axes.barh(y, width, left=left, color=COLORS[group], height=0.72, label=group if y == 0 else None)
            if width >= 0.05 * students:
                color = "white" if group in ("solved", "wrong") else "#1c2024"
                axes.text(left + width / 2, y, str(width), ha="center", va="center", color=color, fontsize=11)
            left += width
    axes.set_yticks(range(len(names)), names, fontsize=12)
    axes.invert_yaxis()
    axes.set_xlim(0, students)
    axes.set_xticks([])
    axes.tick_params(length=0)
    for side in ("top", "right", "bottom", "left"):
        axes.spines[side].set_visible(False)
    axes.set_title(f"{title}: {students} student{'s' * (students != 1)}", loc="left", fontsize=14)
    axes.legend(
        loc="upper left", bbox_to_anchor=(0, 0), ncols=len(GROUPS), frameon=False, fontsize=11, handlelength=1,
        columnspacing=1.2,
    )  # fmt: skip
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()
