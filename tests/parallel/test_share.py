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
from minattn.parallel.crew import Crew
from minattn.parallel.memory import shared_zeros
from minattn.parallel.parts import Part, TreeNode, add_in_tree, deal, seed_dropout, stretch
from minattn.parallel.process_workers import ProcessWorkers
from minattn.parallel.threads import ThreadWorkers

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
def sharing(kind, count, model, optimizer=None, parts=None, least_update=0):
    """Threads or processes that share the batches of a model, however small; by default as many as parts."""
    optimizer = optimizer or SGD(model.named_parameters())
    options = {"processes": kind == "processes", "least_update": least_update}
    with Threads(count) as threads, share_batches(model, optimizer, threads, parts or count, **options) as shared:

        def backward(*batch, seed=None):
            if seed is not None:
                shared.seed_dropout([seed])
            loss = shared.model.loss(*batch)
            loss.backward()
            return loss.item()

        def gradients():
            if shared.model is model:
                return gradients_of(model)
            assert not any(parameter.grad is not None for parameter in model.parameters())
            return shared.workers.gradients()

        def run(*batch, seed=None):
            return backward(*batch, seed=seed), gradients()

        optimizers = {"step": shared.optimizer.step, "clip": shared.optimizer.clip_grad_norm_}
        yield SimpleNamespace(backward=backward, run=run, gradients=gradients, **optimizers)


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
def test_a_parameter_without_axes_gets_a_gradient_without_axes(kind):
    class Scaled(ReconstructionModel):
        def loss(self, *batch):
            return super().loss(*batch) * self.scale

    model = make_model()
    model.__class__, model.scale = Scaled, Parameter(np.array(2.0))
    expected = plain(model, BATCHES["padded"])
    with sharing(kind, 2, model) as parallel:
        loss, gradients = parallel.run(*BATCHES["padded"])
    assert gradients["scale"].shape == ()
    assert_equal((loss, gradients), expected)


# --- the same bits


@pytest.mark.parametrize("parts", [2, 3, 5, 8])
def test_parts_decide_the_bits_and_not_the_kind_of_workers_or_their_number(parts):
    results = []
    for kind, count in [("threads", 1), *((kind, count) for kind in KINDS for count in (2, 3, 4, 8))]:
        model = make_model(np.float32, dropout=0.2, width=280)  # several blocks in its largest parameters
        optimizer = AdamW(model.named_parameters(), lr=0.1)
        with sharing(kind, count, model.train(), optimizer, parts, least_update=0 if count < 4 else 10**9) as parallel:
            told = []
            for step, name in enumerate(["padded", "the first part has none", "one sentence", "few targets"]):
                told.append(parallel.backward(*BATCHES[name], seed=step))
                told.append(parallel.clip(0.5))
                parallel.step()
        results.append((told, model.state_dict() | optimizer.state_dict()))
    for told, arrays in results[1:]:
        assert told == results[0][0]
        assert_same_bits((0, arrays), (0, results[0][1]))


def test_the_tree_adds_neighbours_first_whatever_is_missing():
    def sum_of(count, missing=()):
        leaves = {TreeNode(i, i + 1): str(i) for i in range(count) if i not in missing}
        return add_in_tree(TreeNode(0, count), leaves.get, lambda left, right: f"({left}{right})")

    assert sum_of(8) == "(((01)(23))((45)(67)))"
    assert sum_of(7) == "(((01)(23))((45)6))"
    assert sum_of(5) == "(((01)(23))4)" and sum_of(1) == "0"
    assert sum_of(8, {2, 4, 5}) == "(((01)3)(67))" and sum_of(4, {0, 1, 2, 3}) is None


@pytest.mark.parametrize("count", range(1, 9))
@pytest.mark.parametrize("parts", [1, 2, 5, 8, 13])
def test_what_workers_have_together_makes_the_whole_tree(parts, count):
    def whole(node):
        return f"({whole(node.halves[0])}{whole(node.halves[1])})" if node.end - node.start > 1 else f"{node.start},"

    nodes = [node for i in range(count) for node in TreeNode(0, parts).within(*stretch(0, parts, i, count))]
    assert [i for node in nodes for i in range(node.start, node.end)] == [*range(parts)]
    have = {node: whole(node) for node in nodes}
    assert add_in_tree(TreeNode(0, parts), have.get, lambda left, right: f"({left}{right})") == whole(
        TreeNode(0, parts)
    )


