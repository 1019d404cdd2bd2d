"""Threads share work: results in order, errors to the caller, one BLAS thread inside, a workspace for each."""

import os
import threading
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from minattn import no_grad
from minattn.fast.workspace import LARGE, empty
from minattn.parallel import Threads, cores
from minattn.tensor import grad_enabled

COUNTS = [1, 2, 3]


def blas_threads():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.mark.parametrize("count", COUNTS)
def test_results_come_in_the_order_of_the_parts_whoever_ends_first(count):
    def slowest_first(part):
        time.sleep(0.01 * (count - part))
        return part * part

    with Threads(count) as threads:
        for parts in range(count + 1):
            assert threads.map(slowest_first, list(range(parts))) == [part * part for part in range(parts)]


def test_all_parts_run_at_once_the_first_in_the_calling_thread():
    together = threading.Barrier(3)

    def meet(_):
        together.wait(10)
        return threading.get_ident()

    with Threads(3) as threads:
        first, *others = threads.map(meet, [0, 1, 2])
    assert first == threading.get_ident()
    assert len({first, *others}) == 3


@pytest.mark.parametrize("failing", [{0}, {1}, {2}, {0, 1, 2}, {1, 2}], ids=str)
def test_what_the_first_failing_part_raised_reaches_the_caller_when_all_have_ended(failing):
    ended = []

    def work(part):
        time.sleep(0.02 * part)
        ended.append(part)
        if part in failing:
            raise KeyError(part)

    with Threads(3) as threads:
        for _ in range(2):
            ended.clear()
            with pytest.raises(KeyError) as raised:
                threads.map(work, [0, 1, 2])
            assert raised.value.args == (min(failing),)
            assert ended == [0, 1, 2]
        assert threads.map(abs, [-1, -2, -3]) == [1, 2, 3]


def test_an_interruption_of_the_calling_thread_waits_for_the_others():
    ended = []

    def work(part):
        if part == 0:
            raise KeyboardInterrupt
        time.sleep(0.02)
        ended.append(part)

    with Threads(2) as threads:
        with pytest.raises(KeyboardInterrupt):
            threads.map(work, [0, 1])
        assert ended == [1]


@pytest.mark.parametrize("count", [0, -1])
def test_a_count_below_one_is_refused(count):
    with pytest.raises(ValueError, match=f"Threads: count must be at least 1, got {count}"):
        Threads(count)


@pytest.mark.parametrize("count", COUNTS)
def test_more_parts_than_threads_are_refused_before_any_runs(count):
    ran = []
    with Threads(count) as threads, pytest.raises(ValueError, match=f"{count + 1} parts for {count} threads"):
        threads.map(ran.append, list(range(count + 1)))
    assert ran == []


@pytest.mark.parametrize("count", COUNTS)
def test_outside_of_with_there_is_no_map(count):
    threads = Threads(count)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="Threads: map was called outside of `with"):
            threads.map(abs, [1])
        with threads:
            assert threads.map(abs, [-1]) == [1]


def test_no_grad_and_error_settings_of_the_caller_hold_in_every_thread_and_nowhere_after():
    def look(_):
        return grad_enabled(), np.geterr()["divide"]

    with Threads(3) as threads:
        with no_grad(), np.errstate(divide="raise"):
            assert threads.map(look, [0, 1, 2]) == [(False, "raise")] * 3
            with pytest.raises(FloatingPointError):
                threads.map(lambda part: np.ones(1) / part, [1, 1, 0])
        with np.errstate(divide="ignore"):
            assert threads.map(look, [0, 1, 2]) == [(True, "ignore")] * 3


def test_a_part_changes_no_setting_of_the_next_part_in_its_thread():
    def change(part):
        if part:
            np.seterr(divide="ignore")
            no_grad().__enter__()

    with Threads(2) as threads:
        before = np.geterr()["divide"]
        threads.map(change, [0, 1])
        assert threads.map(lambda _: (grad_enabled(), np.geterr()["divide"]), [0, 1]) == [(True, before)] * 2


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("fails", [False, True])
def test_blas_has_one_thread_inside_and_as_many_as_before_outside(count, fails):
    with threadpool_limits(2, user_api="blas"):
        if blas_threads() != {2}:
            pytest.skip("this BLAS cannot be told how many threads to start")
        try:
            with Threads(count) as threads:
                assert blas_threads() == {1}
                assert threads.map(lambda _: blas_threads(), [0] * count) == [{1}] * count
                if fails:
                    raise KeyError
        except KeyError:
            assert fails
        assert blas_threads() == {2}


def test_each_part_has_a_workspace_of_its_own_and_finds_it_again_at_the_next_call():
    shape, like = (LARGE, 3), np.zeros((), np.float32)

    def addresses(first, second):
        """Where a large array lies in each part, one after the other."""
        ended = threading.Event()

        def borrow(part):
            if part == second:
                assert ended.wait(10)
            place = empty(shape, like).__array_interface__["data"][0]
            if part == first:
                ended.set()
            return place

        return threads.map(borrow, [0, 1])

    with Threads(2) as threads:
        places = addresses(0, 1)
        assert len(set(places)) == 2
        assert addresses(1, 0) == places == addresses(0, 1)
    with threads:
        assert addresses(1, 0) == places


def test_the_workspace_of_the_caller_is_in_use_again_after_a_call():
    with Threads(1) as threads:
        threads.map(abs, [1])
        assert empty((LARGE,), np.zeros(1)).base is None


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("items", [0, 1, 2, 7])
def test_items_are_dealt_out_in_turn_to_as_many_parts_as_there_are_threads(count, items):
    hands = Threads(count).deal(range(items))
    assert [list(hand) for hand in hands] == [[i for i in range(items) if i % count == n] for n in range(count)]


def test_cores_are_those_that_the_process_may_use(monkeypatch):
    assert 1 <= cores() <= os.cpu_count()
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5, 7}, raising=False)
    assert cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert cores() == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores() == 1
