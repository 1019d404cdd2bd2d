"""A batch on several threads, or processes, gives the loss and gradients of the whole batch, always the same bits."""

import gc
import os
import re
import threading
import weakref
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
from support.numeric import assert_close

from minattn.models import ReconstructionConfig, ReconstructionModel
from minattn.nn import Dropout, Parameter
from minattn.optim import SGD, AdamW
from minattn.parallel import SharedModel, Threads, can_fork, share_batches
from minattn.parallel.process_workers import NO_SLOT, ProcessWorkers
from minattn.parallel.processes import shared_zeros
from minattn.parallel.threads import ThreadWorkers
from minattn.parallel.workers import Part, seed_dropout

COUNTS = [1, 2, 3]
KINDS = ["threads", "processes"] if can_fork() else ["threads"]
VOCABULARY, LAST = 30, 29
HERE = os.path.relpath(__file__)
LAYERS = os.path.join("minattn", "nn", "layers.py")


def make_model(dtype=np.float64, **changes):
    sizes = {"width": 8, "layers": 2, "heads": 2, "hidden": 12, "max_tokens": 8, "dropout": 0.0}
    config = ReconstructionConfig(VOCABULARY, **sizes | changes)
    model = ReconstructionModel(config, generator=np.random.default_rng(0))
    return model.double() if dtype == np.float64 else model


def make_batch(*lengths, seed=1):
    """Sentences of these lengths, padded; every token is to be restored. The last id occurs nowhere."""
    mask = np.arange(max(lengths)) < np.array(lengths)[:, None]
    ids = np.where(mask, np.random.default_rng(seed).integers(1, LAST, mask.shape), 0)
    return ids, mask, np.where(mask, ids, -100)


def without_targets(batch, rows):
    ids, mask, targets = batch
    targets[rows] = -100
    return ids, mask, targets


BATCHES = {
    "no mask": (lambda b: (b[0], None, b[2]))(make_batch(5, 5, 5, 5, 5, 5)),
    "padded": make_batch(6, 2, 1, 6, 3, 5, 4),
    "few targets": without_targets(make_batch(6, 6, 6, 6, 6), np.random.default_rng(2).random((5, 6)) < 0.8),
    "the first part has none": without_targets(make_batch(6, 2, 1, 6, 3, 5, 4), slice(0, 4)),
    "the last part has none": without_targets(make_batch(6, 2, 1, 6, 3, 5, 4), slice(3, 7)),
    "one sentence": make_batch(5),
    "two sentences": make_batch(2, 5),
}


def gradients_of(model):
    """Takes the gradients away."""
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = None
    return gradients


@contextmanager
def sharing(kind, count, model, optimizer=None, least_work=1, least_update=0):
    """Threads or processes that share the batches of a model, however small: `backward`, `run`, `step`."""
    optimizer = optimizer or SGD(model.named_parameters())
    options = {"processes": kind == "processes", "least_work": least_work, "least_update": least_update}
    with Threads(count) as threads, share_batches(model, optimizer, threads, **options) as shared:

        def backward(*batch, seed=None):
            if seed is not None:
                shared.seed_dropout([seed])
            loss = shared.model.loss(*batch)
            loss.backward()
            return loss.item()

        def run(*batch, seed=None):
            return backward(*batch, seed=seed), gradients_of(model)

        yield SimpleNamespace(backward=backward, run=run, step=shared.optimizer.step)


def plain(model, batch):
    loss = model.loss(*batch)
    loss.backward()
    return loss.item(), gradients_of(model)


def assert_equal(got, expected):
    """In float64, up to the order in which numbers are added."""
    assert got[0] == pytest.approx(expected[0], rel=1e-12)
    assert got[1].keys() == expected[1].keys()
    for name, gradient in expected[1].items():
        assert_close(got[1][name], gradient, relative=1e-12, least=1e-15)


def assert_same_bits(got, expected):
    assert got[0] == expected[0]
    for name, gradient in expected[1].items():
        np.testing.assert_array_equal(got[1][name], gradient)


