"""Grade folders of submissions: every file in a process of its own, the results in a table."""

import csv
import io
import itertools
import os
import secrets
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError
from ..runs import similar_path, write_atomically
from ..terminal import Interrupt, Stopped, columns, labelled, padded
from .checking import check_in_folder
from .course import Exercise, course
from .isolated_submission import Limits
from .learner_folder import find_file
from .runner import Runner
from .screen import Screen, clean
from .verdict import Verdict

COLUMNS = ("folder", "number", "exercise", "file", "result", "kind", "sentence", "diagnosis", "seconds", "seed")


class Graded(NamedTuple):
    """The verdict on one exercise of one folder, and the name of its file."""

    folder: Path
    exercise: Exercise
    file: str
    verdict: Verdict


def grade(
    folders: Sequence[Path],
    table: Path,
    seed: int | None,
    limits: Limits,
    screen: Screen,
    exercises: Sequence[Exercise] | None = None,
    workers: int | None = None,
    keys: Mapping[Path, str] | None = None,
) -> list[Graded]:
    """Grade folders, one after the other or several at a time, and write the table.

    An interruption keeps the folders that are graded by then.

    Args:
        seed: of the inputs that submissions are tried on; a random one where it is None, which the table names
        exercises: those that are graded; all where it is None
        keys: of the variants that were set, by folder; without one the usual form counts
        workers: how many folders are graded at a time; as many as there are processors where it is None

    Raises:
        InputError: a folder is not there
        RunError: the table cannot be written
    """
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"there is no folder {folder}{similar_path(folder, Path.is_dir)}")
    seed = secrets.randbelow(1 << 31) if seed is None else seed
    write_atomically(table, _csv([], seed))  # what cannot be written is said before the work, not after
    graded: list[Graded] = []
    wanted = course() if exercises is None else exercises
    interrupted, thread = threading.Event(), threading.local()
    started: list[Runner] = []

    def grade_folder(folder: Path) -> list[Graded]:
        if not hasattr(thread, "runner"):
            thread.runner = Runner(limits)
            started.append(thread.runner)
        rows = []
        for exercise in itertools.takewhile(lambda _: not interrupted.is_set(), wanted):
            exercise, path = exercise.for_key((keys or {}).get(folder)), find_file(folder, exercise)
            verdict = check_in_folder(folder, exercise, thread.runner, seed)
            rows.append(Graded(folder, exercise, path.name if path else "", verdict))
        return rows

    pool = ThreadPoolExecutor(workers or min(len(folders), os.cpu_count() or 1))
    with Interrupt() as interrupt:  # an exception in the midst of waiting would leave a lock taken for ever
        try:
            for folder, rows in zip(folders, [pool.submit(grade_folder, folder) for folder in folders], strict=True):
                while not (interrupt.requested or rows.done()):
                    wait([rows], timeout=0.1)
                if interrupt.requested:
                    break
                graded += rows.result()
                longest = max(columns(str(folder)) for folder in folders)
                screen.write(_summary(folder, rows.result(), longest, screen))
        finally:
            interrupted.set()
            for runner in started:
                runner.interrupt()
            pool.shutdown(cancel_futures=True)
            for runner in started:
                runner.close()
            write_atomically(table, _csv(graded, seed))
    if interrupt.requested:
        raise Stopped(interrupt.requested)
    return graded


def _summary(folder: Path, rows: Sequence[Graded], longest: int, screen: Screen) -> str:
    """A folder and its results in lines that fit; on a terminal, of a long name the end. longest: of the names."""
    results = [row.verdict.result for row in rows]
    others = [f"{results.count(result)} {result}" for result in dict.fromkeys(results) if result != "passed"]
    longest = min(longest, screen.width // 2) if screen.is_terminal else longest
    name = clean(str(folder))
    while columns(name) > longest:
        name = "…" + name[2:]
    text = f"{results.count('passed'):2} of {len(rows)}   {', '.join(others)}"
    return "\n".join(labelled(f"  {padded(name, longest)}  ", text, screen.width, screen.is_terminal))


def _csv(graded: Sequence[Graded], seed: int) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for folder, exercise, file, verdict in graded:
        diagnosis = next((remark.text for remark in verdict.remarks if remark.label == "diagnosis"), "")  # the first
        said = (verdict.result, verdict.kind, verdict.sentence, diagnosis)
        cells = (folder, exercise.number, exercise.name, file, *said, f"{verdict.seconds:.2f}", seed)
        writer.writerow([_cell(str(cell)) for cell in cells])
    return text.getvalue()


def _cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula, with or without the spaces before it."""
    text = clean(text)
    return f"'{text}" if text.lstrip().startswith(("=", "+", "-", "@")) else text
