"""Several processes at once, for work whose Python would keep threads waiting for each other."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import RunError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

LOOK_SECONDS = 1e-3
"""Seconds for which a process looks for a message by itself: more than there are between two parts of a step."""


def can_fork() -> bool:
    """Whether copies of this process can be made and compute: Windows has none, on macOS BLAS hangs in them."""
    return sys.platform == "linux"


class Processes:
    """Inside `with Processes(count, target) as processes:` so many copies of this process work on `target` at once.

    A copy has all that there was when it was made, and does not see what is changed later, but in shared arrays. It
    ends with the `with`, and when this process is gone, and at no signal but SIGKILL: a signal that asks a whole group
    of processes to end is for this process to obey, in its own time.
    """

    def __init__(self, count: int, target: object, stopped_seconds: int = 15, exit_seconds: float = 5.0) -> None:
        """A copy may be stopped, as by SIGSTOP, for so long while it should compute; told to end, it has so long."""
        if count < 1:
            raise ValueError(f"Processes: count must be at least 1, got {count}")
        self.count, self._target = count, target
        self._stopped_seconds, self._exit_seconds = stopped_seconds, exit_seconds
        self._copies: list[tuple[int, Connection]] = []

    def __enter__(self) -> Processes:
        # for as long as copies are made, and in these for ever
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
        try:
            for rank in range(1, self.count):
                self._start(rank)
        except OSError as error:
            self.__exit__()
            raise RunError(
                f"no process could be started to share the work: {error.strerror}; use fewer threads"
            ) from None
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return self

    def _start(self, rank: int) -> None:
        from multiprocessing.connection import Pipe

        here, there = Pipe()
        _flush()  # or the copy would have what is still to be printed
        with warnings.catch_warnings():
            # Python 3.12 warns of threads that run here: the copy does not have them, and needs none
            warnings.simplefilter("ignore", DeprecationWarning)
            number = os.fork()
        if number == 0:
            self._serve(rank, there, here)
        there.close()
        self._copies.append((number, here))

    def __exit__(self, *error: object) -> None:
        for _, connection in self._copies:
            with contextlib.suppress(OSError):
                connection.send(None)  # its end may be open in processes that others have forked meanwhile
            connection.close()
        deadline = time.monotonic() + self._exit_seconds
        for number, _ in self._copies:
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(number, os.WNOHANG) == (0, 0):
                    if time.monotonic() > deadline:  # it may have been stopped
                        os.kill(number, signal.SIGKILL)
                        os.waitpid(number, 0)
                        break
                    time.sleep(1e-3)
        self._copies.clear()

    def map(self, method: str, parts: Sequence[tuple[Any, ...]]) -> list[Any]:
        """target.method(rank, *part) for each of at most `count` parts, in their order; rank 0 is this process.

        Raises what the first part that failed raised, when all have ended, and RunError where a copy was killed, or
        stopped.
        """
        if len(parts) > len(self._copies) + 1:
            raise RuntimeError(f"Processes: {len(parts)} parts for {len(self._copies) + 1} processes")
        others = self._copies[: max(len(parts) - 1, 0)]
        for (_, connection), part in zip(others, parts[1:], strict=True):
            with contextlib.suppress(OSError):  # it was killed, which its answer will tell
                connection.send((method, part))
        try:
            results = [getattr(self._target, method)(0, *parts[0])] if parts else []
        finally:
            answers = [_receive(number, connection, self._stopped_seconds) for number, connection in others]
        for has_failed, answer in answers:
            if has_failed:
                raise answer
        return results + [answer for _, answer in answers]

    def _serve(self, rank: int, connection: Connection, other_end: Connection) -> NoReturn:
        """What a copy does until this process sends None, or is gone; then it ends without a word."""
        try:
            for end in (other_end, *(earlier for _, earlier in self._copies)):
                end.close()
            _await(connection)
            while request := connection.recv():
                method, part = request
                try:
                    answer = False, getattr(self._target, method)(rank, *part)
                except Exception as error:
                    answer = True, error
                connection.send(answer)
                _await(connection)
        finally:
            _flush()
            os._exit(0)


def _is_stopped(number: int) -> bool:
    """Whether a process is stopped, as by SIGSTOP."""
    try:
        with open(f"/proc/{number}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] == "T"
    except (OSError, IndexError):
        return False


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, gone or never there
            stream.flush()


def _await(connection: Connection) -> None:
    """Look for a message for a while before the system is asked to wake this process for it, which takes longer."""
    messages, deadline = select.poll(), time.perf_counter() + LOOK_SECONDS
    messages.register(connection, select.POLLIN)
    while not messages.poll(0) and time.perf_counter() < deadline:
        os.sched_yield()


def _receive(number: int, connection: Connection, stopped_seconds: int) -> tuple[bool, Any]:
    """The answer of a copy, whether it failed and what came of it; a copy that is stopped does not hold us up for ever.

    Seconds count in which this process runs: Ctrl-Z stops both.
    """
    _await(connection)
    stopped = 0
    try:
        while not connection.poll(1.0):
            stopped = stopped + 1 if _is_stopped(number) else 0
            if stopped >= stopped_seconds:
                os.kill(number, signal.SIGKILL)
                said = f"a process that shared the work was stopped, and did not go on for {stopped_seconds} seconds"
                return True, RunError(said)
        answer: tuple[bool, Any] = connection.recv()
        return answer
    except (EOFError, OSError):
        return True, RunError(
            "a process that shared the work was killed, perhaps for want of memory; use fewer threads"
        )