# --- the same numbers as on one thread


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("batch", BATCHES.values(), ids=BATCHES)
@pytest.mark.parametrize("de_embedding", ["own", "tied", "l2"])
@pytest.mark.parametrize("kind", KINDS)
def test_loss_and_gradients_are_those_of_the_whole_batch(kind, de_embedding, batch, count):
    model = make_model(de_embedding=de_embedding)
    expected = plain(model, batch)
    with sharing(kind, count, model) as parallel:
        assert_equal(parallel.run(*batch), expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("changes", [{"positions": "learned"}, {"norm_first": False}, {"layers": 0}], ids=str)
def test_the_same_holds_for_other_models(kind, changes):
    model = make_model(**changes)
    expected = plain(model, BATCHES["padded"])
    with sharing(kind, 3, model) as parallel:
        assert_equal(parallel.run(*BATCHES["padded"]), expected)


def test_every_thread_computes_a_part(monkeypatch):
    model, rows, together = make_model(), {}, threading.Barrier(3)
    loss = ReconstructionModel.loss

    def watched(self, ids, mask, targets):
        together.wait(10)
        rows[threading.get_ident()] = ids
        return loss(self, ids, mask, targets)

    monkeypatch.setattr(ReconstructionModel, "loss", watched)
    with sharing("threads", 3, model) as parallel:
        parallel.backward(*make_batch(6, 2, 1, 6, 3, 5, 4))
    assert sorted(len(ids) for ids in rows.values()) == [2, 2, 3]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", COUNTS)
def test_without_any_target_the_op_says_so_and_no_gradient_is_left(count, kind):
    model = make_model()
    batch = without_targets(make_batch(3, 4, 5), slice(None))
    wanted = pytest.raises(FloatingPointError, match="a mean over no tokens: every target is -100")
    with np.errstate(all="ignore"), sharing(kind, count, model) as parallel, wanted:
        parallel.backward(*batch)
    assert not any(gradient is not None for gradient in gradients_of(model).values())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", COUNTS)
def test_gradients_are_added_to_those_that_are_there(count, kind):
    model, batch = make_model(), BATCHES["padded"]
    loss, gradients = plain(model, batch)
    doubled = loss, {name: 2 * gradient for name, gradient in gradients.items()}
    with sharing(kind, count, model) as parallel:
        for parameter in model.parameters():  # in columns, as an op may leave them
            parameter.grad = np.zeros(parameter.shape, order="F")
        parallel.backward(*batch)
        assert_equal(parallel.run(*batch), doubled)


@pytest.mark.parametrize("kind", KINDS)
def test_a_parameter_without_axes_gets_a_gradient_without_axes(kind):
    class Scaled(ReconstructionModel):
        def loss(self, *batch):
            return super().loss(*batch) * self.scale

    model = make_model()
    model.__class__, model.scale = Scaled, Parameter(np.array(2.0))
    expected = plain(model, BATCHES["padded"])
    with sharing(kind, 2, model) as parallel:
        parallel.backward(*BATCHES["padded"])
        once = model.scale.grad.copy()
        parallel.backward(*BATCHES["padded"])
        assert isinstance(model.scale.grad, np.ndarray) and model.scale.grad == 2 * once
        gradients_of(model)
        loss = parallel.backward(*BATCHES["padded"])
    assert model.scale.grad.shape == ()
    assert_equal((loss, gradients_of(model)), expected)


# --- the same bits


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_the_same_batch_on_the_same_number_of_threads_or_processes_gives_the_same_bits(count, dropout):
    results = []
    for kind in 2 * KINDS:
        model = make_model(np.float32, dropout=dropout)
        with sharing(kind, count, model) as parallel:
            for _ in range(3):
                results.append(parallel.run(*BATCHES["padded"], seed=0))
    for result in results[1:]:
        assert_same_bits(result, results[0])


# --- dropout


@pytest.mark.parametrize("kind", KINDS)
def test_each_thread_draws_its_dropout_from_its_own_generator(kind):
    model, batch = make_model(dropout=0.3), make_batch(6, 2, 1, 6, 3, 5)
    total, gradients, loss = (batch[2] != -100).sum(), {}, 0.0
    for worker, rows in enumerate((slice(0, 3), slice(3, 6))):
        seed_dropout([m for m in model.modules() if isinstance(m, Dropout)], [10], worker)
        part = [array[rows] for array in batch]
        share = (part[2] != -100).sum() / total
        own_loss, own = plain(model, part)
        loss += share * own_loss
        gradients = {name: gradients.get(name, 0) + share * gradient for name, gradient in own.items()}
    with sharing(kind, 2, model) as parallel:
        assert_equal(parallel.run(*batch, seed=10), (loss, gradients))
        assert parallel.backward(*batch, seed=11) != pytest.approx(loss, rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", COUNTS)
def test_all_threads_follow_train_and_eval(count, kind):
    model, batch = make_model(dropout=0.3), BATCHES["padded"]
    expected = plain(model.eval(), batch)
    with sharing(kind, count, model.train()) as parallel:
        training = parallel.backward(*batch, seed=0)
        assert training != pytest.approx(expected[0], rel=1e-6)
        gradients_of(model)
        model.eval()
        assert_equal(parallel.run(*batch), expected)
        model.train()
        assert parallel.backward(*batch, seed=0) == training


@pytest.mark.parametrize("kind", KINDS)
def test_all_threads_follow_a_block_that_was_set_to_eval_alone(kind):
    model, batch = make_model(dropout=0.3, layers=1), BATCHES["padded"]
    expected = plain(model.eval(), batch)
    model.train().blocks[0].eval()
    with sharing(kind, 2, model) as parallel:
        assert_equal(parallel.run(*batch, seed=0), expected)


# --- one set of parameters


@pytest.mark.parametrize("de_embedding", ["own", "tied"])
@pytest.mark.parametrize("kind", KINDS)
def test_all_threads_see_what_an_optimizer_has_changed(kind, de_embedding):
    model, batch = make_model(de_embedding=de_embedding), BATCHES["padded"]
    optimizer = SGD(model.named_parameters(), lr=0.5)
    with sharing(kind, 3, model, optimizer) as parallel:
        before = parallel.backward(*batch)
        parallel.step()
        optimizer.zero_grad()
        expected = plain(model, batch)
        assert abs(expected[0] - before) > 1e-3
        assert_equal(parallel.run(*batch), expected)


# --- what goes wrong, and what is left behind


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [2, 3])
def test_nan_in_a_thread_names_op_and_layer_adds_no_gradient_and_leaves_the_threads_usable(count, kind):
    model, (ids, mask, targets) = make_model(), make_batch(6, 2, 1, 6, 3, 5, 4)
    model.embedding.weight.data[LAST] = np.nan
    expected = plain(model, (ids, mask, targets))
    broken = ids.copy()
    broken[-1, 0] = LAST
    with np.errstate(all="ignore"), sharing(kind, count, model) as parallel:
        with pytest.raises(FloatingPointError) as raised:
            parallel.backward(broken, mask, targets)
        cause = r"gave NaN: its input 1 came in with NaN"
        assert re.fullmatch(rf"forward: Embedding called at {re.escape(LAYERS)}:\d+ {cause}", str(raised.value))
        assert not any(parameter.grad is not None for parameter in model.parameters())

        broken = ids.copy()
        broken[0, 0] = LAST  # in the calling thread, where there is a line of the user's
        with pytest.raises(FloatingPointError) as raised:
            parallel.backward(broken, mask, targets)
        assert f"Embedding called at {HERE}:" in str(raised.value)
        assert not any(parameter.grad is not None for parameter in model.parameters())

        assert_equal(parallel.run(ids, mask, targets), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_the_garbage_collector_finds_nothing_after_a_step(kind):
    model, batch = make_model(np.float32, dropout=0.1), BATCHES["padded"]
    optimizer = AdamW(model.named_parameters())
    with sharing(kind, 3, model, optimizer) as parallel:
        gc.collect()
        gc.disable()
        try:
            for _ in range(2):
                parallel.backward(*batch, seed=0)
                parallel.step()
                optimizer.zero_grad()
                assert gc.collect() == 0
        finally:
            gc.enable()


# --- processes only: what they share


needs_processes = pytest.mark.skipif(not can_fork(), reason="processes cannot be forked here")


@needs_processes
@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("make", [SGD, AdamW])
@pytest.mark.parametrize("count", [2, 3])
def test_steps_on_processes_give_the_bits_of_steps_on_threads(count, make, alone):
    results = []
    for kind in KINDS:
        model = make_model(np.float32, dropout=0.2, width=280)  # several blocks in its largest parameters
        optimizer = make(model.named_parameters(), lr=0.1, weight_decay=0.1)
        with sharing(kind, count, model.train(), optimizer, least_update=10**9 if alone else 0) as parallel:
            losses = []
            for step, batch in enumerate([BATCHES["padded"], BATCHES["one sentence"], BATCHES["no mask"]] * 2):
                optimizer.param_groups[0]["lr"] = 0.1 / (1 + step)
                losses.append(parallel.backward(*batch, seed=step))
                parallel.step()
                optimizer.zero_grad()
        results.append((losses, model.state_dict() | optimizer.state_dict()))
    assert results[0][0] == results[1][0]
    for name, array in results[0][1].items():
        np.testing.assert_array_equal(results[1][1][name], array)
    assert set(optimizer.steps.values()) == {6}


@needs_processes
@pytest.mark.parametrize("method", ["compute", "add", "update"])
def test_every_process_does_its_share_of(method, monkeypatch):
    done = shared_zeros(np.zeros(3))
    original = getattr(ProcessWorkers, method)

    def watched(self, rank, *arguments):
        done[rank] = os.getpid()
        return original(self, rank, *arguments)

    monkeypatch.setattr(ProcessWorkers, method, watched)
    model = make_model(np.float32)  # in float64 the textbook updates, in one process
    optimizer = SGD(model.named_parameters())
    with sharing("processes", 3, model, optimizer) as parallel:
        parallel.backward(*BATCHES["padded"])
        parallel.step()
    assert done[0] == os.getpid() and len(set(done)) == 3 and done.all()


@needs_processes
def test_gradients_that_somebody_keeps_stay_what_they_are_and_the_next_ones_are_right():
    model = make_model()
    optimizer = SGD(model.named_parameters(), lr=0.0)
    kept = []
    with sharing("processes", 2, model, optimizer) as parallel:
        for name in ("padded", "no mask", "few targets"):
            expected = plain(model, BATCHES[name])
            loss = parallel.backward(*BATCHES[name])
            parallel.step()
            kept.append(((loss, gradients_of(model)), expected))
            for got, wanted in kept:
                assert_equal(got, wanted)


@needs_processes
def test_a_step_takes_gradients_that_were_put_in_place_of_the_computed_ones_or_taken_away():
    results = []
    for kind in KINDS:
        model = make_model()
        optimizer = AdamW(model.named_parameters(), lr=0.1)
        with sharing(kind, 2, model, optimizer) as parallel:
            for step in range(4):
                parallel.backward(*BATCHES["padded"])
                for i, parameter in enumerate(model.parameters()):
                    if step == 1:
                        parameter.grad = np.full(parameter.shape, i + 1.0)
                    elif step == 2 and i % 3:
                        parameter.grad = None
                parallel.step()
                optimizer.zero_grad()
        results.append(model.state_dict() | optimizer.state_dict())
    for name, array in results[0].items():
        np.testing.assert_array_equal(results[1][name], array)


def process_workers(model, optimizer=None, count=2):
    return ProcessWorkers(model, optimizer or SGD(model.named_parameters()), count, least_work=1, least_update=0)


@needs_processes
def test_only_a_gradient_in_rows_is_in_a_slot():
    workers = process_workers(make_model())
    for i, slot in enumerate(workers.slots[0]):
        assert workers._slot_of(0, slot) == i
        assert workers._slot_of(0, slot.copy()) == NO_SLOT
    square = next(slot for slot in workers.slots[0] if slot.shape == (8, 8))
    assert workers._slot_of(0, square.T) == NO_SLOT


@needs_processes
def test_arrays_of_a_parameters_shape_leave_its_gradient_a_place():
    rows = 600  # as many as tokens in a part: what the layers compute has the shape of the tables
    config = ReconstructionConfig(rows, 16, 2, 2, 32, 20, dropout=0.0, de_embedding="own")
    model = ReconstructionModel(config, generator=np.random.default_rng(0)).double()
    ids = np.random.default_rng(1).integers(0, rows, (2 * rows // 20, 20))
    expected = plain(model, (ids, None, ids))
    optimizer = SGD(model.named_parameters(), lr=0.0)
    with sharing("processes", 2, model, optimizer) as parallel:
        for _ in range(3):
            assert_equal(parallel.run(ids, None, ids), expected)
            parallel.step()


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_computed_before_a_step_cannot_be_differentiated_after_it(kind):
    model, batch = make_model(), BATCHES["padded"]
    optimizer = SGD(model.named_parameters(), lr=0.1)
    with sharing(kind, 2, model, optimizer) as parallel:
        loss = model.loss(*batch)
        parallel.backward(*batch)
        parallel.step()
        with pytest.raises(RuntimeError, match="was changed in place after it was used"):
            loss.backward()


@needs_processes
@pytest.mark.parametrize("first", [True, False])
def test_a_parameter_that_only_one_part_uses_gets_its_gradient(first):
    class Sometimes(ReconstructionModel):
        def loss(self, ids, mask, targets):
            loss = super().loss(ids, mask, targets)
            return (loss * self.scale).mean() if bool(ids[0, 0] == LAST) is first else loss

    model, (ids, mask, targets) = make_model(), make_batch(6, 2, 1, 6)
    model.__class__, model.scale = Sometimes, Parameter(np.full(4000, 2.0))
    ids[0, 0] = LAST
    results = []
    for kind in KINDS:
        with sharing(kind, 2, model) as parallel:
            parallel.backward(ids, mask, targets)
        results.append(gradients_of(model))
    assert results[0]["scale"].any()
    for name, gradient in results[0].items():
        assert_close(results[1][name], gradient, relative=1e-12, least=1e-15)


@needs_processes
def test_the_model_goes_on_after_its_processes_and_with_new_ones():
    model, batch = make_model(), BATCHES["padded"]
    optimizer = AdamW(model.named_parameters())
    for _ in range(2):
        expected = plain(model, batch)
        with sharing("processes", 2, model, optimizer) as parallel:
            assert_equal(parallel.run(*batch), expected)
            parallel.backward(*batch)
            parallel.step()
            optimizer.zero_grad()
    model.loss(*batch).backward()
    optimizer.step()
    assert set(optimizer.steps.values()) == {3} and plain(model, batch)[0] != expected[0]


@needs_processes
def test_processes_compute_inside_their_with_only():
    model = make_model()
    with process_workers(model) as workers:
        workers.add_gradients(Part(*BATCHES["padded"]))
    with pytest.raises(RuntimeError, match="the processes are there inside `with` only"):
        workers.add_gradients(Part(*BATCHES["padded"]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_shared_loss_is_known_after_its_backward(kind):
    model = make_model()
    options = {"processes": kind == "processes", "least_work": 1}
    with Threads(2) as threads, share_batches(model, SGD(model.named_parameters()), threads, **options) as shared:
        loss = shared.model.loss(*BATCHES["padded"])
        with pytest.raises(RuntimeError, match="item was called before backward"):
            loss.item()
        loss.backward()
        assert loss.item() == pytest.approx(plain(model, BATCHES["padded"])[0], rel=1e-12)


@needs_processes
def test_nothing_of_the_processes_is_left_for_the_garbage_collector():
    model, batch = make_model(), BATCHES["padded"]
    optimizer = SGD(model.named_parameters())
    gc.collect()
    gc.disable()
    try:
        with Threads(2), process_workers(model, optimizer) as workers:
            workers.add_gradients(Part(*batch))
            workers.step()
        left = weakref.ref(workers)
        del workers
        assert left() is None
    finally:
        gc.enable()


def test_one_worker_is_the_model_itself_and_several_are_processes_where_they_can_be_forked():
    model = make_model()
    optimizer = SGD(model.named_parameters())
    with Threads(1) as threads, share_batches(model, optimizer, threads) as shared:
        assert shared.model is model and shared.optimizer is optimizer
    with Threads(2) as threads, share_batches(model, optimizer, threads) as shared:
        assert type(shared.model) is SharedModel
        assert isinstance(shared.model._workers, ProcessWorkers if can_fork() else ThreadWorkers)
        assert shared.model._workers.count == 2


@pytest.mark.parametrize(("least_work", "parts"), [(1, 3), (4 * 8 * 8, 1), (4 * 8 * 8 // 2, 2), (10**9, 1)])
def test_little_work_is_left_to_fewer_workers(least_work, parts):
    model, batch = make_model(), make_batch(8, 8, 8, 8)
    with Threads(3) as threads:
        workers = ThreadWorkers(model, SGD(model.named_parameters()), threads, least_work)
        assert len(workers.split(Part(*batch))[0]) == parts
