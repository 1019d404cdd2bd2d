"""Single keys from a terminal, without waiting for Enter."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from typing import Protocol


class Keys(Protocol):
    """Where keys come from."""

    def get(self, seconds: float) -> str | None:
        """The next key; None where none comes in time. Raises EOFError when no more can come."""


@contextlib.contextmanager
def keyboard() -> Iterator[Keys]:
    """The keyboard of this terminal; afterwards the terminal is as it was."""
    try:
        import termios
        import tty
    except ImportError:  # Windows
        yield _Console()
        return
    handle = sys.stdin.fileno()
    before = termios.tcgetattr(handle)
    try:
        tty.setcbreak(handle)
        yield _Terminal(handle)
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)


class _Terminal:
    """Keys from a terminal of Unix."""

    def __init__(self, handle: int) -> None:
        self.handle = handle

    def get(self, seconds: float) -> str | None:
        import select

        if not select.select([self.handle], [], [], seconds)[0]:
            return None
        typed = os.read(self.handle, 64)
        if not typed:
            raise EOFError
        return None if typed.startswith(b"\x1b") else typed.decode("utf-8", "ignore")[:1].lower()  # no arrow keys


class _Console:
    """Keys from the console of Windows."""

    def get(self, seconds: float) -> str | None:
        import msvcrt

        deadline = time.monotonic() + seconds
        while not msvcrt.kbhit():  # type: ignore[attr-defined, unused-ignore]
            if time.monotonic() > deadline:
                return None
            time.sleep(0.02)
        return str(msvcrt.getwch()).lower()  # type: ignore[attr-defined, unused-ignore]
