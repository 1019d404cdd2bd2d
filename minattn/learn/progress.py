"""How far a learner is: a text file that one can read, edit and delete."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError, RunError
from ..runs import read_bytes, write_atomically
from .course import Exercise, course, find
from .feedback import FORMULA, WHERE
from .variants import as_key
from .verdict import Verdict

PROGRESS_FILE = "progress.txt"
VARIANT_FILE = "variant.txt"
VARIANT_TEXT = "# The exercises of this folder are those of this key. Without it they cannot be checked.\n"
HEADER = """\
# What minattn learn knows of this folder, a line for each exercise. Lines may be edited, deleted, or the whole file.
# exercise           now        tries  hints  told        first passed
"""


HOMEWORK_FILE = "homework.txt"
HOMEWORK_HEADER = "# What was set in this folder. Who sets it may change it; it keeps nobody out.\n"


class Assignment(NamedTuple):
    """What was set.

    Args:
        only: the names of the exercises; all where there are none
        tell: the step at which feedback ends; see `feedback.py`
        locked: whether a solution is shown only to those who have passed
    """

    only: tuple[str, ...] = ()
    tell: int = FORMULA
    locked: bool = False

    @classmethod
    def read(cls, folder: Path) -> Assignment:
        """What a folder has recorded; all is open where it has recorded nothing. Raises InputError."""
        path, found = folder / HOMEWORK_FILE, cls()
        if not path.exists():
            return found
        known = {exercise.name for exercise in course()}
        for number, line in enumerate(read_bytes(path).decode("utf-8-sig", "replace").splitlines(), 1):
            word, *rest = line.split() or ["#"]
            if word == "only" and rest and {*rest} <= known:
                found = found._replace(only=tuple(rest))
            elif word == "tell" and len(rest) == 1 and rest[0] in ("1", "2", "3"):
                found = found._replace(tell=int(rest[0]))
            elif word == "locked" and not rest:
                found = found._replace(locked=True)
            elif word[0] != "#":
                raise InputError(f"{path}, line {number}: expected only NAMES, tell 1, 2 or 3, or locked, got {line!r}")
        return found

    def write(self, folder: Path) -> None:
        """Record it; where nothing is set, nothing is. Raises RunError where the disk refuses."""
        lines = [f"only {' '.join(self.only)}"] if self.only else []
        lines += [f"tell {self.tell}"] if WHERE <= self.tell < FORMULA else []
        lines += ["locked"] if self.locked else []
        if lines or (folder / HOMEWORK_FILE).exists():
            write_atomically(folder / HOMEWORK_FILE, HOMEWORK_HEADER + "".join(f"{line}\n" for line in lines))


class ExerciseProgress(NamedTuple):
    """How an exercise stands.

    Args:
        passed: whether its last check passed
        tries, hints: how often it was tried, and how many hints were seen
        told, answer: how many wrong answers, each another, have been told of, at most three; and a word for the last
        first: when it first passed, or "-"
        borrowed: whether it passed with pieces that were not the learner's own
    """

    passed: bool = False
    tries: int = 0
    hints: int = 0
    told: int = 0
    answer: str = ""
    first: str = "-"
    borrowed: bool = False

    def __str__(self) -> str:
        """The columns of the file."""
        told = f"{self.told}:{self.answer}" if self.told else "-"
        now = "borrowed" if self.borrowed else "passed" if self.passed else "open"
        return f"{now:8} {self.tries:7} {self.hints:6}  {told:10}  {self.first}"


@dataclass
class CourseProgress:
    """How far a learner is.

    Args:
        folder: of the learner's files
        rows: how each exercise stands, by its name
        unknown_lines: lines of the file that are kept as they are
        notes: sentences for the learner
        key: that stands for the variants of the exercises; None for their usual form
        assignment: what was set in this folder
    """

    folder: Path
    rows: dict[str, ExerciseProgress] = field(default_factory=dict)
    unknown_lines: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    key: str | None = None
    assignment: Assignment = Assignment()  # noqa: RUF009 - it cannot be changed

    @classmethod
    def load(cls, folder: Path, key: str | None = None, assignment: Assignment | None = None) -> CourseProgress:
        """Read the file, if there is one. What cannot be understood is noted and kept.

        key, assignment: in the place of what the folder has
        """
        progress = cls(folder, key=key or recorded_key(folder), assignment=assignment or Assignment.read(folder))
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
        return sum(self.is_passed(exercise) for exercise in self.exercises)

    @property
    def exercises(self) -> tuple[Exercise, ...]:
        """The exercises of the course, or those of them that were set, as they are in this folder."""
        only = self.assignment.only
        return tuple(exercise.for_key(self.key) for exercise in course() if not only or exercise.name in only)

    def find(self, name: str | None) -> Exercise:
        """The exercise of this folder that is called so; without a name the current one. Raises InputError."""
        return find(name, self.key) if name else self.current()

    def current(self) -> Exercise:
        """The first exercise that is not passed; the last one where all are."""
        return next((exercise for exercise in self.exercises if not self.is_passed(exercise)), self.exercises[-1])

    def after(self, exercise: Exercise) -> Exercise | None:
        """The next exercise that is not passed, or else one before this; None where all are."""
        order = sorted(self.exercises, key=lambda other: (other.number <= exercise.number, other.number))
        return next((other for other in order if not self.is_passed(other)), None)

    def record(self, exercise: Exercise, verdict: Verdict, counts: bool = True) -> None:
        """Note a verdict and save; a look at a file that was not tried since does not count as a try."""
        if verdict.result in ("to do", "missing"):
            if self.is_passed(exercise):
                self.reopen(exercise)
                self.save()
        elif counts or verdict.solved != self.is_passed(exercise):
            self.add_try(exercise, verdict.solved)
            row = self.of(exercise)._replace(borrowed=verdict.solved and bool(verdict.borrowed))
            self.rows[exercise.name] = row
            if verdict.result == "wrong" and counts and verdict.answer != row.answer:
                self.rows[exercise.name] = row._replace(told=min(row.told + 1, FORMULA), answer=verdict.answer)
            self.save()

    def step(self, exercise: Exercise) -> int:
        """How much of a diagnosis is told now: more with each other wrong answer, and with each hint that was seen."""
        row = self.of(exercise)
        return min(max(row.told, WHERE) + row.hints, self.assignment.tell)

    def add_try(self, exercise: Exercise, passed: bool) -> None:
        """Note one more try."""
        row = self.of(exercise)
        first = time.strftime("%Y-%m-%d %H:%M") if passed and row.first == "-" else row.first
        self.rows[exercise.name] = row._replace(passed=passed, tries=row.tries + 1, first=first)

    def add_hint(self, exercise: Exercise) -> int:
        """Note one more hint; returns how many of them have been seen by now."""
        row = self.of(exercise)
        row = row._replace(hints=min(row.hints + 1, len(exercise.hints), self.assignment.tell))
        self.rows[exercise.name] = row
        return row.hints

    def reopen(self, exercise: Exercise) -> None:
        """Note that the exercise is as at first again."""
        self.rows[exercise.name] = self.of(exercise)._replace(passed=False, borrowed=False)

    def save(self) -> None:
        """Write the file; where that cannot be, a note says so."""
        lines = [
            f"{name:20} {row}"
            for name in (exercise.name for exercise in course())
            if (row := self.rows.get(name)) is not None
        ]
        try:
            write_atomically(self.folder / PROGRESS_FILE, HEADER + "\n".join([*lines, *self.unknown_lines]) + "\n")
        except RunError as error:
            self.notes.append(f"not noted: {error}")


def recorded_key(folder: Path) -> str | None:
    """The key that a folder's exercises are for; None where they are in their usual form.

    Raises:
        InputError: the file that should hold it holds none
    """
    path = folder / VARIANT_FILE
    try:
        lines = path.read_bytes().decode("utf-8-sig").splitlines()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} could not be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from None
    keys = [line for line in lines if line.strip() and not line.startswith("#")]
    if len(keys) != 1:
        raise InputError(f"{path} must hold your key, alone on a line; it holds {len(keys) or 'none'}")
    return as_key(keys[0])


def _row(words: list[str]) -> ExerciseProgress | None:
    """The fields behind a name; those at the end may be left out."""
    if not words or words[0] not in ("passed", "borrowed", "open"):
        return None
    counts = words[1:3]
    if not all(count.isdecimal() and len(count) < 10 for count in counts):
        return None
    tries, hints = (*map(int, counts), 0, 0)[:2]
    told, answer, rest = 0, "", words[3:]
    if rest and (found := re.fullmatch(r"([1-3]):(\w{8})|-", rest[0])):  # older files have no such column
        told, answer, rest = int(found[1] or 0), found[2] or "", rest[1:]
    passed, borrowed = words[0] != "open", words[0] == "borrowed"
    return ExerciseProgress(passed, tries, min(hints, 3), told, answer, " ".join(rest) or "-", borrowed)
