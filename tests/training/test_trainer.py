"""A training gives the same bits however often it is stopped, and stops before it saves nonsense."""

import io
import itertools
import math
import os
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from support.small_run import MODEL, STEPS, TRAINING, checkpoint, disk_is_full, losses

from minattn.errors import InputError, RunError
from minattn.models import ReconstructionConfig
from minattn.optim import learning_rate
from minattn.parallel import share_batches
from minattn.runs import Run
from minattn.training import HeldOut, Score, Trainer, train_new_model, training_config
from minattn.training.settings import RECIPE
from minattn.training.trainer import EVALUATIONS

VARIANTS = [
    {"threads": 1, "parts": 1},
    {"threads": 2, "positions": "learned", "layers": 2},
    {"threads": 3, "parts": 4, "positions": "none", "blanks": 0.0},
    {"layers": 0, "de_embedding": "tied"},
    {"threads": 2, "layers": 2, **{name: RECIPE[name] for name in RECIPE if name not in ("width", "hidden")}},
]


@pytest.fixture
def make(data, tmp_path):
    """A function that makes a trainer, in a new run or in one that is there; held_back: whether a best step is kept."""
    names = itertools.count()

    def make(run=None, held_back=True, **changes):
        model = ReconstructionConfig(
            data.tokenizer.vocab_size,
            **MODEL | {key: changes.pop(key) for key in [*changes] if key not in vars(TRAINING)},
        )
        run = run or Run.create(tmp_path / f"run-{next(names)}", {"made": "for a test"}, data.tokenizer.to_json())
        trainer = Trainer(model, replace(TRAINING, **changes), data, run)
        trainer.share_batches = partial(share_batches, least_update=0)  # so little would be left to one
        if not held_back:
            trainer.held_back = None
        return trainer

    return make


def again(make, trainer, **changes):
    """What a new process would have after resuming the run."""
    resumed = make(Run.open(trainer.run.folder), **changes)
    resumed.resume()
    return resumed


def assert_same(run, expected):
    assert losses(run.folder) == losses(expected.folder)
    assert checkpoint(run.folder) == checkpoint(expected.folder)


# --- the same bits


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_two_trainings_with_one_seed_give_the_same_losses_weights_and_optimizer_state(make, variant):
    first, second = make(**variant), make(**variant)
    assert first.train() and second.train()
    assert_same(first.run, second.run)
    assert checkpoint(first.run.folder)[0] == STEPS == len(losses(first.run.folder))


def test_another_seed_gives_other_weights_and_other_losses(make):
    first, second = make(seed=0), make(seed=1)
    first.train(), second.train()
    assert losses(first.run.folder) != losses(second.run.folder)
    assert checkpoint(first.run.folder)[1] != checkpoint(second.run.folder)[1]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_a_training_that_was_stopped_and_resumed_equals_one_that_was_not(make, variant):
    whole, part = make(**variant), make(**variant)
    assert whole.train()
    for step in (0, 1, 3, 3, 7, 11):
        assert not part.train(stop=lambda: part.step == step)  # noqa: B023
        assert checkpoint(part.run.folder)[0] == step
        part = again(make, part, **variant)
        assert part.step == step
    assert part.train()
    assert_same(part.run, whole.run)


def assert_goes_on_from(step, make, trainer):
    """What is resumed goes on from a step, and ends as what was never stopped."""
    whole, resumed = make(held_back=False), again(make, trainer, held_back=False)
    assert resumed.step == step
    assert whole.train() and resumed.train()
    assert_same(resumed.run, whole.run)


def die_at(step):
    def die(row):
        if row["step"] == step:
            raise KeyboardInterrupt

    return die


@pytest.mark.parametrize(("step", "saved"), [(2, 0), (3, 3), (5, 3), (8, 6), (12, 9)])
def test_a_training_that_died_loses_at_most_save_every_steps_and_goes_on_bit_for_bit(make, step, saved):
    part = make(held_back=False, save_every=3)
    with pytest.raises(KeyboardInterrupt):
        part.train(die_at(step))
    assert_goes_on_from(saved, make, part)


def test_a_training_that_died_before_its_first_checkpoint_starts_over_and_logs_each_step_once(make):
    whole, part = make(held_back=False), make(held_back=False)
    whole.train()
    with pytest.raises(KeyboardInterrupt):
        part.train(die_at(5))
    assert len(losses(part.run.folder)) == 5
    part = again(make, part, held_back=False)
    assert part.step == 0 and losses(part.run.folder) == []
    part.train()
    assert_same(part.run, whole.run)


def test_scoring_changes_nothing_in_a_training(make, monkeypatch):
    scored = make()
    scored.train()
    monkeypatch.setattr(HeldOut, "score", lambda *_, **__: Score(0.0, 0.0))
    unscored = make()
    unscored.train()
    first, second = (trainer.run.load() for trainer in (scored, unscored))
    for ours, theirs in ((first.weights, second.weights), (first.optimizer, second.optimizer)):
        assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)


# --- what is reported


def test_each_step_is_reported_and_logged_with_its_loss_and_rate(make):
    trainer, reported = make(warmup=0.25), []
    trainer.train(reported.append)
    assert reported == trainer.run.metrics()
    assert [row["step"] for row in reported] == list(range(1, STEPS + 1))
    assert [row["lr"] for row in reported] == [learning_rate(i, STEPS, TRAINING.lr, 3) for i in range(STEPS)]
    assert all(row["tokens_per_second"] > 0 for row in reported)
    # log V is the loss of a guess without any knowledge; the first weights are a little worse or better than that
    assert reported[0]["loss"] == pytest.approx(math.log(trainer.model.config.vocab_size), rel=0.1)


