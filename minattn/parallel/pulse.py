"""How ranks of MPI know that the others are there: they all start within some time, and then give signs of life."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

BEAT, SILENCE = 1.0, 15.0
"""Seconds between two signs of life that a rank gives, and without any, after which it counts as lost."""

START_SECONDS = int(wanted) if (wanted := os.environ.get("MINATTN_MPI_START", "")).isdigit() else 25
"""Seconds that a rank waits for the others to start, unless the environment says another number."""


@contextlib.contextmanager
def start_within(seconds: int, rank: int, size: int) -> Iterator[None]:
    """Start MPI inside this `with`: if it takes longer, because a rank ended or was stopped, this process is killed.

    MPI waits for all ranks inside its own code, where no Python runs: a process beside this one does it, and says why.
    """
    if size == 1 or not hasattr(os, "fork"):
        yield
        return
    begun, tell = os.pipe()
    watched = os.getpid()
    watcher = os.fork()
    if watcher == 0:
        os.close(tell)
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
        # those behind wait a little longer, so that one speaks for all
        if not select.select([begun], [], [], seconds + min(rank, 8) / 4)[0]:
            said = f"minattn: not all {size} ranks started within {seconds} seconds; MINATTN_MPI_START=120 waits longer"
            os.write(2, f"{said}\n".encode())
            time.sleep(0.2)
            with contextlib.suppress(ProcessLookupError):
                os.kill(watched, signal.SIGKILL)
        os._exit(0)
    os.close(begun)
    try:
        yield
    finally:
        os.close(tell)
        os.waitpid(watcher, 0)


class Pulse(threading.Thread):
    """Gives signs of life to the next rank, and looks for those of the rank before; without any it ends the job."""

    def __init__(self, mpi: Any, abort: Callable[[int], None]) -> None:
        """mpi: mpi4py's MPI; abort: ends the job with an exit code."""
        super().__init__(name="pulse", daemon=True)
        self._mpi, self._abort, self._comm, self._ended = mpi, abort, mpi.COMM_WORLD.Dup(), threading.Event()

    def run(self) -> None:
        """Until `stop`."""
        comm, byte, nothing = self._comm, self._mpi.BYTE, bytearray(1)
        before, after = (comm.rank - 1) % comm.size, (comm.rank + 1) % comm.size
        heard = slept = time.monotonic()
        sent: list[Any] = []
        while not self._ended.wait(BEAT):
            now = time.monotonic()
            if now - slept > 3 * BEAT:  # this rank was stopped itself, as by Ctrl-Z: it cannot tell of others
                heard = now
            sent = [request for request in sent if not request.Test()]
            sent.append(comm.Isend([bytearray(1), byte], after))
            while comm.Iprobe(before):
                comm.Recv([nothing, byte], before)
                heard = now
            slept = time.monotonic()
            if now - heard > SILENCE and not self._ended.is_set():
                lost = f"rank {before} has not answered for {SILENCE:.0f} seconds, and the training ends"
                print(f"minattn: {lost}; go on from what was saved with --resume", file=sys.stderr, flush=True)
                self._abort(1)

    def stop(self) -> None:
        """Look no longer."""
        self._ended.set()
        self.join()
