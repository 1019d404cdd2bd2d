"""The step that restores held-back text best is kept beside the newest, named, and used."""

import io
import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from support.small_run import MODEL, TRAINING, checkpoint, losses

from minattn.errors import InputError
from minattn.models import ReconstructionConfig
from minattn.runs import Run
from minattn.text import Batch
from minattn.training import Score, ScoreTable, TrainedRun, Trainer, load_model
from minattn.training.settings import TrainingConfig, fitted, usual_steps
from minattn.training.train_and_report import remarks, train_and_report

LONGER = replace(TRAINING, steps=60, lr=1e-2, save_every=25, threads=1)
GOOD = 36  # the step after which the weights of a training are spoiled


@pytest.fixture
def make(data, tmp_path):
    """A function that makes a trainer, in a new run or in one that is there."""

    def make(name, run=None, **changes):
        model = ReconstructionConfig(data.tokenizer.vocab_size, **MODEL)
        run = run or Run.create(tmp_path / name, {"model": asdict(model)}, data.tokenizer.to_json())
        return Trainer(model, replace(LONGER, **changes), data, run)

    return make


def spoil(trainer, at=GOOD):
    """What a training reports to, which spoils the weights after a step."""
    kept = {}

    def report(row):
        if row["step"] == at:
            kept.update({name: array.copy() for name, array in trainer.model.state_dict().items()})
            trainer.model.de_embedding.weight.data[:] *= -1

    return report, kept


@pytest.fixture
def spoiled(make):
    """A trainer whose best step is not its last one, and the weights of that step."""
    trainer = make("run")
    report, kept = spoil(trainer)
    assert trainer.train(report)
    return trainer, kept


def test_the_best_step_is_kept_beside_the_newest_and_is_the_one_that_is_loaded(spoiled):
    trainer, kept = spoiled
    run = Run.open(trainer.run.folder)
    assert run.saved_steps() == [GOOD, 60] and run.best_step() == GOOD
    scores = {row["step"]: row["held_back"] for row in run.metrics() if "held_back" in row}
    assert max(scores, key=scores.get) == GOOD and scores[GOOD] > scores[60]
    model, _ = load_model(run)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, kept[name])
    trainer.use_best()
    for name, array in trainer.model.state_dict().items():
        np.testing.assert_array_equal(array, kept[name])


def test_an_opened_run_has_the_model_of_the_best_step_and_goes_on_from_the_newest(spoiled, make):
    trainer, kept = spoiled
    opened = TrainedRun.open(trainer.run.folder)
    assert (opened.step, opened.best_step) == (60, GOOD)
    np.testing.assert_array_equal(opened.model.de_embedding.weight.data, kept["de_embedding.weight"])
    resumed = make("run", opened.run)
    resumed.resume()
    assert resumed.step == 60 and resumed.best == trainer.best
    assert not np.array_equal(resumed.model.de_embedding.weight.data, kept["de_embedding.weight"])


def test_the_best_step_is_the_one_that_is_scored_and_that_is_said(make, data):
    trainer, stream = make("run"), io.StringIO()
    report, kept = spoil(trainer)
    train = trainer.train
    trainer.train = lambda show, stop: train(report, stop)
    outcome = train_and_report(trainer, data, stream)
    assert f"\nthe model is that of step {GOOD}, which restored " in stream.getvalue()
    assert "\n5 of the sentences are held back, to choose the best step by them\n" in stream.getvalue()
    trainer.model.load_state_dict(kept)
    assert outcome.scores["trained"] == trainer.held_out.score(trainer.model)
    assert json.loads((trainer.run.folder / "report.json").read_text())["best_step"] == GOOD


def test_the_last_step_is_the_best_one_where_it_scores_as_well(make):
    trainer = make("run")
    trainer.train()
    assert trainer.run.best_step() == 60 and trainer.run.saved_steps() == [60]
    assert checkpoint(trainer.run.folder)[0] == 60


