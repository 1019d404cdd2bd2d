"""Signals that ask a program to end: Ctrl-C, SIGTERM, and SIGHUP, which a closed terminal sends.

Without what is here, Ctrl-C ends the command `minattn` in one line, and the other two end it without a word. Work that
has something to bring to its end asks otherwise: `stoppable` raises an exception, which cleans up on its way;
`Interrupt` only notes the signal, for work that stops between two steps.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Self

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

CAN_ASK_AGAIN = hasattr(signal, "setitimer")  # not on Windows

LOCKING = ("threading.py", os.path.join("futures", "thread.py"), os.path.join("futures", "_base.py"))
"""Files of the standard library that take locks in Python code, where another thread would wait for them."""


class Stopped(KeyboardInterrupt):
    """A signal asked the program to end; `code` is the exit code that a shell expects then.

    Args:
        number: of the signal
        more: what there is to say of the work that it ended
    """

    def __init__(self, number: int = signal.SIGINT, more: str = "") -> None:
        super().__init__(("interrupted" if number == signal.SIGINT else "terminated") + more)
        self.number, self.code = number, 128 + number


class Interrupt:
    """Inside `with Interrupt() as interrupt:` the first signal only sets `interrupt.requested` to its number.

    After it another Ctrl-C does what it did before the `with`; the other signals, of which closing a terminal or ending
    a group of processes may send several, do nothing more. A signal that was ignored stays so. Outside the main thread
    it does nothing: signals go to the main thread only.

    Args:
        acknowledge: called at the first one, to say that it came; it may print
    """

    def __init__(self, acknowledge: Callable[[], object] = lambda: None) -> None:
        self.requested = 0
        self._acknowledge = acknowledge
        self._before: dict[int, Any] = {}

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self.requested:
            self.requested = number
            # The signal may have come in the middle of another print to the same place, and that place may be gone.
            with contextlib.suppress(RuntimeError, OSError):
                self._acknowledge()
        elif number == signal.SIGINT:
            before = self._before[number]
            (before if callable(before) else signal.default_int_handler)(number, frame)

    def __enter__(self) -> Self:
        try:
            for number in SIGNALS:
                before = signal.getsignal(number)
                if before not in (signal.SIG_IGN, None):  # as for a job in the background; None: not Python's
                    self._before[number] = before
                    signal.signal(number, self._handle)
        except ValueError:
            self._before.clear()
        except KeyboardInterrupt:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Inside this `with` the first signal raises Stopped, and another Ctrl-C does what it did before.

    It is raised a moment later where Python may just hold a lock, which would stay taken. What else is raised once the
    signal has come is taken for its consequence: the import of a C extension, for one, turns the exception into
    another.
    """

    def stop() -> None:
        number = interrupt.requested
        if CAN_ASK_AGAIN and sys._getframe(2).f_code.co_filename.endswith(LOCKING):  # what the signal interrupted
            ask_again(number)
        else:
            raise Stopped(number)

    def ask_again(number: int) -> None:
        interrupt.requested = 0
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), number))
        signal.setitimer(signal.ITIMER_REAL, 0.01)

    def unraisable(unraised: Any) -> None:
        if CAN_ASK_AGAIN and isinstance(unraised.exc_value, Stopped):  # it was lost in a callback or in `__del__`
            ask_again(unraised.exc_value.number)
        else:
            sys.__unraisablehook__(unraised)

    before, sys.unraisablehook = sys.unraisablehook, unraisable
    try:
        with Interrupt(stop) as interrupt:
            yield
    except Exception as error:
        if interrupt.requested:
            raise Stopped(interrupt.requested) from error
        raise
    finally:
        sys.unraisablehook = before
