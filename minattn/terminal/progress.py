"""The line that says how far a work is: it rewrites itself on a terminal, and is one line in twenty elsewhere."""

import sys
import time
from typing import Any, Self, TextIO


class Progress:
    """Shows step, loss, speed and time left.

    steps: the last step. stream: where to; a terminal gets one line that is rewritten at most ten times a second.
    """

    def __init__(self, steps: int, first: int = 0, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout
        self.steps, self.first, self.started = steps, first, time.monotonic()
        self.is_terminal = self.stream.isatty()
        self.shown_at = 0.0
        self.every = max(steps // 20, 1)
        self.accuracy = ""

    def show(self, row: dict[str, Any]) -> None:
        """Show the row of one step."""
        if "copied" in row:
            copied, filled = ("-" if row[key] is None else f"{row[key]:.1%}" for key in ("copied", "blanks_filled"))
            self.accuracy = f"  held-out: copied {copied}, blanks {filled}"
        step, now = row["step"], time.monotonic()
        is_last = step == self.steps
        if self.is_terminal:
            if now - self.shown_at > 0.1 or is_last:
                self.shown_at = now
                self.stream.write(f"\r\x1b[K{self._line(row, now)}" + "\n" * is_last)
        elif step % self.every == 0 or is_last:
            self.stream.write(self._line(row, now) + "\n")
        self.stream.flush()

    def end(self) -> None:
        """Leave the line, where a training ended before its last step."""
        if self.is_terminal:
            self.stream.write("\n")

    def _line(self, row: dict[str, Any], now: float) -> str:
        left = (now - self.started) / (row["step"] - self.first) * (self.steps - row["step"])
        return (
            f"step {row['step']:,}/{self.steps:,}  loss {row['loss']:.3f}  {row['tokens_per_second']:,} tokens/s"
            f"  {clock(left)} left{self.accuracy}"
        )


class Count:
    """Shows how many of something are done, once that takes long, and leaves nothing of it on a terminal.

    total: how many there are. what: their name. stream: where to. patience: seconds before anything is shown
    """

    def __init__(self, total: int, what: str, stream: TextIO, patience: float = 2.0) -> None:
        self.stream, self.total, self.what, self.patience = stream, total, what, patience
        self.started = time.monotonic()
        self.is_terminal = stream.isatty()
        self.twentieths = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_terminal:
            self.stream.write("\r\x1b[K")
            self.stream.flush()

    def show(self, done: int) -> None:
        """Show that so many are done, which is at least one."""
        seconds, twentieths = time.monotonic() - self.started, 20 * done // self.total
        if seconds < self.patience:
            return
        line = f"{done:,}/{self.total:,} {self.what}  {clock(seconds / done * (self.total - done))} left"
        if self.is_terminal:
            self.stream.write(f"\r\x1b[K{line}")
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
