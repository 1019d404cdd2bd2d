"""Ranks of MPI: processes that `mpiexec` has started, on one machine or on several. Rank 0 asks, the others answer.

MPI is imported here alone, and only where it is asked for.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from ..backend import Array
from ..errors import InputError, RunError
from .pulse import START_SECONDS, Pulse, start_within
from .wire import pack, unpack

ASKED, ANSWERED, FAILED, SIGNALLED = range(1, 5)
"""What a message is."""

LOOK_SECONDS, NAP, LONGEST_NAP = 2e-3, 1e-4, 1e-2
"""How long a rank looks for a message by itself before it sleeps between two looks, and how long it sleeps then.

The longer it has waited the longer it sleeps, a twentieth of that: a rank without work costs the others nothing.
"""

GRACE = 3.0
"""Seconds that ranks have to say goodbye in."""

PASSING_ON = 0.5
"""Seconds that the launcher has to read what was said in: when a job is ended it leaves unread what it has not."""

MOST_CORES = 1 << 14
"""More than a machine has."""

LAUNCHERS = (("PMI_RANK", "PMI_SIZE"), ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"))
"""Environment variables in which launchers tell a process its rank, and how many there are: MPICH's and Open MPI's."""

Builder = Callable[[Any, "Ranks"], AbstractContextManager[Any]]
"""Makes what works for rank 0, of the description that rank 0 gives."""


def launched() -> tuple[int, int]:
    """The rank of this process and how many there are, as the launcher tells it; (0, 1) without one."""
    for rank, size in LAUNCHERS:
        if os.environ.get(rank, "").isdigit() and os.environ.get(size, "").isdigit():
            return int(os.environ[rank]), int(os.environ[size])
    return 0, 1


class Ranks:
    """All processes of an MPI job. Rank 0 calls a method of what every rank has, and gets what all of them answer.

    A rank that raises tells rank 0, which raises it; where a rank is killed or stops answering, the job ends.

    Raises:
        InputError: there is no MPI, or no mpi4py
    """

    def __init__(self) -> None:
        # the job's end is told in one sentence, by us
        os.environ.setdefault("MPIR_CVAR_SUPPRESS_ABORT_MESSAGE", "1")
        try:
            with start_within(START_SECONDS, *launched()):
                from mpi4py import MPI
        except (ImportError, RuntimeError) as error:
            raise InputError(
                f"--mpi needs mpi4py and an MPI, but {error}; pip install 'minattn[mpi]' brings both"
            ) from None
        self.mpi, world = MPI, MPI.COMM_WORLD
        self.rank, self.size = world.rank, world.size
        self.messages, self.arrays = world.Dup(), world.Dup()
        local = world.Split_type(MPI.COMM_TYPE_SHARED)
        cores = np.zeros(MOST_CORES, np.uint8)
        cores[[*os.sched_getaffinity(0)] if hasattr(os, "sched_getaffinity") else slice(os.cpu_count())] = 1
        local.Allreduce(MPI.IN_PLACE, cores, MPI.MAX)  # a launcher may have given each rank its own
        self.threads_here = max(int(cores.sum()) // local.size, 1)
        local.Free()
        self._pulse = Pulse(MPI, self.abort) if self.size > 1 and MPI.Query_thread() == MPI.THREAD_MULTIPLE else None
        if self._pulse:
            self._pulse.start()

    # --- rank 0

    def ask(self, target: Any, method: str, parts: Sequence[tuple[Any, ...]]) -> list[Any]:
        """method(*part) of what each of as many ranks as there are parts has; of `target` here.

        Raises what a rank raised, whichever told it first.
        """
        packed: dict[int, bytes] = {}  # many ranks often get the same
        sent = []
        for other, part in enumerate(parts[1:], start=1):
            if id(part) not in packed:
                packed[id(part)] = pack([method, part])
            sent.append(self._send(packed[id(part)], other, ASKED))
        own = getattr(target, method)(*parts[0])
        answers = [unpack(self._receive(other, ANSWERED)) for other in range(1, len(parts))]
        self.wait(sent)
        return [own, *answers]

    def end(self, code: int) -> None:
        """End the job: every rank exits with this code; one that is not ready for it is ended."""
        if self.size > 1 and self.rank == 0:
            farewell = pack(["end", [code]])
            sent = [self._send(farewell, other, ASKED) for other in range(1, self.size)]
            deadline, left = time.monotonic() + GRACE, {*range(1, self.size)}
            while left and time.monotonic() < deadline:
                for other in [*left]:
                    # answers to what was asked before may still lie there
                    while (data := self._find(other, self.mpi.ANY_TAG)) is not None:
                        if unpack(data) == "ended":
                            left.discard(other)
                time.sleep(NAP)
            if left or not self.mpi.Request.Testall(sent):
                self.abort(code)
        if self._pulse:
            self._pulse.stop()

    def abort(self, code: int) -> None:
        """End all ranks at once, whatever they do, and without what MPI would say of it."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        time.sleep(PASSING_ON)
        if hasattr(signal, "alarm"):
            signal.alarm(int(GRACE))
        self.mpi.COMM_WORLD.Abort(code or 1)
        os._exit(code or 1)  # the launcher cannot be reached, and MPI leaves it at that, or waits until the alarm

    # --- the other ranks

    def follow(self, build: Builder) -> int:
        """Do what rank 0 asks for until it ends the job; returns its exit code.

        Signals are for rank 0 to obey: it is told of those that come here.
        """
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # every launcher gives Ctrl-C to rank 0 too
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, _: self._send(pack(int(number)), 0, SIGNALLED))
        with contextlib.ExitStack() as stack:
            target: Any = None
            while True:
                method, arguments = unpack(self._receive(0, ASKED))
                if method == "end":
                    break
                try:
                    if method == "begin":
                        stack.close()
                        target = stack.enter_context(build(arguments[0], self))
                        answer = None
                    else:
                        answer = getattr(target, method)(*arguments)
                except Exception as error:
                    self._send(pack([self._place(), type(error).__name__, str(error)]), 0, FAILED)
                else:
                    self._send(pack(answer), 0, ANSWERED)
        self.wait([self._send(pack("ended"), 0, ANSWERED)])
        if self._pulse:
            self._pulse.stop()
        return int(arguments[0])

    def _place(self) -> str:
        return f"rank {self.rank} on {self.mpi.Get_processor_name()}"

    # --- arrays

    def exchange(self, sending: Sequence[tuple[int, int, Array]], receiving: Sequence[tuple[int, int, Array]]) -> None:
        """Send stretches of bytes to other ranks, and receive theirs: (rank, number of the message, memory) each."""
        requests = [self.arrays.Irecv([memory, self.mpi.BYTE], other, tag) for other, tag, memory in receiving]
        requests += [self.arrays.Isend([memory, self.mpi.BYTE], other, tag) for other, tag, memory in sending]
        self.wait(requests)

    def wait(self, requests: list[Any]) -> None:
        """Until what was begun is done; rank 0 hears meanwhile of a rank that failed."""
        look_until = time.perf_counter() + LOOK_SECONDS
        while not self.mpi.Request.Testall(requests):
            self._rest(look_until)

    # --- messages

    def _send(self, data: bytes, to: int, kind: int) -> Any:
        return self.messages.Isend([np.frombuffer(data, np.uint8), self.mpi.BYTE], to, kind)

    def _receive(self, sender: int, kind: int) -> bytes:
        look_until = time.perf_counter() + LOOK_SECONDS
        while (data := self._find(sender, kind)) is None:
            self._rest(look_until)
        return data

    def _find(self, sender: int, kind: int) -> bytes | None:
        """A message that has come; None where there is none."""
        status = self.mpi.Status()
        message = self.messages.Improbe(sender, kind, status)
        if message is None:
            return None
        data = bytearray(status.Get_count(self.mpi.BYTE))
        message.Recv([data, self.mpi.BYTE])
        return bytes(data)

    def _rest(self, look_until: float) -> None:
        """Between two looks: let others compute, and hear of what went wrong or came up elsewhere."""
        waited = time.perf_counter() - look_until
        if waited < 0:
            os.sched_yield()
            return
        if self.rank == 0:
            self.hear()
        time.sleep(min(max(NAP, waited / 20), LONGEST_NAP))

    def hear(self) -> None:
        """On rank 0: raise what another rank raised, and obey a signal that came to another."""
        if (data := self._find(self.mpi.ANY_SOURCE, SIGNALLED)) is not None:
            os.kill(os.getpid(), unpack(data))
        if (data := self._find(self.mpi.ANY_SOURCE, FAILED)) is not None:
            place, kind, sentence = unpack(data)
            if kind == "FloatingPointError":
                raise FloatingPointError(sentence)
            raise RunError(f"{place} failed: {sentence or kind}")


_joined: list[Ranks] = []


def join() -> Ranks:
    """The ranks of this job; the first call starts MPI. Raises what Ranks raises."""
    if not _joined:
        _joined.append(Ranks())
    return _joined[0]


def joined() -> Ranks | None:
    """The ranks of this job, where it has joined them."""
    return _joined[0] if _joined else None