def test_held_out_text_is_scored_now_and_then_and_at_the_end(make):
    steps = 3 * EVALUATIONS + 2
    trainer, reported = make(steps=steps), []
    trainer.train(reported.append)
    assert [row["step"] for row in reported if "copied" in row] == [*range(3, steps, 3), steps]
    last = trainer.held_out.score(trainer.model, draws=1)
    assert (reported[-1]["copied"], reported[-1]["blanks_filled"]) == (last.copied, last.blanks_filled)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_training_learns_to_copy_every_held_out_token_that_it_has_seen(make, data, seed):
    trainer = make(steps=250, lr=1e-2, layers=0, blanks=0.0, seed=seed)
    before = trainer.held_out.score(trainer.model)
    trainer.train()
    after = trainer.held_out.score(trainer.model)
    seen = {i for ids in data.training for i in ids}
    held_out = [i for ids in data.held_out for i in ids[1:-1]]
    assert before.copied < 0.1 and after.copied >= sum(i in seen for i in held_out) / len(held_out) > 0.8


# --- failing on the way


def poison(trainer, step):
    def poison(row):
        if row["step"] == step:
            trainer.model.embedding.weight.data[:] = np.nan

    return poison


def test_a_loss_that_becomes_nan_stops_names_op_and_step_and_keeps_the_last_good_checkpoint(make):
    trainer = make(held_back=False, save_every=3)
    with pytest.raises(RunError) as raised:
        trainer.train(poison(trainer, 7))
    said = str(raised.value)
    assert said.startswith("training stopped at step 8: forward: Embedding called at ")
    assert said.endswith("gave NaN: its input 1 came in with NaN; the checkpoint of step 6 is kept; try a lower --lr")
    assert len(losses(trainer.run.folder)) == 7
    assert_goes_on_from(6, make, trainer)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_gradient_whose_square_overflows_is_clipped_like_another(make, threads):
    trainer = make(threads=threads)
    loss = trainer.model.loss
    trainer.model.loss = lambda *batch: 1e30 * loss(*batch)
    trainer.train(stop=lambda: trainer.step == 3)
    assert all(np.isfinite(array).all() for array in trainer.model.state_dict().values())


@pytest.mark.parametrize("stop", [5, STEPS])
def test_a_weight_that_is_nan_is_not_saved(make, stop):
    trainer = make(held_back=False, save_every=3)
    with pytest.raises(RunError, match=f"at step {stop}: embedding.weight holds NaN or Inf; the checkpoint of step"):
        trainer.train(poison(trainer, stop), stop=lambda: trainer.step == stop)
    assert checkpoint(trainer.run.folder)[0] == (stop - 1) // 3 * 3


def test_a_rate_far_too_high_is_one_error_without_warnings(make):
    with pytest.raises(RunError, match=r"training stopped at step \d: .*no checkpoint was saved before; try a lower"):
        make(lr=1e30).train()


def test_a_disk_that_fills_up_keeps_the_previous_checkpoint_to_go_on_from(make, monkeypatch):
    trainer = make(held_back=False, save_every=3)
    with monkeypatch.context() as patched:

        def fill(row):
            if row["step"] == 5:
                patched.setattr(os, "fsync", disk_is_full)

        with pytest.raises(RunError, match="step-000006 could not be written: No space left on device"):
            trainer.train(fill)
    assert_goes_on_from(3, make, trainer)


# --- checkpoints that do not fit


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"width": 32}, r"embedding\.weight with shape \(\d+, 16\)"),
        ({"layers": 2}, r"lacks blocks\.1\.attention"),
        ({"layers": 0}, r"holds blocks\.0\.attention"),
        ({"positions": "learned"}, r"lacks positions\.weight"),
    ],
)
def test_a_checkpoint_of_another_model_is_refused(make, changes, complaint):
    trainer = make()
    trainer.train()
    with pytest.raises(InputError, match=complaint):
        again(make, trainer, **changes)


def test_a_checkpoint_without_the_state_of_the_optimizer_is_refused(make):
    trainer = make()
    trainer.run.save(4, trainer.model.state_dict(), {}, {})
    with pytest.raises(InputError, match=r"step 4 does not fit: optimizer state: m\.\S+ is missing"):
        again(make, trainer)


# --- as many steps as fit into some minutes


def test_a_number_of_minutes_gets_the_steps_that_fit_into_it(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("\n".join(f"line {i} has a word" for i in range(60)))
    options = {"minutes": 0.02, "width": 8, "heads": 2, "layers": 1, "out": str(tmp_path / "run"), "threads": 1}
    stream = io.StringIO()
    outcome = train_new_model(str(text), options, "cpu", stream)
    steps = training_config(Run.open(tmp_path / "run")).steps
    assert outcome.finished and outcome.step == steps >= 1
    assert "measuring how long a step takes" in stream.getvalue()
    assert Run.open(tmp_path / "run").metrics()[0]["step"] == 1  # those that were measured are not in the run


@pytest.mark.parametrize("options", [{"minutes": 0.0}, {"minutes": float("nan")}, {"minutes": 1.0, "steps": 5}])
def test_minutes_that_are_none_or_come_with_steps_are_refused(tmp_path, options):
    with pytest.raises(InputError, match="minutes must be a number above 0, and given without steps"):
        train_new_model("en", options | {"out": str(tmp_path / "run")}, "cpu", io.StringIO())
    assert not (tmp_path / "run").exists()
