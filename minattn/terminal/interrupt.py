"""Ctrl-C: while the program is being loaded, and between two steps of its work instead of in the middle of one."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, NoReturn


class Interrupt:
    """Inside `with Interrupt() as interrupt:` the first Ctrl-C (or SIGTERM) only sets `interrupt.requested`.

    The second one interrupts at once. A signal that was ignored stays so. Outside the main thread it does nothing:
    signals go to the main thread only.

    Args:
        acknowledge: called at the first one, to say that it came; it may print
    """

    def __init__(self, acknowledge: Callable[[], None] = lambda: None) -> None:
        self.requested = False
        self._acknowledge = acknowledge
        self._before: dict[int, Any] = {}

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        # The signal may have come in the middle of another print to the same place, and that place may be gone.
        with contextlib.suppress(RuntimeError, OSError):
            self._acknowledge()

    def __enter__(self) -> Interrupt:
        for number in (signal.SIGINT, signal.SIGTERM):
            before = signal.getsignal(number)
            if before in (signal.SIG_IGN, None):  # as for a job in the background of a script; None: not Python's
                continue
            try:
                signal.signal(number, self._handle)
            except ValueError:
                break
            self._before[number] = before
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


def quiet_while_loading() -> None:
    """Let Ctrl-C end the command `minattn` in one line while it is still importing; nothing in any other program.

    Outside a function of ours there is no `try` that could catch it. `loaded` gives Ctrl-C its usual meaning back.
    """
    is_module = any(sys.orig_argv[i : i + 2] == ["-m", "minattn"] for i in range(1, len(sys.orig_argv)))
    is_script = os.path.basename(sys.argv[0] if sys.argv else "") in ("minattn", "minattn.exe")
    if (is_module or is_script) and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def loaded() -> None:
    """From now on Ctrl-C raises KeyboardInterrupt again."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    # no exception: half-loaded C extensions would turn it into another one
    with contextlib.suppress(OSError):
        os.write(2, b"minattn: interrupted\n")
    os._exit(130)
