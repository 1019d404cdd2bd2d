"""How far a learner is: a text file that one can read, edit and delete."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ..errors import RunError
from ..runs import write_atomically
from .course import Exercise, course
from .verdict import Verdict

PROGRESS_FILE = "progress.txt"
HEADER = """\
# What minattn learn knows of this folder, a line for each exercise. Lines may be edited, deleted, or the whole file.
# exercise           now      tries  hints  first passed
"""


class ExerciseProgress(NamedTuple):
    """How an exercise stands.

    Args:
        passed: whether its last check passed
        tries, hints: how often it was tried, and how many hints were seen
        first: when it first passed, or "-"
    """

    passed: bool = False
    tries: int = 0
    hints: int = 0
    first: str = "-"


@dataclass
class CourseProgress:
    """How far a learner is.

    Args:
        folder: of the learner's files
        rows: how each exercise stands, by its name
        unknown_lines: lines of the file that are kept as they are
        notes: sentences for the learner
    """

    folder: Path
    rows: dict[str, ExerciseProgress] = field(default_factory=dict)
    unknown_lines: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @classmethod
    def load(cls, folder: Path) -> CourseProgress:
        """Read the file, if there is one. What cannot be understood is noted and kept."""
        progress = cls(folder)
        try:
            text = (folder / PROGRESS_FILE).read_bytes().decode("utf-8-sig", "replace")
        except FileNotFoundError:
            return progress
        except OSError as error:
            progress.notes.append(f"{PROGRESS_FILE} could not be read: {error.strerror or error}")
            return progress
        known = {exercise.name for exercise in course()}
        for number, line in enumerate(text.splitlines(), 1):
            name, *words = line.split() or ["#"]
            row = _row(words)
            if row is not None and name in known and name not in progress.rows:
                progress.rows[name] = row
            elif line and line not in HEADER.splitlines():
                progress.unknown_lines.append(line)
                if not name.startswith("#") and (name in known or row is None):
                    said = f"line {number} is not understood and is kept as it is: {line.strip()}"
                    progress.notes.append(f"{PROGRESS_FILE}, {said}")
        return progress

    def of(self, exercise: Exercise) -> ExerciseProgress:
        """How an exercise stands."""
        return self.rows.get(exercise.name, ExerciseProgress())

    def is_passed(self, exercise: Exercise) -> bool:
        """Whether the last check of an exercise passed."""
        return self.of(exercise).passed

    @property
    def passed(self) -> int:
        """How many are passed."""
        return sum(self.is_passed(exercise) for exercise in course())

    def current(self) -> Exercise:
        """The first exercise that is not passed; the last one where all are."""
        return next((exercise for exercise in course() if not self.is_passed(exercise)), course()[-1])

    def after(self, exercise: Exercise) -> Exercise | None:
        """The next exercise that is not passed, or else one before this; None where all are."""
        order = (*course()[exercise.number :], *course()[: exercise.number])
        return next((other for other in order if not self.is_passed(other)), None)

    def record(self, exercise: Exercise, verdict: Verdict, counts: bool = True) -> None:
        """Note a verdict and save; a look at a file that was not tried since does not count as a try."""
        if verdict.result in ("to do", "missing"):
            if self.is_passed(exercise):
                self.reopen(exercise)
                self.save()
        elif counts or verdict.solved != self.is_passed(exercise):
            self.add_try(exercise, verdict.solved)
            self.save()

    def add_try(self, exercise: Exercise, passed: bool) -> None:
        """Note one more try."""
        row = self.of(exercise)
        first = time.strftime("%Y-%m-%d %H:%M") if passed and row.first == "-" else row.first
        self.rows[exercise.name] = row._replace(passed=passed, tries=row.tries + 1, first=first)

    def add_hint(self, exercise: Exercise) -> int:
        """Note one more hint; returns how many of them have been seen by now."""
        row = self.of(exercise)
        row = row._replace(hints=min(row.hints + 1, len(exercise.hints)))
        self.rows[exercise.name] = row
        return row.hints

    def reopen(self, exercise: Exercise) -> None:
        """Note that the exercise is as at first again."""
        self.rows[exercise.name] = self.of(exercise)._replace(passed=False)

    def save(self) -> None:
        """Write the file; where that cannot be, a note says so."""
        lines = [
            f"{name:20} {'passed' if row.passed else 'open':6} {row.tries:7} {row.hints:6}  {row.first}"
            for name in (exercise.name for exercise in course())
            if (row := self.rows.get(name)) is not None
        ]
        try:
            write_atomically(self.folder / PROGRESS_FILE, HEADER + "\n".join([*lines, *self.unknown_lines]) + "\n")
        except RunError as error:
            self.notes.append(f"not noted: {error}")


def _row(words: list[str]) -> ExerciseProgress | None:
    """The fields behind a name; those at the end may be left out."""
    if not words or words[0] not in ("passed", "open"):
        return None
    counts = words[1:3]
    if not all(count.isdecimal() and len(count) < 10 for count in counts):
        return None
    tries, hints = (*map(int, counts), 0, 0)[:2]
    return ExerciseProgress(words[0] == "passed", tries, min(hints, 3), " ".join(words[3:]) or "-")
