"""Processes share work: results in order, errors to the caller, arrays that all of them see, and no process left."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from minattn.errors import RunError
from minattn.parallel import can_fork
from minattn.parallel.memory import shared_zeros
from minattn.parallel.processes import Processes

pytestmark = pytest.mark.skipif(not can_fork(), reason="processes cannot be forked here")

COUNTS = [1, 2, 3]


class Target:
    """What the processes of these tests work on."""

    def __init__(self):
        self.array = shared_zeros(np.zeros(4))
        self.private = [0]

    def describe(self, rank, x):
        return rank, x, os.getpid()

    def slowest_first(self, rank, x):
        time.sleep(0.02 * (3 - rank))
        return x * x

    def mark(self, rank):
        self.array[rank] = rank + 1
        self.private.append(rank)
        return len(self.private)

    def fail(self, rank, failing):
        time.sleep(0.02 * rank)
        self.array[rank] += 1
        if rank in failing:
            raise KeyError(rank)

    def interrupted(self, rank):
        if rank == 0:
            raise KeyboardInterrupt
        time.sleep(0.05)
        self.array[rank] = 1

    def die(self, rank):
        if rank:
            os.kill(os.getpid(), signal.SIGKILL)

    def pid(self, rank):
        return os.getpid()


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("count", COUNTS)
def test_parts_run_in_processes_of_their_own_the_first_in_this_one(count):
    with Processes(count, Target()) as processes:
        for parts in range(count + 1):
            results = processes.map("describe", [(i * 10,) for i in range(parts)])
            assert [(rank, x) for rank, x, _ in results] == [(i, i * 10) for i in range(parts)]
            pids = [pid for *_, pid in results]
            assert len(set(pids)) == parts and pids[:1] == [os.getpid()][:parts]


def test_results_come_in_the_order_of_the_parts_whoever_ends_first():
    with Processes(3, Target()) as processes:
        assert processes.map("slowest_first", [(1,), (2,), (3,)]) == [1, 4, 9]


def test_shared_arrays_are_one_for_all_and_other_things_are_not():
    target = Target()
    with Processes(3, target) as processes:
        for calls in (2, 3):
            assert processes.map("mark", [()] * 3) == [calls] * 3
    assert target.array.tolist() == [1, 2, 3, 0]
    assert target.private == [0, 0, 0]


@pytest.mark.parametrize("failing", [{0}, {1}, {2}, {0, 1, 2}, {1, 2}], ids=str)
def test_what_the_first_failing_part_raised_reaches_the_caller_when_all_have_ended(failing):
    target = Target()
    with Processes(3, target) as processes:
        for times in (1, 2):
            with pytest.raises(KeyError) as raised:
                processes.map("fail", [(failing,)] * 3)
            assert raised.value.args == (min(failing),)
            assert target.array.tolist() == [times, times, times, 0]
        assert processes.map("slowest_first", [(1,), (2,), (3,)]) == [1, 4, 9]


def test_an_interruption_of_this_process_waits_for_the_others_and_leaves_them_usable():
    target = Target()
    with Processes(2, target) as processes:
        with pytest.raises(KeyboardInterrupt):
            processes.map("interrupted", [()] * 2)
        assert target.array[1] == 1
        assert processes.map("slowest_first", [(1,), (2,)]) == [1, 4]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_that_ask_to_end_are_left_to_this_process(number):
    with Processes(2, Target()) as processes:
        _, pid = processes.map("pid", [()] * 2)
        os.kill(pid, number)
        assert processes.map("pid", [()] * 2) == [os.getpid(), pid]


def test_a_process_that_was_killed_is_an_error_with_its_likely_reason():
    with Processes(2, Target()) as processes:
        for _ in range(2):
            with pytest.raises(RunError, match="was killed, perhaps for want of memory; use fewer threads"):
                processes.map("die", [()] * 2)


@pytest.mark.parametrize("error", [None, ZeroDivisionError])
def test_no_process_is_left_after_the_with(error):
    try:
        with Processes(3, Target()) as processes:
            _, *pids = processes.map("pid", [()] * 3)
            assert all(map(is_running, pids))
            if error:
                raise error
    except ZeroDivisionError:
        pass
    assert not any(map(is_running, pids))


def test_where_no_more_processes_may_be_started_that_is_said_and_those_that_were_end(monkeypatch):
    fork, started = os.fork, []

    def limited():
        if started:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        if pid := fork():
            started.append(pid)
        return pid

    monkeypatch.setattr(os, "fork", limited)
    with pytest.raises(RunError, match="started to share the work: Resource temporarily unavailable; use fewer thr"):
        Processes(3, Target()).__enter__()
    assert len(started) == 1 and not is_running(started[0])


@pytest.mark.parametrize("first", [0, 1])
def test_they_end_though_others_have_been_forked_meanwhile(first):
    both = [Processes(2, Target()), Processes(2, Target())]
    pids = [processes.__enter__().map("pid", [()] * 2)[1] for processes in both]
    for i in (first, 1 - first):
        both[i].__exit__(None, None, None)
        assert not is_running(pids[i])


@pytest.mark.parametrize("unread", [0, 2], ids=["idle", "with answers that nobody reads"])
def test_no_process_outlives_one_that_was_killed_or_has_a_last_word(unread):
    program = """
