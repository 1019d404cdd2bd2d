"""A submission in a process of its own: its requests and their time limit, how it ended, and what it printed."""

import contextlib
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time
from typing import Any, NamedTuple

from .sandbox.messages import encode, reader, receive
from .submission import Submission
from .verdict import CannotCheck

STARTUP_SECONDS = 20.0
"""Seconds in which Python itself must have started, or ended."""


class Limits(NamedTuple):
    """What a submission may use.

    Args:
        seconds: the time until it has answered all
        megabytes: memory beyond that of Python and NumPy
        printed: how many bytes are kept of what it prints
    """

    seconds: float = 5.0
    megabytes: int = 512
    printed: int = 4000


class ForkedProcess:
    """A process that a waiting one has forked, which tells its status through `control`; it is used as a Popen is."""

    def __init__(self, pid: int, control: socket.socket) -> None:
        self.pid, self.control = pid, control

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End it."""
        os.kill(self.pid, signal.SIGKILL)

    def wait(self, seconds: float) -> int:
        """Return how it ended, as a Popen does. Raises TimeoutExpired."""
        self.control.settimeout(seconds)
        try:
            return os.waitstatus_to_exitcode(struct.unpack("<q", reader(self.control)(8))[0])
        except (EOFError, OSError) as error:
            raise subprocess.TimeoutExpired("fork", seconds) from error
        finally:
            self.control.settimeout(STARTUP_SECONDS)


class IsolatedSubmission(Submission):
    """A submission in a process of its own."""

    def __init__(
        self, process: subprocess.Popen[bytes] | ForkedProcess, connection: socket.socket, output: int, limits: Limits
    ) -> None:
        super().__init__()
        self.process, self.connection, self.limits, self.left = process, connection, limits, limits.seconds
        self.output = PrintedOutput(output, limits.printed)
        self.status: int | None = None
        """How it ended: an exit code, or minus the signal; None while it runs."""

    def send(self, request: dict[str, Any]) -> None:
        """Send a request, without waiting for an answer."""
        self.connection.settimeout(max(self.left, 0.001))
        self.connection.sendall(encode(request))

    def ask(self, request: dict[str, Any]) -> Any:
        """Send a request and wait for the answer, as long as there is time left."""
        deadline = time.monotonic() + self.left
        try:
            self.send(request)
            answer = receive(reader(self.connection, deadline))
        except TimeoutError:
            raise self._too_long() from None
        except ValueError:
            raise self._no_answer() from None
        except (EOFError, OSError):
            raise self._gone() from None
        self.left = deadline - time.monotonic()
        return answer

    def _too_long(self) -> CannotCheck:
        """Ask a process that takes too long which line it is at."""
        said = b""
        with contextlib.suppress(OSError, AttributeError):
            self.process.send_signal(signal.SIGUSR1)
            self.connection.settimeout(0.3)
            while len(said) < 1 << 16 and (part := self.connection.recv(1 << 12)):
                said += part
        where = re.search(rb'File "' + re.escape(self.path.encode()) + rb'", line (\d+) in (\w+)', said)
        place = f"{self.path}, line {int(where[1])}, in {where[2].decode()}" if where else self.path
        return CannotCheck("time", f"{place}: not done after {self.limits.seconds:g} s; is there a loop without end?")

    def _gone(self) -> CannotCheck:
        self.wait(0.5)
        status = self.status
        if status is None:
            return CannotCheck("crash", f"{self.path} cut the connection to the check")
        if status >= 0:
            return CannotCheck("crash", f"{self.path} ended its process (exit code {status}) before it answered")
        if -status == getattr(signal, "SIGXCPU", 0):
            return CannotCheck("time", f"{self.path}: not done after {self.limits.seconds:g} s of computing")
        names = {number.value: number.name for number in signal.Signals}
        return CannotCheck("crash", f"{self.path} made Python itself crash ({names.get(-status, f'signal {-status}')})")

    def end(self) -> None:
        """End the process, and take what it printed."""
        self.connection.close()
        if self.status is None:
            self.kill()
            self.wait(STARTUP_SECONDS)
        self.printed = self.output.finish()

    def kill(self) -> None:
        """End the process, if it has not ended."""
        with contextlib.suppress(OSError):
            self.process.kill()

    def wait(self, seconds: float) -> None:
        """Wait for its end at most so long, and note the status."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.status = self.process.wait(seconds)


class PrintedOutput:
    """Takes all that a process prints, and keeps the beginning."""

    def __init__(self, descriptor: int, most: int) -> None:
        self.descriptor, self.most, self.kept, self.size, self.lines = descriptor, most, b"", 0, 0
        self.thread = threading.Thread(target=self._take, daemon=True)
        self.thread.start()

    def _take(self) -> None:
        with contextlib.suppress(OSError):
            while part := os.read(self.descriptor, 1 << 16):
                self.kept += part[: self.most - len(self.kept)]
                self.size += len(part)
                self.lines += part.count(b"\n")
        os.close(self.descriptor)

    def finish(self) -> str:
        """Return the text, when the process has ended."""
        self.thread.join(1.0)
        text = self.kept.decode("utf-8", "replace")
        return text if self.size <= len(self.kept) else f"{text}\n… ({self.lines:,} lines in all)"