def test_a_batch_is_dealt_by_rows_and_its_parts_keep_their_numbers():
    dealt = deal(Part(*BATCHES["the first part has none"]), 3)
    assert [part.number for part in dealt] == [1, 2] and sum(part.weight for part in dealt) == 1.0
    assert [part.part.targets_wanted for part in deal(Part(*make_batch(5, 5)), 4)] == [5, 5]
    nothing = without_targets(make_batch(3, 4, 5), slice(None))
    assert [(part.number, part.weight) for part in deal(Part(*nothing), 2)] == [(1, 1.0)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_gradient_beside_those_of_the_workers_is_not_lost_in_silence(kind):
    model = make_model()
    with sharing(kind, 2, model) as parallel:
        parallel.backward(*BATCHES["padded"])
        model.embedding.weight.grad = np.ones_like(model.embedding.weight.data)
        with pytest.raises(RuntimeError, match=r"embedding.weight has a gradient beside that of the workers"):
            parallel.step()


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_clipped_as_by_the_optimizer_alone(kind):
    models = [make_model(), make_model()]
    optimizers = [SGD(model.named_parameters(), lr=0.5) for model in models]
    models[0].loss(*BATCHES["padded"]).backward()
    norm = optimizers[0].clip_grad_norm_(0.25)
    optimizers[0].step()
    with sharing(kind, 3, models[1], optimizers[1]) as parallel:
        parallel.backward(*BATCHES["padded"])
        assert parallel.clip(0.25) == pytest.approx(norm, rel=1e-12) and norm > 0.25
        parallel.step()
    for name, array in models[0].state_dict().items():
        assert_close(models[1].state_dict()[name], array, relative=1e-12, least=1e-15)


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
        parallel.gradients()
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
    original = getattr(Crew, method)

    def watched(self, rank, *arguments):
        done[rank] = os.getpid()
        return original(self, rank, *arguments)

    monkeypatch.setattr(Crew, method, watched)
    model = make_model(np.float32)  # in float64 the textbook updates, in one process
    optimizer = SGD(model.named_parameters())
    with sharing("processes", 3, model, optimizer) as parallel:
        parallel.backward(*BATCHES["padded"])
        parallel.step()
    assert done[0] == os.getpid() and len(set(done)) == 3 and done.all()


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
            results.append(parallel.run(ids, mask, targets)[1])
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
    model.loss(*batch).backward()
    optimizer.step()
    assert set(optimizer.steps.values()) == {3} and plain(model, batch)[0] != expected[0]


@needs_processes
def test_processes_compute_inside_their_with_only():
    model = make_model()
    with ProcessWorkers(model, SGD(model.named_parameters()), 2, 2) as workers:
        workers.add_gradients(Part(*BATCHES["padded"]))
    with pytest.raises(RuntimeError, match="the processes are there inside `with` only"):
        workers.add_gradients(Part(*BATCHES["padded"]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_shared_loss_is_known_after_its_backward(kind):
    model = make_model()
    options = {"processes": kind == "processes"}
    with Threads(2) as threads, share_batches(model, SGD(model.named_parameters()), threads, 2, **options) as shared:
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
        with Threads(2), ProcessWorkers(model, optimizer, 4, 2, least_update=0) as workers:
            workers.add_gradients(Part(*batch))
            workers.step()
        left = weakref.ref(workers)
        del workers
        assert left() is None
    finally:
        gc.enable()


def test_one_part_has_the_model_itself_and_several_go_to_processes_where_they_can_be_forked():
    model = make_model()
    optimizer = SGD(model.named_parameters())
    with Threads(2) as threads, share_batches(model, optimizer, threads, 1) as shared:
        assert shared.model is model and shared.optimizer is optimizer
    for count, kind in [(1, ThreadWorkers), (2, ProcessWorkers if can_fork() else ThreadWorkers)]:
        with Threads(count) as threads, share_batches(model, optimizer, threads, 4) as shared:
            assert type(shared.model) is SharedModel
            assert isinstance(shared.workers, kind)
            assert shared.workers.count == count
