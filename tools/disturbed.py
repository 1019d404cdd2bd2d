"""Runs a command, sends a signal to one of its processes at some moment, and says what it left. On Linux alone."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ORPHAN_SECONDS, HANGING_SECONDS = 5.0, 120.0
"""The time that a process has to end after the one that started it, and after a signal."""

PR_SET_CHILD_SUBREAPER = 36
MARKS = ("Traceback", "Exception ignored", "Fatal Python error")


@dataclass
class Ending:
    """How a command ended that was disturbed.

    code: its exit code. out, err: what it wrote. sent: the signal, None where it had ended before. to_other: whether
    that went to a process that shares its work. had_begun: whether it had begun to import minattn's rooms by then.
    faults: what is not as it should be
    """

    code: int
    out: str
    err: str
    sent: signal.Signals | None
    to_other: bool = False
    had_begun: bool = True
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        whom = "the other process" if self.to_other else "it"
        told = f"{self.sent.name} to {whom}" if self.sent else "no signal"
        return f"{told}, exit code {self.code}" + "".join(f"; {fault.upper()}" for fault in self.faults)


def prepare() -> None:
    """Let orphans come to this process, and signals that are ignored here be what they are in the commands."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for number in ASKING:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def disturb(
    arguments: Sequence[str],
    folder: Path,
    number: signal.Signals,
    seconds: float,
    to_other: bool = False,
    on_terminal: bool = False,
) -> Ending:
    """Run `minattn` with these arguments, and send it a signal after so many seconds.

    Args:
        folder: where it runs
        to_other: send it to a process that it has started, where there is one
        on_terminal: run it on a terminal, and see that this is given back
    """
    command = [sys.executable, "-m", "minattn", *arguments]
    places = os.pathsep.join((str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")))
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "TERM": "xterm", "PYTHONPATH": places}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, contextlib.ExitStack() as stack:
        terminal = stack.enter_context(_Terminal()) if on_terminal else None
        streams = (terminal.inner,) * 3 if terminal else (subprocess.DEVNULL, out.fileno(), err.fileno())
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=streams[0], stdout=streams[1], stderr=streams[2]
        )
        ending = Ending(0, "", "", None)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            others = children(process.pid) if to_other else []
            ending.to_other, ending.had_begun, ending.sent = bool(others), _has_begun(process.pid), number
            with contextlib.suppress(ProcessLookupError):
                os.kill(others[0] if others else process.pid, number)
        try:
            process.wait(HANGING_SECONDS)
        except subprocess.TimeoutExpired:
            ending.faults.append("hanging")
            process.kill()
            process.wait()
        ending.code = process.returncode
        if terminal is not None:
            ending.out = terminal.finish()
            if number != signal.SIGKILL and not terminal.is_given_back:
                ending.faults.append("terminal")
        for file, name in ((out, "out"), (err, "err")):
            file.seek(0)
            setattr(ending, name, getattr(ending, name) + file.read().decode("utf-8", "replace"))
    ending.faults += ["orphan"] * _orphans() + _said_wrongly(ending)
    return ending


def _said_wrongly(ending: Ending) -> list[str]:
    """What is wrong with the exit code, and with what was written."""
    right = {0}
    if ending.sent is not None and not ending.to_other:
        right |= {-ending.sent, *({128 + ending.sent} if ending.sent in ASKING else ())}
    elif ending.sent is signal.SIGKILL:
        right |= {1}
    has_traceback = any(mark in ending.out + ending.err for mark in MARKS)
    if has_traceback and ending.sent is signal.SIGINT and not ending.had_begun:
        return ["python"]  # which was still starting, or was at the first imports of ours
    faults = ["traceback"] * has_traceback
    faults += ["lines"] * (ending.err.count("\n") > 1)
    return faults + ["code"] * (ending.code not in right)


def children(parent: int) -> list[int]:
    """The processes that a process has started, or that came to it, and that have not ended."""
    found = []
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if entry.isdecimal():
                state, number = Path("/proc", entry, "stat").read_text().rpartition(")")[2].split()[:2]
                if int(number) == parent and state not in "ZX":
                    found.append(int(entry))
    return found


def _orphans() -> int:
    """How many processes are left of a command that has ended; they are ended, too."""
    deadline = time.monotonic() + ORPHAN_SECONDS
    while (left := children(os.getpid())) and time.monotonic() < deadline:
        time.sleep(0.01)
    for number in left:
        os.kill(number, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, 0 if left else os.WNOHANG)[0]:
            pass
    return len(left)


def _has_begun(number: int) -> bool:
    """Whether a process has NumPy loaded, which is imported right after Ctrl-C is taken care of."""
    with contextlib.suppress(OSError):
        return "numpy" in Path(f"/proc/{number}/maps").read_text()
    return False


class _Terminal:
    """A terminal for a command, and what it shows."""

    def __enter__(self) -> _Terminal:
        self.outer, self.inner = os.openpty()
        self.shown = b""
        self.is_given_back = True
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.outer)

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while part := os.read(self.outer, 1 << 16):
                self.shown += part

    def finish(self) -> str:
        """What was shown, once the command has ended."""
        import termios

        self.is_given_back = bool(termios.tcgetattr(self.inner)[3] & termios.ICANON)
        os.close(self.inner)
        self.reader.join()
        return self.shown.decode("utf-8", "replace")
