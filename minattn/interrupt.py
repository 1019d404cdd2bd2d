"""Ctrl-C between two steps instead of in the middle of one."""

import signal
from types import FrameType, TracebackType
from typing import Any


class Interrupt:
    """Inside `with Interrupt() as interrupt:` the first Ctrl-C (or SIGTERM) only sets `interrupt.requested`.

    The second Ctrl-C interrupts at once. Outside the main thread it does nothing: signals go to the main thread only.
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[int, Any] = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True

    def __enter__(self) -> "Interrupt":
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self._before[number] = signal.signal(number, self._note)
            except ValueError:
                break
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
