"""Starts a fresh process for every submission, holds it to its limits, and ends it.

There are two ways: behind a wall of the system, or, where there is none or none is asked for, a plain process with
limits. The connection is the same, and so is what is beside the learner's code. A submission never shares a process
with the check, or with another submission.
"""

import contextlib
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import RunError
from .isolated_submission import IsolatedSubmission, Limits
from .wall import INSIDE, MACHINES, open_filter, wall, why_no_wall

DEFAULT_LIMITS = Limits()
BOOTSTRAP = (
    "import sys\nplaces = sys.argv[1:]\nsys.path = [*places, *sys.path]\n"
    "from sandbox.serve import main\nsys.path = sys.path[len(places):]\nmain()"
)
"""Finds NumPy and `sandbox`, and then forgets where they were found: minattn may be beside them."""


class Runner(contextlib.AbstractContextManager["Runner"]):
    """Opens submissions, one at a time: `with Runner() as runner: with runner.open() as submission: …`

    Args:
        limits: what a submission may use
        walled: whether to run them behind a wall of the system, where it has one; `not_isolated` says why it has none
        ahead: whether to start the next process while one is at work, for many checks one after the other
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS, walled: bool = False, ahead: bool = False) -> None:
        self.limits, self.ahead = limits, ahead
        self.not_isolated = why_no_wall() if walled else "no wall was asked for"
        self.running: IsolatedSubmission | None = None
        self.next: IsolatedSubmission | None = None
        self.is_interrupted = False

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process that waits for the next submission."""
        waiting, self.next = self.next, None
        if waiting is not None:
            waiting.end()

    def interrupt(self) -> None:
        """End the submission that is running, from another thread, and those that follow: their answers do not come."""
        self.is_interrupted = True
        if (running := self.running) is not None:
            running.kill()

    @contextlib.contextmanager
    def open(self) -> Iterator[IsolatedSubmission]:
        """Start a process that can load a file, and end it afterwards, whatever it does. Raises RunError."""
        process, self.next = self.next or self._start(), None
        self.running = process
        try:
            if self.is_interrupted:
                self.interrupt()
            elif self.ahead:
                self.next = self._start()
            yield process
        finally:
            self.running = None
            process.end()

    def _start(self) -> IsolatedSubmission:
        with contextlib.ExitStack() as files:
            options: dict[str, Any] = {}
            if self.not_isolated:
                command, places = [sys.executable, "-I", "-S"], [Path(__file__).parent, Path(np.__file__).parents[1]]
                keep = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "LANG", "LC_ALL")
                threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
                options["env"] = {name: os.environ[name] for name in keep if name in os.environ} | threads
                options["cwd"] = tempfile.gettempdir()
            else:
                program = files.enter_context(open_filter())
                command, places = wall(program.fileno()), [Path(INSIDE)]
                options["pass_fds"] = (program.fileno(),)
            try:
                process = subprocess.Popen(
                    [*command, "-c", BOOTSTRAP, *map(str, places)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    start_new_session=True,  # Ctrl-C is for this process alone, which then ends the others
                    creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the same on Windows
                    **options,
                )
            except OSError as error:
                raise RunError(f"no process for the check could be started: {error.strerror or error}") from error
        limits_processes = not self.not_isolated and platform.machine() not in MACHINES
        return IsolatedSubmission(process, self.limits, not self.not_isolated, limits_processes)
