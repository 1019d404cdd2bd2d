"""Starts a fresh process for every submission, holds it to its limits, and ends it.

Where the system can fork, a process that has NumPy loaded already waits and forks for each submission; elsewhere each
gets an interpreter of its own. A submission never shares a process with the check, or with another submission.
"""

import contextlib
import os
import secrets
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import RunError
from .isolated_submission import STARTUP_SECONDS, ForkedProcess, IsolatedSubmission, Limits
from .sandbox.messages import reader

CAN_FORK = hasattr(os, "fork") and sys.platform != "darwin"  # Apple's libraries do not work in a fork
DEFAULT_LIMITS = Limits()
BOOTSTRAP = "import sys; sys.path = [sys.argv[1], *sys.path, sys.argv[2]]; from sandbox.serve import main; main()"


class Runner(contextlib.AbstractContextManager["Runner"]):
    """Opens submissions, one at a time: `with Runner() as runner: with runner.open() as submission: …`

    Args:
        limits: what a submission may use
        forks: False starts an interpreter for each, as where the system cannot fork
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS, forks: bool = CAN_FORK) -> None:
        self.limits, self.forks = limits, forks
        self.control: socket.socket | None = None
        self.fork_server: subprocess.Popen[bytes] | None = None
        self.running: IsolatedSubmission | None = None
        self.is_interrupted = False
        if forks:
            self._start_fork_server()

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process that forks."""
        if self.control is not None and self.fork_server is not None:
            self.control.close()
            self.fork_server.kill()
            self.fork_server.wait()

    def interrupt(self) -> None:
        """End the submission that is running, from another thread, and those that follow: their answers do not come."""
        self.is_interrupted = True
        if (running := self.running) is not None:
            running.kill()

    @contextlib.contextmanager
    def open(self) -> Iterator[IsolatedSubmission]:
        """Start a process that can load a file, and end it afterwards, whatever it does. Raises RunError."""
        process = self.running = self._fork() if self.forks else self._spawn()
        try:
            if self.is_interrupted:
                self.interrupt()
            with contextlib.suppress(OSError):  # if it is gone, the first question will tell
                process.send({"seconds": self.limits.seconds, "megabytes": self.limits.megabytes})
            yield process
        finally:
            self.running = None
            process.end()
            if self.forks and process.status is None:  # its status was not told; it may come at the wrong moment
                self._start_fork_server()

    def _start_fork_server(self) -> None:
        self.close()
        ours, theirs = socket.socketpair()
        ours.settimeout(STARTUP_SECONDS)
        self.fork_server = _start_python("fork", theirs.fileno(), pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL)
        theirs.close()
        self.control = ours

    def _fork(self, again: bool = True) -> IsolatedSubmission:
        assert self.control is not None
        ours, theirs = socket.socketpair()
        output, sink = os.pipe()
        try:
            socket.send_fds(self.control, [b"."], [theirs.fileno(), sink])
            (number,) = struct.unpack("<q", reader(self.control)(8))
            return IsolatedSubmission(ForkedProcess(number, self.control), ours, output, self.limits)
        except (EOFError, OSError) as error:  # the process that forks is gone; a submission may have ended it
            ours.close()
            os.close(output)
            self._start_fork_server()
            if again:
                return self._fork(again=False)
            raise RunError(f"no process for the check could be started: {error or 'it ended'}") from error
        finally:
            theirs.close()
            os.close(sink)

    def _spawn(self) -> IsolatedSubmission:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(STARTUP_SECONDS)
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
            python = _start_python("serve", server.getsockname()[1], **pipes)
            assert python.stdin is not None and python.stdout is not None
            key = secrets.token_hex(16).encode()
            python.stdin.write(key + b"\n")
            python.stdin.close()
            try:
                connection, _ = server.accept()
                connection.settimeout(STARTUP_SECONDS)
                if not secrets.compare_digest(reader(connection)(len(key)), key):
                    raise EOFError
            except (EOFError, OSError) as error:
                python.kill()
                raise RunError("no process for the check could be started: it did not call back") from error
        output = os.dup(python.stdout.fileno())
        python.stdout.close()
        return IsolatedSubmission(python, connection, output, self.limits)


def _start_python(mode: str, number: int, **options: Any) -> subprocess.Popen[bytes]:
    """Start an interpreter that finds NumPy and, besides the standard library, only `sandbox`."""
    keep = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "LANG", "LC_ALL")
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    places = str(Path(__file__).parent), str(Path(np.__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, "-I", "-c", BOOTSTRAP, *places, mode, str(number)],
        env={name: os.environ[name] for name in keep if name in os.environ} | threads,
        cwd=tempfile.gettempdir(),
        start_new_session=True,  # Ctrl-C is for this process alone, which then ends the others
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the same on Windows
        **options,
    )