@pytest.mark.parametrize("stop", [10, 35, 40, 55])
def test_a_training_that_was_resumed_finds_the_same_best_step_bit_for_bit(spoiled, make, stop):
    whole, _ = spoiled
    part = make("part")
    part.train(spoil(part)[0], stop=lambda: part.step == stop)
    part = make("part", Run.open(part.run.folder))
    part.resume()
    part.train(spoil(part)[0])
    assert checkpoint(part.run.folder) == checkpoint(whole.run.folder)
    assert losses(part.run.folder) == losses(whole.run.folder)


def test_neither_held_back_nor_held_out_text_is_trained_on(make, data):
    trainer = make("run")
    epoch = [trainer.batches.at(step) for step in range(len(trainer.batches))]
    learned = {tuple(ids[ids >= 0].tolist()) for batch in epoch for ids in batch.targets}
    held_back = {tuple(ids[ids >= 0].tolist()) for batch in trainer.held_back.whole for ids in batch.targets}
    held_out = set(map(tuple, data.held_out))
    assert held_back and not learned & held_back and not learned & held_out and not held_back & held_out
    assert len(learned | held_back) == len(set(map(tuple, data.training)))


def test_of_steps_that_differ_by_chance_alone_the_later_is_the_best(make):
    trainer = make("run")
    found = []
    for trainer.step, share in enumerate([0.3, 0.8, 0.797, 0.794, 0.796, 0.7, 0.9, 0.6]):
        trainer.held_back.score = lambda *_, share=share, **__: Score(share, share)
        trainer.evaluate(None)
        found.append(trainer.best.step)
    assert found == [0, 1, 2, 2, 4, 4, 6, 6] and trainer.best.score == pytest.approx(0.9)


# --- folders whose best step cannot be used


def edit_state(run, best):
    path = run.folder / "checkpoints" / f"step-{max(run.saved_steps()):06d}" / "state.json"
    described = json.loads(path.read_text())
    described["state"]["best"] = best
    path.write_text(json.dumps(described))


@pytest.mark.parametrize(
    "best",
    [5, "36", [], {"step": "36", "score": 1.0}, {"step": 36}, {"step": True, "score": 1.0}, {"step": 30, "score": 0.5}],
)
def test_a_best_step_that_is_none_or_whose_checkpoint_is_gone_is_named(spoiled, make, best):
    run = Run.open(spoiled[0].run.folder)
    edit_state(run, best)
    complaint = r"state\.json is damaged: best must hold a step and a score"
    if best == {"step": 30, "score": 0.5}:
        complaint = r"names step 30 as the best, whose checkpoint is missing; put it back,"
    for use in (run.info, run.best_step, lambda: load_model(run), make("run", run).resume):
        with pytest.raises(InputError, match=complaint):
            use()


# --- what is copied


def test_a_token_that_stands_there_by_chance_is_copied_and_one_under_a_mask_restored(make, data):
    trainer, mask = make("run"), data.tokenizer.mask_id
    true = np.array([[2, 20, 21, 22, 23, 3, -100]])
    ids = np.array([[2, mask, 40, 22, 23, 3, 0]])
    blanked = np.array([[False, True, True, True, False, False, False]])
    batch = Batch(ids, true, true >= 0, blanked, true > 5)
    assert trainer.targets(batch).tolist() == [[2, 20, 40, 22, 23, 3, -100]]
    trainer.model.learns_from_blanks = True
    assert trainer.targets(batch).tolist() == [[-100, 20, 21, 22, -100, -100, -100]]


def test_of_what_is_seen_a_share_is_copied_and_all_of_it_where_nothing_is_blank(make):
    trainer = make("run", copies=0.25)
    true = np.full((50, 41), 20)
    true[:, 40] = -100
    blanked = np.zeros(true.shape, bool)
    batch = Batch(true, true, true >= 0, blanked, true >= 0)
    assert (trainer.targets(batch) == true).all()
    blanked[:, :10] = True
    targets = trainer.targets(batch)
    assert (targets[:, :10] == 20).all() and (targets[:, 40] == -100).all()
    assert abs((targets[:, 10:40] == 20).mean() - 0.25) < 0.05  # four deviations of 1,500 draws
    np.testing.assert_array_equal(trainer.targets(batch), targets)
    trainer.step += 1
    assert (trainer.targets(batch) != targets).any()


