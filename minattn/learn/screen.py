"""What the exercises look like on a terminal, and in a file: every line fits, from 60 columns on."""

import contextlib
import io
import os
import shutil
import sys
from collections.abc import Iterator
from typing import TextIO

from ..terminal import shortened, wrapped
from .course import Exercise
from .progress import CourseProgress
from .verdict import Verdict

COLORS = {"green": "32", "red": "31", "yellow": "33", "bold": "1", "dim": "2"}
LABEL_WIDTH = 16
MAX_PRINTED_LINES = 12
"""The most lines that are shown of what the learner's code printed."""


class Screen:
    """Writes to a stream; in colours where that is a terminal that wants them."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout
        self.is_terminal = self.stream.isatty()
        self.has_colors = self.is_terminal and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        self.written = 0

    @property
    def height(self) -> int | None:
        """The lines of the terminal; None elsewhere."""
        return shutil.get_terminal_size((80, 24)).lines if self.is_terminal else None

    @property
    def width(self) -> int:
        """The most columns of a line."""
        return max(40, min(shutil.get_terminal_size((80, 24)).columns, 110))

    def paint(self, text: str, color: str) -> str:
        """Give a text a colour, if there are colours."""
        return f"\x1b[{COLORS[color]}m{text}\x1b[0m" if self.has_colors else text

    def write(self, line: str = "") -> None:
        """Print a line as it is."""
        print(line, file=self.stream, flush=True)
        self.written += 1

    @contextlib.contextmanager
    def cut_off(self, below: int, more: str) -> Iterator[None]:
        """Show the lines that are written inside; on a terminal no more than there is room for above so many others.

        more: what to say in the place of the rest
        """
        if self.height is None:
            yield
            return
        outside, self.stream, before = self.stream, io.StringIO(), self.written
        try:
            yield
        finally:
            lines, self.stream, self.written = self.stream.getvalue().splitlines(), outside, before
        room = max(self.height - before - below, 2)
        if len(lines) > room:
            lines = [*lines[: room - 1], self.paint(shortened(f"  … {more}", self.width), "dim")]
        for line in lines:
            self.write(line)

    def say(self, text: str = "", color: str = "", indent: str = "", has_path: bool = False) -> None:
        """Print a paragraph, in lines that fit; has_path: break no word of it elsewhere than on a terminal."""
        for line in fitted(text, self.width - len(indent), self.is_terminal or not has_path):
            self.write((indent + self.paint(line, color) if color else indent + line).rstrip())

    def labelled(self, label: str, text: str) -> None:
        """Print a label, and a paragraph to the right of it."""
        shown = self.paint(label.ljust(LABEL_WIDTH), "dim")
        for line in fitted(text, self.width - LABEL_WIDTH - 4):
            self.write(f"  {shown}  {line}")
            shown = " " * LABEL_WIDTH

    def heading(self, exercise: Exercise) -> None:
        """Print number, name and title of an exercise."""
        self.say(f"{exercise.number:02} {exercise.name}", "bold")
        self.say(exercise.title)

    def clear(self) -> None:
        """Empty a terminal."""
        if self.is_terminal:
            self.stream.write("\x1b[2J\x1b[3J\x1b[H")
        self.written = 0

    def bar(self, progress: CourseProgress) -> str:
        """How much of the course is passed."""
        done, total, length = progress.passed, len(progress.exercises), 30
        full = -(-length * done // total)
        return f"{self.paint('█' * full, 'green')}{'░' * (length - full)}  {done} of {total}"

    def verdict(self, exercise: Exercise, verdict: Verdict) -> None:
        """Everything about a check."""
        state = state_of(verdict)
        mark, color = MARKS.get(state, WRONG)
        took = "" if state == "to do" else f", in {verdict.seconds:.2f} s"
        name = self.paint(f"{mark} {exercise.number:02} {exercise.name}", color)
        self.write(f"{name}   {LABELS[state]}{took}")
        self.write()
        said = {"passed": exercise.note, "measured": MEASURED}.get(state, verdict.sentence)
        self.say(said, indent="  ")
        if verdict.looks_measured:
            self.write()
            self.labelled("looks measured", verdict.looks_measured)
        if verdict.borrowed:
            self.write()
            self.labelled("borrowed", ", ".join(verdict.borrowed))
        for label, text, _ in verdict.remarks:
            self.write()
            self.labelled(label, text)
        lines = verdict.printed.rstrip().splitlines()
        if len(lines) > MAX_PRINTED_LINES + 1:
            lines[MAX_PRINTED_LINES:] = [f"… {len(lines) - MAX_PRINTED_LINES} lines more"]
        if lines:
            self.write()
            self.labelled("your code says", "\n".join(f" {line}" for line in lines))

    def line(self, exercise: Exercise, verdict: Verdict) -> None:
        """A check in one line."""
        state = state_of(verdict)
        mark, color = MARKS.get(state, WRONG)
        said = clean(verdict.looks_measured if state == "measured" else verdict.sentence)
        said = "" if state in ("passed", "to do") else said
        text = f" {exercise.number:02} {exercise.name:18} {LABELS[state]:14} {said}".rstrip()
        self.write(self.paint(mark, color) + shortened(text, self.width - 1))

    def course(self, progress: CourseProgress, height: int | None = None) -> None:
        """Print all exercises, and how each stands.

        height: the lines that there are, None for any number; too few, and names stand side by side without titles
        """
        rows = []
        for exercise in progress.exercises:
            row = progress.of(exercise)
            mark = self.paint("✓", "green") if row.passed else self.paint("→", "yellow")
            mark = mark if row.passed or exercise == progress.current() else " "
            tried = f"{row.tries} tries" if row.tries > 1 else "1 try" if row.tries else ""
            tried += ", borrowed" if row.borrowed else ""
            title = shortened(exercise.title, self.width - 25 - len(tried))
            rows.append((f"{mark} {exercise.number:02} {exercise.name:18} ", f"{title} {tried}"))
        if height is None or len(rows) < height - 1:
            for start, end in rows:
                self.write((start + end).rstrip())
        else:
            count = -(-len(rows) // (self.width // 24))
            for i in range(count):
                self.write("".join(start for start, _ in rows[i::count]).rstrip())
        self.write()
        self.write(self.bar(progress))

    def notes(self, progress: CourseProgress) -> None:
        """What there is to say about the state file, once."""
        for note in progress.notes:
            self.write()
            self.say(note, "yellow", indent="  ")
        progress.notes.clear()


MARKS = {"passed": ("✓", "green"), "to do": ("○", "yellow"), "measured": ("≈", "yellow")}
MEASURED = (
    "The numbers are right, but it looks as if they were measured: forward was tried out beside the point that was "
    "given. Here the derivative is to be written down, which needs forward once at most."
)
WRONG = ("✗", "red")
LABELS = {
    "passed": "right",
    "measured": "measured",
    "to do": "still to do",
    "wrong": "not right yet",
    "error": "an error",
    "time": "out of time",
    "memory": "out of memory",
    "crash": "crashed",
    "missing": "no file",
}


def state_of(verdict: Verdict) -> str:
    """The result of a verdict; "measured" where the numbers are right, and look measured."""
    return "measured" if verdict.passed and not verdict.solved else verdict.result


def clean(text: str) -> str:
    """Text without characters that would do something to a terminal."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text.expandtabs(4))


def fitted(text: str, width: int, inside_words: bool = True) -> list[str]:
    """A text in lines of at most this width. Its own line breaks stay; a line that starts with spaces is cut off.

    inside_words: whether a word that is longer than a line may be broken
    """
    lines: list[str] = []
    for line in map(clean, text.split("\n")):
        width = max(width, 24)
        lines += [shortened(line, width)] if line.startswith(" ") else wrapped(line, width, inside_words)
    return lines
