"""A submission in a process of its own: its requests and their time limit, how it ended, and what it printed."""

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from typing import IO, Any, NamedTuple

from .sandbox.messages import encode, reader, receive
from .submission import Submission
from .verdict import CannotCheck

STARTUP_SECONDS = 60.0
"""Seconds in which Python itself must have started, or ended; on a machine that has much else to do."""

SPARE_SECONDS = 1.0
"""A process ends itself when its time is up, and says where it was; so much later it is ended."""

MOST_PRINTED = 64 << 20
"""Bytes that a process may print; beyond them nobody reads it any more."""


HAS_LIMITS = hasattr(signal, "SIGXCPU")
"""Whether the system limits the time that a process computes; not on Windows."""


class Limits(NamedTuple):
    """What a submission may use.

    Args:
        seconds: the processor time until it has answered all
        megabytes: memory beyond that of Python and NumPy
        printed: how many bytes are kept of what it prints
    """

    seconds: float = 5.0
    megabytes: int = 512
    printed: int = 4000

    @property
    def waiting(self) -> float:
        """The seconds that are waited for it, on a machine that may have much else to do."""
        return 3 * self.seconds + 1 if HAS_LIMITS else self.seconds


class IsolatedSubmission(Submission):
    """A submission in a process of its own.

    is_walled: whether it is behind a wall of the system
    status: how it ended: an exit code, or minus the signal; None while it runs
    """

    def __init__(self, process: subprocess.Popen[bytes], limits: Limits, is_walled: bool, processes: bool) -> None:
        super().__init__()
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        self.process, self.limits, self.left, self.is_walled = process, limits, limits.waiting, is_walled
        self.requests, self.answers = process.stdin, process.stdout
        self.output = PrintedOutput(process.stderr, limits.printed)
        self.status: int | None = None
        self.is_late, self.has_begun = False, False
        with contextlib.suppress(OSError):  # if it is gone, the first question will tell
            self._send({"seconds": limits.seconds, "megabytes": limits.megabytes, "processes": processes})

    def _send(self, request: dict[str, Any]) -> None:
        self.requests.write(encode(request))
        self.requests.flush()

    def ask(self, request: dict[str, Any]) -> Any:
        """Send a request and wait for the answer, as long as there is time left."""
        # that Python starts, and reads a file without running it, is not the learner's time
        seconds = self.left if self.has_begun else STARTUP_SECONDS
        self.has_begun = True
        started = time.monotonic()
        timer = threading.Timer(seconds + SPARE_SECONDS, self._end_late)
        timer.start()
        try:
            self._send(request | {"seconds": max(seconds, 0.001)})
            head = reader(self.answers)(16)
            if head.startswith((b"Timeout (", b"Current thread", b"Stack (most rec")):
                raise self._too_long(head + self.answers.read(1 << 16))
            answer = receive(_with(head, reader(self.answers)))
        except ValueError:
            raise self._no_answer() from None
        except (EOFError, OSError):
            raise self._gone() from None
        finally:
            timer.cancel()
        if "source" not in request:
            self.left -= time.monotonic() - started
        return answer

    def _end_late(self) -> None:
        self.is_late = True
        self.kill()

    def _too_long(self, said: bytes = b"") -> CannotCheck:
        """Say which line a process was at that took too long."""
        where = re.search(rb'File "' + re.escape(self.path.encode()) + rb'", line (\d+) in (\w+)', said)
        place = f"{self.path}, line {int(where[1])}, in {where[2].decode()}" if where else self.path
        return CannotCheck("time", f"{place}: not done after {self.limits.seconds:g} s; is there a loop without end?")

    def _gone(self) -> CannotCheck:
        self.wait(0.5)
        status = self.status
        if self.is_late:
            return self._too_long()
        if status is None:
            return CannotCheck("crash", f"{self.path} cut the connection to the check")
        if self.is_walled and status > 128:  # as a shell says it
            status = 128 - status
        if status >= 0:
            return CannotCheck("crash", f"{self.path} ended its process (exit code {status}) before it answered")
        if -status == getattr(signal, "SIGXCPU", 0):
            return CannotCheck("time", f"{self.path}: not done after {self.limits.seconds:g} s of computing")
        names = {number.value: number.name for number in signal.Signals}
        return CannotCheck("crash", f"{self.path} made Python itself crash ({names.get(-status, f'signal {-status}')})")

    def end(self) -> None:
        """End the process, and take what it printed."""
        self.kill()
        if self.status is None:
            self.wait(STARTUP_SECONDS)
        for stream in (self.requests, self.answers):
            with contextlib.suppress(OSError):
                stream.close()
        self.printed = self.output.finish()

    def kill(self) -> None:
        """End the process, if it has not ended, and those that it may have started."""
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()

    def wait(self, seconds: float) -> None:
        """Wait for its end at most so long, and note the status."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.status = self.process.wait(seconds)


def _with(head: bytes, read: Any) -> Any:
    """A reader whose first bytes have been read already."""
    given = [head]
    return lambda count: given.pop() if given else read(count)


class PrintedOutput:
    """Takes all that a process prints, and keeps the beginning."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self.stream, self.most, self.kept, self.size, self.lines = stream, most, b"", 0, 0
        self.thread = threading.Thread(target=self._take, daemon=True)
        self.thread.start()

    def _take(self) -> None:
        with contextlib.suppress(OSError, ValueError), self.stream:
            while (part := os.read(self.stream.fileno(), 1 << 16)) and self.size < MOST_PRINTED:
                self.kept += part[: self.most - len(self.kept)]
                self.size += len(part)
                self.lines += part.count(b"\n")

    def finish(self) -> str:
        """Return the text, when the process has ended."""
        self.thread.join(1.0)
        text = self.kept.decode("utf-8", "replace")
        return text if self.size <= len(self.kept) else f"{text}\n… ({self.lines:,} lines in all)"
