"""A batch on several threads, or processes, gives the loss and gradients of the whole batch, always the same bits."""

import gc
import os
import re
import threading
import weakref
from contextlib import contextmanager

import numpy as np
import pytest
from support.numeric import assert_close

from minattn.models import ReconstructionConfig, ReconstructionModel
from minattn.nn import Dropout, Parameter
from minattn.optim import SGD, Adam, AdamW
from minattn.parallel import DataParallel, ForkedDataParallel, Threads, can_fork, forked, shared
from minattn.parallel import data_parallel as module
from minattn.parallel import sharing as choose

pytestmark = pytest.mark.usefixtures("threads_for_little_work")

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


def sparse():
    ids, mask, targets = make_batch(6, 6, 6, 6, 6)
    targets[np.random.default_rng(2).random(targets.shape) < 0.8] = -100
    return ids, mask, targets


BATCHES = {
    "no mask": (lambda b: (b[0], None, b[2]))(make_batch(5, 5, 5, 5, 5, 5)),
    "padded": make_batch(6, 2, 1, 6, 3, 5, 4),
    "few targets": sparse(),
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
def sharing(kind, count, model, optimizer=None):
    """Threads or processes that share the batches of a model."""
    with Threads(count) as threads:
        if kind == "threads":
            yield DataParallel(model, threads)
        else:
            with ForkedDataParallel(model, optimizer or SGD(model.named_parameters()), count) as parallel:
                yield parallel


def plain(model, batch):
    loss = model.loss(*batch)
    loss.backward()
    return loss.item(), gradients_of(model)


def seeded(*seeds):
    return [np.random.default_rng(seed) for seed in seeds]


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
        loss = parallel.backward(*batch)
    assert_equal((loss, gradients_of(model)), expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("changes", [{"positions": "learned"}, {"norm_first": False}, {"layers": 0}], ids=str)
def test_the_same_holds_for_other_models_and_for_gradients_added_block_by_block(kind, changes, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 7)
    model = make_model(**changes)
    expected = plain(model, BATCHES["padded"])
    with sharing(kind, 3, model) as parallel:
        loss = parallel.backward(*BATCHES["padded"])
    assert_equal((loss, gradients_of(model)), expected)


def test_every_thread_computes_a_part(monkeypatch):
    model, rows, together = make_model(), {}, threading.Barrier(3)
    loss = ReconstructionModel.loss

    def watched(self, ids, mask, targets):
        together.wait(10)
        rows[threading.get_ident()] = ids
        return loss(self, ids, mask, targets)

    monkeypatch.setattr(ReconstructionModel, "loss", watched)
    with Threads(3) as threads:
        DataParallel(model, threads).backward(*make_batch(6, 2, 1, 6, 3, 5, 4))
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
        loss = parallel.backward(*batch)
    assert_equal((loss, gradients_of(model)), doubled)


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
                loss = parallel.backward(*BATCHES["padded"], seeded(*range(count)))
                results.append((loss, gradients_of(model)))
    for result in results[1:]:
        assert_same_bits(result, results[0])


@pytest.mark.parametrize("make", [SGD, Adam, AdamW])
@pytest.mark.parametrize("count", COUNTS)
def test_an_optimizer_step_on_threads_gives_the_bits_of_one_without(make, count, monkeypatch):
    shapes = [(300, 300), (7,), (3, 5), (40_000,), (2, 2, 2), (257, 400), ()]
    working = set()
    update = make.update

    def watched(self, *arguments):
        working.add(threading.get_ident())
        update(self, *arguments)

    monkeypatch.setattr(make, "update", watched)
    results = []
    for shares in (False, True):
        rng = np.random.default_rng(0)
        parameters = [Parameter(rng.normal(size=shape).astype(np.float32)) for shape in shapes]
        optimizer = make(parameters, lr=0.1, weight_decay=0.1)
        with Threads(count) as threads:
            working.clear()
            for step in range(4):
                for i, parameter in enumerate(parameters):
                    parameter.grad = np.asarray(rng.normal(size=parameter.shape).astype(np.float32))
                    if step == i:  # one that has none
                        parameter.grad = None
                optimizer.step(threads if shares else None)
        assert (len(working) > 1) is (shares and count > 1)
        results.append([*(p.data for p in parameters), *optimizer.state_dict().values()])
    for on_threads, alone in zip(*results, strict=True):
        np.testing.assert_array_equal(on_threads, alone)


# --- dropout


@pytest.mark.parametrize("kind", KINDS)
def test_each_thread_draws_its_dropout_from_its_own_generator(kind):
    model, batch = make_model(dropout=0.3), make_batch(6, 2, 1, 6, 3, 5)
    total, gradients, loss = (batch[2] != -100).sum(), {}, 0.0
    for rows, seed in ((slice(0, 3), 10), (slice(3, 6), 20)):
        generator = np.random.default_rng(seed)
        for dropout in (m for m in model.modules() if isinstance(m, Dropout)):
            dropout.generator = generator
        part = [array[rows] for array in batch]
        share = (part[2] != -100).sum() / total
        own_loss, own = plain(model, part)
        loss += share * own_loss
        gradients = {name: gradients.get(name, 0) + share * gradient for name, gradient in own.items()}
    with sharing(kind, 2, model) as parallel:
        assert_equal((parallel.backward(*batch, seeded(10, 20)), gradients_of(model)), (loss, gradients))
        for others in ((11, 20), (10, 21)):
            assert parallel.backward(*batch, seeded(*others)) != pytest.approx(loss, rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", COUNTS)
def test_all_threads_follow_train_and_eval(count, kind):
    model, batch = make_model(dropout=0.3), BATCHES["padded"]
    expected = plain(model.eval(), batch)
    with sharing(kind, count, model.train()) as parallel:
        training = parallel.backward(*batch, seeded(*range(count)))
        assert training != pytest.approx(expected[0], rel=1e-6)
        gradients_of(model)
        model.eval()
        assert_equal((parallel.backward(*batch), gradients_of(model)), expected)
        model.train()
        assert parallel.backward(*batch, seeded(*range(count))) == training


@pytest.mark.parametrize("kind", KINDS)
def test_all_threads_follow_a_block_that_was_set_to_eval_alone(kind):
    model, batch = make_model(dropout=0.3, layers=1), BATCHES["padded"]
    expected = plain(model.eval(), batch)
    model.train().blocks[0].eval()
    with sharing(kind, 2, model) as parallel:
        assert_equal((parallel.backward(*batch, seeded(0, 1)), gradients_of(model)), expected)


# --- one set of parameters


@pytest.mark.parametrize("de_embedding", ["own", "tied"])
@pytest.mark.parametrize("kind", KINDS)
def test_all_threads_see_what_an_optimizer_has_changed(kind, de_embedding):
    model, batch = make_model(de_embedding=de_embedding), BATCHES["padded"]
    optimizer = SGD(model.named_parameters(), lr=0.5)
    with sharing(kind, 3, model, optimizer) as parallel:
        before = parallel.backward(*batch)
        parallel.step(optimizer)
        optimizer.zero_grad()
        expected = plain(model, batch)
        assert abs(expected[0] - before) > 1e-3
        assert_equal((parallel.backward(*batch), gradients_of(model)), expected)


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

        assert_equal((parallel.backward(ids, mask, targets), gradients_of(model)), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_the_garbage_collector_finds_nothing_after_a_step(kind):
    model, batch = make_model(np.float32, dropout=0.1), BATCHES["padded"]
    optimizer = AdamW(model.named_parameters())
    with sharing(kind, 3, model, optimizer) as parallel:
        gc.collect()
        gc.disable()
        try:
            for _ in range(2):
                parallel.backward(*batch, seeded(0, 1, 2))
                parallel.step(optimizer)
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
def test_steps_on_processes_give_the_bits_of_steps_on_threads(count, make, alone, monkeypatch):
    for name in ("parallel.data_parallel.BLOCK", "optim.BLOCK"):  # several blocks a parameter
        monkeypatch.setattr(f"minattn.{name}", 50)
    monkeypatch.setattr("minattn.parallel.forked.FEW", 10**9 if alone else 0)
    results = []
    for kind in KINDS:
        model = make_model(np.float32, dropout=0.2)
        optimizer = make(model.named_parameters(), lr=0.1, weight_decay=0.1)
        with sharing(kind, count, model.train(), optimizer) as parallel:
            losses = []
            for step, batch in enumerate([BATCHES["padded"], BATCHES["one sentence"], BATCHES["no mask"]] * 2):
                optimizer.lr = 0.1 / (1 + step)
                losses.append(parallel.backward(*batch, seeded(*range(step, step + count))))
                parallel.step(optimizer)
                optimizer.zero_grad()
        results.append((losses, model.state_dict() | optimizer.state_dict()))
    assert results[0][0] == results[1][0]
    for name, array in results[0][1].items():
        np.testing.assert_array_equal(results[1][1][name], array)
    assert optimizer.steps == 6


@needs_processes
@pytest.mark.parametrize("method", ["run", "add", "update"])
def test_every_process_does_its_share_of(method, monkeypatch):
    done = shared(np.zeros(3))
    original = getattr(ForkedDataParallel, method)

    def watched(self, rank, *arguments):
        done[rank] = os.getpid()
        return original(self, rank, *arguments)

    monkeypatch.setattr(ForkedDataParallel, method, watched)
    model = make_model()
    optimizer = SGD(model.named_parameters())
    with sharing("processes", 3, model, optimizer) as parallel:
        parallel.backward(*BATCHES["padded"])
        parallel.step(optimizer)
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
            parallel.step(optimizer)
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
                parallel.step(optimizer)
                optimizer.zero_grad()
        results.append(model.state_dict() | optimizer.state_dict())
    for name, array in results[0].items():
        np.testing.assert_array_equal(results[1][name], array)


@needs_processes
def test_only_a_gradient_in_rows_is_in_a_place():
    with sharing("processes", 2, make_model()) as parallel:
        for i, place in enumerate(parallel.places[0]):
            assert parallel._place_of(0, place) == i
            assert parallel._place_of(0, place.copy()) == forked.NOWHERE
        square = next(place for place in parallel.places[0] if place.shape == (8, 8))
        assert parallel._place_of(0, square.T) == forked.NOWHERE


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
            assert_equal((parallel.backward(ids, None, ids), gradients_of(model)), expected)
            parallel.step(optimizer)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_computed_before_a_step_cannot_be_differentiated_after_it(kind):
    model, batch = make_model(), BATCHES["padded"]
    optimizer = SGD(model.named_parameters(), lr=0.1)
    with sharing(kind, 2, model, optimizer) as parallel:
        loss = model.loss(*batch)
        parallel.backward(*batch)
        parallel.step(optimizer)
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
            assert_equal((parallel.backward(*batch), gradients_of(model)), expected)
            parallel.backward(*batch)
            parallel.step(optimizer)
            optimizer.zero_grad()
    model.loss(*batch).backward()
    optimizer.step()
    assert optimizer.steps == 3 and plain(model, batch)[0] != expected[0]


@needs_processes
def test_another_optimizer_and_too_few_generators_are_refused():
    model, batch = make_model(dropout=0.1), BATCHES["padded"]
    with sharing("processes", 2, model) as parallel:
        with pytest.raises(ValueError, match="1 generators for 2 processes"):
            parallel.backward(*batch, seeded(0))
        parallel.backward(*batch, seeded(0, 1))
        with pytest.raises(ValueError, match="not the optimizer whose state the processes share"):
            parallel.step(SGD(model.named_parameters()))
    with pytest.raises(RuntimeError, match="it has its processes inside `with` only"):
        parallel.backward(*batch)


@needs_processes
def test_nothing_of_the_processes_is_left_for_the_garbage_collector():
    model, batch = make_model(), BATCHES["padded"]
    optimizer = SGD(model.named_parameters())
    gc.collect()
    gc.disable()
    try:
        with Threads(2), ForkedDataParallel(model, optimizer, 2) as parallel:
            parallel.backward(*batch)
            parallel.step(optimizer)
        left = weakref.ref(parallel)
        del parallel
        assert left() is None
    finally:
        gc.enable()


def test_processes_are_used_where_there_are_several_threads_to_take_the_place_of():
    model = make_model()
    optimizer = SGD(model.named_parameters())
    kinds = [(1, DataParallel), (2, ForkedDataParallel if can_fork() else DataParallel)]
    for count, kind in kinds:
        with Threads(count) as threads, choose(model, optimizer, threads) as parallel:
            assert type(parallel) is kind and parallel.count == count


@pytest.mark.parametrize(("least", "parts"), [(1, 3), (4 * 8 * 8, 1), (4 * 8 * 8 // 2, 2), (10**9, 1)])
def test_little_work_is_left_to_fewer_threads(monkeypatch, least, parts):
    monkeypatch.setattr(module, "LEAST", least)
    model, batch = make_model(), make_batch(8, 8, 8, 8)
    with Threads(3) as threads:
        assert len(DataParallel(model, threads)._parts(module.Part(*batch))) == parts