def test_a_model_copies_pieces_that_its_training_text_lacks(make, data):
    trainer = make("run", steps=800, blanks=0.5)
    trainer.train()
    seen = {i for ids in data.training for i in ids}
    lacking = [i for ids in data.held_out for i in ids[1:-1] if i not in seen]
    assert lacking and trainer.held_out.score(trainer.model).copied == 1


# --- how many steps


def test_more_sentences_and_more_pieces_get_more_steps_up_to_those_of_the_shipped_reader():
    by_sentences = [usual_steps(n, 100) for n in (1, 50, 250, 1000, 10**9)]
    by_pieces = [usual_steps(1, n) for n in (1, 700, 1000, 1500, 10**9)]
    for steps in (by_sentences, by_pieces):
        assert steps == sorted(steps) and steps[0] >= 1000 and len(set(steps)) > 2 and steps[-1] == 3000
    assert usual_steps(4349, 1000) == 3000


def test_steps_and_batch_are_fitted_to_the_text_unless_they_are_given():
    usual = TrainingConfig()
    assert fitted(usual, (), 4349, 1000) == usual
    assert fitted(usual, (), 80, 300) == replace(usual, steps=usual_steps(80, 300))
    assert fitted(usual, (), 10, 100) == replace(usual, steps=usual_steps(10, 100), batch=9)
    assert fitted(usual, (), 1, 100).batch == 1
    given = replace(usual, steps=7, batch=50)
    assert fitted(given, ("steps", "batch"), 10, 100) == given


# --- what is said


def table(on, off):
    return ScoreTable(6, 60, 72, 8, {"trained, attention switched off": Score(*off), "trained": Score(*on)})


def rows_of(*copied, held_back=0.8):
    return [
        {"step": 10 * (i + 1), "loss": 1.0, "copied": share, "blanks_filled": 0.1, "held_back": held_back}
        for i, share in enumerate(copied)
    ]


GOES_WELL = table((1.0, 0.2), (1.0, 0.05))


def test_it_is_said_where_counting_fills_more():
    beaten = table((1.0, 0.2), (1.0, 0.05))
    beaten.scores["both neighbours, counted"] = Score(None, 0.25)
    (said,) = remarks(rows_of(0.5, 0.9, 1.0), None, beaten, True)
    assert said.startswith("counting both neighbours fills more blanks, 25.0% instead of 20.0%: ")
    beaten.scores["both neighbours, counted"] = Score(None, 0.204)
    assert [*remarks(rows_of(0.5, 0.9, 1.0), None, beaten, True)] == []


def test_nothing_is_said_where_all_went_well():
    assert [*remarks(rows_of(0.5, 0.9, 1.0), None, GOES_WELL, True)] == []
    assert [*remarks([], None, GOES_WELL, True)] == []
    assert [*remarks(rows_of(0.999, 1.0, 0.995), None, GOES_WELL, True)] == []
    assert [*remarks(rows_of(1.0), None, table((0.999, 0.199), (1.0, 0.2)), True)] == []


def test_copying_that_fell_is_said_with_both_steps():
    (said,) = remarks(rows_of(0.5, 0.943, 0.63), None, GOES_WELL, True)
    assert said.startswith("copying of held-out tokens fell from 94.3% at step 20 to 63.0% at step 30: ")
    assert [*remarks(rows_of(0.5, 0.943, 0.63), None, GOES_WELL, False)] == []


def test_attention_that_does_harm_is_said_with_both_shares():
    (said,) = remarks(rows_of(0.6), None, table((0.63, 0.2), (0.79, 0.05)), True)
    assert said.startswith("with attention switched off the model copies more, 79.0% instead of 63.0%: ")
    (said,) = remarks(rows_of(1.0), None, table((1.0, 0.05), (1.0, 0.1)), True)
    assert said.startswith("with attention switched off the model fills more, 10.0% instead of 5.0%: ")
    (said,) = remarks(rows_of(1.0), None, table((0.6, 0.05), (0.8, 0.1)), False)
    assert "fills more" in said