import os, signal
from minattn.errors import RunError
from minattn.parallel.processes import Processes
class Target:
    def pid(self, rank):
        return os.getpid()
with Processes(3, Target()) as processes:
    print(*processes.map("pid", [()] * 3)[1:], flush=True)
    for i in range(unread):
        processes._copies[i][1].send(("pid", ()))
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", f"unread = {unread}{program}"], capture_output=True, text=True)
    pids = list(map(int, done.stdout.split()))
    assert len(pids) == 2 and done.stderr == ""
    deadline = time.monotonic() + 10
    while any(map(is_running, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(is_running, pids))


def test_what_was_printed_before_is_printed_once():
    program = """
from minattn.errors import RunError
from minattn.parallel.processes import Processes
class Target:
    def nothing(self, rank):
        pass
print("before", end=" ")
with Processes(3, Target()) as processes:
    processes.map("nothing", [()] * 3)
print("after")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "before after\n" and not done.stderr


@pytest.mark.parametrize("count", [0, -1])
def test_a_count_below_one_is_refused(count):
    with pytest.raises(ValueError, match=f"Processes: count must be at least 1, got {count}"):
        Processes(count, Target())


def test_more_parts_than_processes_are_refused_before_any_runs_and_so_is_every_part_outside_of_with():
    target = Target()
    processes = Processes(2, target)
    with processes, pytest.raises(RuntimeError, match="3 parts for 2 processes"):
        processes.map("mark", [()] * 3)
    assert not target.array.any()
    with pytest.raises(RuntimeError, match="2 parts for 1 process"):
        processes.map("mark", [()] * 2)


def test_a_process_that_is_stopped_does_not_hold_up_the_work_for_ever():
    with Processes(2, Target(), stopped_seconds=1) as processes:
        (_, _, copy) = processes.map("describe", [(1,)] * 2)[1]
        os.kill(copy, signal.SIGSTOP)
        with pytest.raises(RunError, match="was stopped, and did not go on for 1 seconds"):
            processes.map("describe", [(1,)] * 2)


def test_a_process_that_is_stopped_for_a_while_is_waited_for():
    with Processes(2, Target()) as processes:
        (_, _, copy) = processes.map("describe", [(1,)] * 2)[1]
        os.kill(copy, signal.SIGSTOP)
        threading.Timer(1.5, os.kill, (copy, signal.SIGCONT)).start()
        assert processes.map("describe", [(1,)] * 2)[1] == (1, 1, copy)


def test_a_process_that_is_stopped_does_not_hold_up_the_end():
    with Processes(2, Target(), exit_seconds=0.2) as processes:
        (_, _, copy) = processes.map("describe", [(1,)] * 2)[1]
        os.kill(copy, signal.SIGSTOP)
    with pytest.raises(ProcessLookupError):
        os.kill(copy, 0)
