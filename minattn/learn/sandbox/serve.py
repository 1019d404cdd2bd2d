"""The process in which a learner's code runs: it takes requests on standard input, and answers on standard output.

Both are moved out of the way first: what the learner's code prints goes where its errors go. Before it reads anything
of a submission it sets itself limits, which it cannot raise again.
"""

import contextlib
import faulthandler
import math
import os
import select
import signal
import sys
import threading
from typing import IO

from .learner_file import LearnerFile
from .messages import encode, reader, receive

BASE = 256 << 20
"""Bytes of addresses that Python and NumPy take by themselves; 100 MB on Linux, before the first product."""

MOST_FILE, MOST_OPEN, MOST_PROCESSES = 1 << 20, 48, 64
"""The most bytes of a file, open files, and processes of this user where the wall does not forbid new ones."""


def limit_resources(seconds: float, megabytes: int, processes: bool) -> None:
    """Hold this process to a processor time and to so much more memory than it has, where the system can.

    processes: whether to limit their number, too: inside a wall, where the user has no others
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: MOST_FILE,
        resource.RLIMIT_NOFILE: MOST_OPEN,
        resource.RLIMIT_AS: BASE + (megabytes << 20),
    }
    if processes:
        limits[resource.RLIMIT_NPROC] = MOST_PROCESSES
    for which, most in limits.items():
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(which, (most, most))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(seconds) + 1, math.ceil(seconds) + 3))


def main() -> None:
    """Take the limits, then answer every request until the connection ends. Does not return."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(2, 1)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    read, learner_file = reader(requests), LearnerFile()
    try:
        limits = receive(read)
        limit_resources(limits["seconds"], limits["megabytes"], limits["processes"])
        if hasattr(signal, "SIGXCPU"):  # says which line it is at, before it ends
            faulthandler.register(signal.SIGXCPU, answers, all_threads=False, chain=True)
        if hasattr(select, "poll"):
            threading.Thread(target=_end_with_the_other, args=(requests,), daemon=True).start()
        while True:
            request = receive(read)
            # the same for one that waits: from a thread of C, whatever the learner's code does
            faulthandler.dump_traceback_later(request.pop("seconds"), exit=True, file=answers)
            answer = encode(learner_file.answer(request))
            faulthandler.cancel_dump_traceback_later()
            if "call" in request:  # it is called many times: what it prints is kept once
                os.dup2(nowhere, 1)
                os.dup2(nowhere, 2)
            while answer:
                answer = answer[os.write(answers, answer) :]
    finally:  # the connection ended; not held up by threads and exit handlers, and without a traceback of ours
        os._exit(0)


def _end_with_the_other(requests: IO[bytes]) -> None:
    """End when the process that checks is gone, also from an endless loop."""
    gone = select.poll()
    with contextlib.suppress(OSError, ValueError):
        gone.register(requests.fileno(), 0)  # nothing but its end
        gone.poll()
        os._exit(0)
