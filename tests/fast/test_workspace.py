"""Memory is lent again when nothing uses it any more, and never before."""

import gc
import os
import tracemalloc
from contextlib import ExitStack
from threading import Thread

import numpy as np
import pytest

from minattn import reuse_memory
from minattn.fast import Workspace, physical_memory
from minattn.fast.workspace import ALIGNMENT, LARGE, copy, empty, empty_like
from minattn.models import ReconstructionConfig, ReconstructionModel
from minattn.optim import AdamW
from minattn.parallel import Threads, can_fork, share_batches

BIG = np.zeros((3, LARGE), np.float32)


def address(array):
    return array.__array_interface__["data"][0]


def test_a_freed_array_leaves_its_memory_to_the_next():
    with reuse_memory():
        first = empty_like(BIG)
        place = address(first)
        other = empty_like(BIG)
        assert address(other) != place
        del first
        assert address(empty_like(BIG)) == place


def test_memory_is_not_lent_again_while_a_view_of_a_view_lives():
    with reuse_memory():
        first = empty_like(BIG)
        place, corner = address(first), first[1:, 5:].T[3:]
        del first
        assert address(empty_like(BIG)) != place
        del corner
        assert address(empty_like(BIG)) == place


def test_a_smaller_array_takes_larger_memory_but_not_much_larger():
    with reuse_memory():
        first = empty_like(BIG)
        place = address(first)
        del first
        assert address(empty((1, LARGE), BIG)) != place
        assert address(empty((2, LARGE), BIG)) == place


def test_the_memory_is_used_as_any_dtype_and_shape():
    with reuse_memory():
        first = empty_like(BIG)
        place = address(first)
        first.fill(1)
        del first
        again = empty((LARGE, 3), np.zeros((), np.float64))
        assert again.dtype == np.float64 and again.shape == (LARGE, 3) and again.flags.writeable
        del again
        assert address(copy(BIG)) == place


def test_an_array_outlives_the_workspace():
    with reuse_memory():
        kept = copy(BIG + 7)
    gc.collect()
    assert (kept == 7).all()


@pytest.mark.parametrize("count", [LARGE, LARGE + 1, 3 * LARGE, 5 * LARGE + 7])
def test_lent_memory_begins_with_a_cache_line(count):
    with reuse_memory():
        arrays = [empty((count,), BIG) for _ in range(5)]
    assert not any(address(array) % ALIGNMENT for array in arrays)


def test_a_place_is_lent_before_anything_else_to_arrays_of_its_shape_and_dtype_and_comes_back():
    places = [np.empty((3, LARGE), np.float32), np.empty((3, LARGE), np.float32), np.empty(2)]
    known = set(map(address, places[:2]))
    with reuse_memory(Workspace(places)):
        for _ in range(2):
            arrays = [empty_like(BIG) for _ in range(3)]
            assert {address(array) for array in arrays[:2]} == known and address(arrays[2]) not in known
            del arrays
        others = empty((LARGE, 3), BIG), empty((3, LARGE), BIG, np.float64)
        assert not known & set(map(address, others))
        assert address(empty_like(BIG)) in known


def test_outside_and_in_other_threads_nothing_is_lent():
    seen = []
    with reuse_memory():
        thread = Thread(target=lambda: seen.append(empty_like(BIG)))
        thread.start()
        thread.join()
        seen.append(empty_like(BIG[:0]))
    seen.append(empty_like(BIG))
    assert [array.base for array in seen] == [None, None, None]


def test_memory_comes_back_from_another_thread():
    workspace = Workspace()
    with reuse_memory(workspace):
        arrays = [empty_like(BIG)]
        place = address(arrays[0])
        thread = Thread(target=arrays.clear)
        thread.start()
        thread.join()
        assert address(empty_like(BIG)) == place


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1)])
def test_a_result_has_the_order_of_axes_of_what_it_is_like(order):
    x = np.zeros((4, 5, 6)).transpose(order)
    for reuses in (False, True):
        with reuse_memory(Workspace() if reuses else None):
            y = empty_like(x, tuple(n * 100 for n in x.shape))
        assert y.transpose(np.argsort(order)).flags.c_contiguous
        assert y.shape == tuple(n * 100 for n in x.shape)
    assert empty_like(x, (7, 3)).flags.c_contiguous


@pytest.mark.parametrize(("count", "kind"), [(1, "threads"), (2, "threads"), (2, "processes")])
def test_a_steady_training_step_allocates_no_large_array(count, kind):
    if kind == "processes" and not can_fork():
        pytest.skip("processes cannot be forked here")
    config = ReconstructionConfig(3000, 64, 2, 4, 256, 32, dropout=0.1)
    model = ReconstructionModel(config, generator=np.random.default_rng(0))
    optimizer = AdamW(model.named_parameters())
    ids = np.random.default_rng(1).integers(0, 3000, (32, 32))
    mask = np.ones(ids.shape, bool)
    with ExitStack() as stack:
        threads = stack.enter_context(Threads(count))
        options = {"processes": kind == "processes", "least_update": 0}
        shared = stack.enter_context(share_batches(model, optimizer, threads, count, **options))

        def step():
            shared.seed_dropout([0])
            shared.model.loss(ids, mask, ids).backward()
            shared.optimizer.step()
            shared.optimizer.zero_grad()

        for _ in range(3):
            step()
        tracemalloc.start()
        try:
            step()
            before, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            step()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    # what is left are arrays below LARGE; without a workspace it is 30 times as much
    assert peak - before < 2**20


@pytest.mark.skipif(not hasattr(os, "sysconf"), reason="the system does not tell")
def test_the_memory_of_the_machine_is_known_in_bytes():
    assert 2**27 < physical_memory() < 2**60


@pytest.mark.parametrize("error", [ValueError, OSError, None])
def test_a_system_that_does_not_tell_its_memory_is_no_error(monkeypatch, error):
    def refuse(name):
        raise error

    if error is None:
        monkeypatch.delattr(os, "sysconf", raising=False)
    else:
        monkeypatch.setattr(os, "sysconf", refuse, raising=False)
    assert physical_memory() is None
