"""The line that says how far a work is: it rewrites itself on a terminal, and is one line in twenty elsewhere."""

import sys
import time
from collections.abc import Callable
from typing import Any, Self, TextIO

from .tables import shortened, width_of

CLEARED = "\r\x1b[K"
"""Begins a terminal's line anew, without what stood there."""

Seconds = Callable[[], float]
"""A clock: time.monotonic, or one that a test winds."""


class _Line:
    """A line that a terminal rewrites, and that is a line of its own elsewhere."""

    def __init__(self, stream: TextIO, now: Seconds) -> None:
        self.stream, self.now, self.started = stream, now, now()
        self.is_terminal = stream.isatty()

    def end(self) -> None:
        """Take the line away, as where a training ended before its last step."""
        if self.is_terminal:
            self.stream.write(CLEARED)
            self.stream.flush()


class Progress(_Line):
    """Shows step, loss, speed, time left and the last score of a training; what is less important goes if space lacks.

    A row's example, what the model can do by then in words, gets a line that stays.

    Args:
        steps: the last step
        first: the step after which this training began
        stream: where to, standard output by default; a terminal gets one line, rewritten at most ten times a second
        now: the clock
    """

    def __init__(self, steps: int, first: int = 0, stream: TextIO | None = None, now: Seconds = time.monotonic) -> None:
        super().__init__(stream or sys.stdout, now)
        self.steps, self.first, self.shown_at = steps, first, 0.0
        self.every = max(steps // 20, 1)
        self.accuracy = ""

    def note(self, text: str) -> None:
        """Say something in the place of the line, until the next step is shown."""
        if self.is_terminal:
            self.stream.write(CLEARED + shortened(text, width_of(self.stream) - 1))
        else:
            self.stream.write(text + "\n")
        self.stream.flush()

    def show(self, row: dict[str, Any]) -> None:
        """Show the row of one step."""
        if "copied" in row:
            copied, filled = ("-" if row[key] is None else f"{row[key]:.1%}" for key in ("copied", "blanks_filled"))
            self.accuracy = f"copied {copied}, blanks {filled}"
        if "example" in row:
            example = f"step {row['step']:,}  {row['example']}"
            if self.is_terminal:
                self.stream.write(CLEARED)
                example = shortened(example, width_of(self.stream) - 1)
            self.stream.write(example + "\n")
        step, now = row["step"], self.now()
        is_last = step == self.steps
        if self.is_terminal:
            if now - self.shown_at > 0.1 or is_last:
                self.shown_at = now
                self.stream.write(f"{CLEARED}{self._line(row, now)}" + "\n" * is_last)
        elif step % self.every == 0 or is_last:
            self.stream.write(self._line(row, now) + "\n")
        self.stream.flush()

    def _line(self, row: dict[str, Any], now: float) -> str:
        step, loss = f"step {row['step']:,}/{self.steps:,}", f"loss {row['loss']:.3f}"
        speed = f"{row['tokens_per_second']:,} tokens/s"
        seconds = (now - self.started) / (row["step"] - self.first) * (self.steps - row["step"])
        left, score = f"{clock(seconds)} left", self.accuracy
        held_out = f"held-out: {score}" if score else ""
        full = (step, loss, speed, left, held_out)
        if not self.is_terminal:
            return _joined(full)
        for parts in (full, (step, loss, left, held_out), (step, loss, left, score), (step, loss, score)):
            if len(line := _joined(parts)) < width_of(self.stream):  # one less: the cursor needs a place
                return line
        return shortened(_joined((step, loss)), width_of(self.stream) - 1)


def _joined(parts: tuple[str, ...]) -> str:
    return "  ".join(filter(None, parts))


class Count(_Line):
    """Shows how many of something are done, once that takes long, and leaves nothing of it on a terminal.

    Args:
        total: how many there are
        what: their name
        stream: where to
        patience: seconds before anything is shown
        now: the clock
    """

    def __init__(
        self, total: int, what: str, stream: TextIO, patience: float = 2.0, now: Seconds = time.monotonic
    ) -> None:
        super().__init__(stream, now)
        self.total, self.what, self.patience, self.twentieths = total, what, patience, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def show(self, done: int) -> None:
        """Show that so many are done, which is at least one."""
        seconds, twentieths = self.now() - self.started, 20 * done // self.total
        if seconds < self.patience:
            return
        line = f"{done:,}/{self.total:,} {self.what}  {clock(seconds / done * (self.total - done))} left"
        if self.is_terminal:
            self.stream.write(CLEARED + line)
        elif twentieths > self.twentieths:
            self.stream.write(line + "\n")
        self.twentieths = twentieths
        self.stream.flush()


def clock(seconds: float) -> str:
    """Minutes and seconds.

    >>> clock(75.2)
    '1:15'
    """
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
