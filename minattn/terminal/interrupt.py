"""Ctrl-C between two steps instead of in the middle of one."""

import contextlib
import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any


class Interrupt:
    """Inside `with Interrupt() as interrupt:` the first Ctrl-C (or SIGTERM) only sets `interrupt.requested`.

    The second one interrupts at once. A signal that was ignored stays so. Outside the main thread it does nothing:
    signals go to the main thread only.

    acknowledge: called at the first one, to say that it came; it may print
    """

    def __init__(self, acknowledge: Callable[[], None] = lambda: None) -> None:
        self.requested = False
        self._acknowledge = acknowledge
        self._before: dict[int, Any] = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        # The signal may have come in the middle of another print to the same place, and that place may be gone.
        with contextlib.suppress(RuntimeError, OSError):
            self._acknowledge()

    def __enter__(self) -> "Interrupt":
        for number in (signal.SIGINT, signal.SIGTERM):
            before = signal.getsignal(number)
            if before in (signal.SIG_IGN, None):  # as for a job in the background of a script; None: not Python's
                continue
            try:
                signal.signal(number, self._note)
            except ValueError:
                break
            self._before[number] = before
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
