"""Grade folders of submissions: every file in a process of its own, the results in a table."""

import csv
import io
import itertools
import os
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError
from ..runs import similar_path, write_atomically
from ..terminal import Count, Interrupt, Stopped, columns, labelled, padded
from .checking import check_in_folder
from .course import Exercise, course
from .isolated_submission import Limits
from .learner_folder import find_file, source_of
from .points import Points
from .runner import Runner
from .screen import Screen, clean, state_of
from .verdict import Verdict
from .wall import why_no_wall

COLUMNS = (
    *("folder", "number", "exercise", "file", "result", "kind", "sentence", "diagnosis", "right", "points", "out_of"),
    *("looks_measured", "unusual", "borrowed", "note", "isolated", "seconds", "seed"),
)
MOST_TEXT = 500
"""The most letters of a cell."""

WRITE_SECONDS = 0.5
"""Seconds between two tables, while rows arrive."""


class Graded(NamedTuple):
    """The verdict on one exercise of one student.

    Args:
        student: the name of the folder, as it was given
        exercise, file, verdict: which one, the name of its file, and what came of it
        note: what there is to say of the file; source: what is in it
    """

    student: str
    exercise: Exercise
    file: str
    verdict: Verdict
    note: str = ""
    source: str = ""


def grade(
    folders: Sequence[Path],
    table: Path | None,
    seed: int | None,
    limits: Limits,
    screen: Screen,
    exercises: Sequence[Exercise] | None = None,
    workers: int | None = None,
    keys: Mapping[Path, str] | None = None,
    points: Points | None = None,
    names: Sequence[str] = (),
    notes: Sequence[Mapping[str, str]] = (),
) -> list[Graded]:
    """Grade folders, one after the other or several at a time, and write the table as rows arrive.

    An interruption keeps what is graded by then. Each file runs behind a wall of the system; where there is none, the
    table says so in every row.

    Args:
        seed: of the inputs that submissions are tried on; a random one where it is None, which the table names
        exercises: those that are graded; all where it is None
        keys: of the variants that were set, by folder; without one the usual form counts
        workers: how many folders are graded at a time; as many as there are processors where it is None
        table: where rows are written as they arrive; None for nowhere
        points: what the exercises are worth
        names: of the students, in the order of the folders; those of the folders where there are none
        notes: what there is to say of the file of an exercise, by its name, for each folder

    Raises:
        InputError: a folder is not there
        RunError: the table cannot be written
    """
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"there is no folder {folder}{similar_path(folder, Path.is_dir)}")
    seed = secrets.randbelow(1 << 31) if seed is None else seed
    isolated = "not isolated" if (not_isolated := why_no_wall()) else "yes"
    wanted = course() if exercises is None else exercises
    names = names or [str(folder) for folder in folders]
    arrived: dict[tuple[int, int], Graded] = {}
    written = 0.0

    def write_table() -> None:
        if table is not None:
            write_atomically(table, _csv(in_order(arrived), seed, isolated, points or Points()))

    write_table()  # what cannot be written is said before the work, not after
    interrupted, thread = threading.Event(), threading.local()
    started: list[Runner] = []

    def grade_folder(place: int) -> None:
        if not hasattr(thread, "runner"):
            thread.runner = Runner(limits, walled=True, ahead=True)
            started.append(thread.runner)
        folder = folders[place]
        for number, exercise in itertools.takewhile(lambda _: not interrupted.is_set(), enumerate(wanted)):
            exercise, path = exercise.for_key((keys or {}).get(folder)), find_file(folder, exercise)
            verdict = check_in_folder(folder, exercise, thread.runner, seed)
            if not interrupted.is_set():
                note = notes[place].get(exercise.name, "") if notes else ""
                file, source = (path.name, source_of(path)) if path else ("", "")
                arrived[place, number] = Graded(names[place], exercise, file, verdict, note, source)

    count = Count(len(folders) * len(wanted), "files", screen.stream)
    pool = ThreadPoolExecutor(workers or min(len(folders), os.cpu_count() or 1))
    with Interrupt() as interrupt:  # an exception in the midst of waiting would leave a lock taken for ever
        try:
            for place, done in enumerate([pool.submit(grade_folder, place) for place in range(len(folders))]):
                while not (interrupt.requested or done.done()):
                    wait([done], timeout=0.1)
                    if time.monotonic() - written > WRITE_SECONDS:
                        write_table()
                        written = time.monotonic()
                    if screen.is_terminal and arrived:
                        count.show(len(arrived))
                if interrupt.requested:
                    break
                done.result()
                rows = [arrived[place, number] for number in range(len(wanted))]
                count.end()
                screen.write(_summary(names[place], rows, max(map(columns, names)), screen))
        finally:
            interrupted.set()
            for runner in started:
                runner.interrupt()
            pool.shutdown(cancel_futures=True)
            for runner in started:
                runner.close()
            write_table()
    if interrupt.requested:
        raise Stopped(interrupt.requested)
    if not_isolated:
        screen.say(f"not isolated: {not_isolated}; what was handed in ran with this user's rights", "yellow")
    return in_order(arrived)


def in_order(arrived: dict[tuple[int, int], Graded]) -> list[Graded]:
    """The rows by folder and exercise, however they arrived."""
    return [row for _, row in sorted(arrived.copy().items(), key=lambda item: item[0])]


def _summary(student: str, rows: Sequence[Graded], longest: int, screen: Screen) -> str:
    """A folder and its results in lines that fit; on a terminal, of a long name the end. longest: of the names."""
    results = [state_of(row.verdict) for row in rows]
    others = [f"{results.count(result)} {result}" for result in dict.fromkeys(results) if result != "passed"]
    longest = min(longest, screen.width // 2) if screen.is_terminal else longest
    name = clean(student)
    while columns(name) > longest:
        name = "…" + name[2:]
    text = f"{results.count('passed'):2} of {len(rows)}   {', '.join(others)}"
    return "\n".join(labelled(f"  {padded(name, longest)}  ", text, screen.width, screen.is_terminal))


def _csv(graded: Sequence[Graded], seed: int, isolated: str = "yes", points: Points | None = None) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    points = points or Points()
    for student, exercise, file, verdict, note, _ in graded:
        diagnosis = next((remark.text for remark in verdict.remarks if remark.label == "diagnosis"), "")  # the first
        said = (verdict.result, verdict.kind, verdict.sentence, diagnosis)
        right = " ".join(name for name, is_right in verdict.parts if is_right)
        worth = (f"{points.earned(exercise, verdict):.4g}", f"{points.of(exercise):.4g}")
        marks = (right, *worth, verdict.looks_measured, verdict.unusual, " ".join(verdict.borrowed), note, isolated)
        cells = (student, exercise.number, exercise.name, file, *said, *marks, f"{verdict.seconds:.2f}", seed)
        writer.writerow([safe_cell(str(cell)) for cell in cells])
    return text.getvalue()


def safe_cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula, with or without the spaces before it; of a long one the start."""
    text = clean(text[: 2 * MOST_TEXT])
    text = text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}…"
    return f"'{text}" if text.lstrip().startswith(("=", "+", "-", "@")) else text
