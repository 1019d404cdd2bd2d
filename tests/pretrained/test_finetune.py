"""Fine-tuning a pretrained model: what changes, what stays, how it goes on, and what is refused."""

import json
import os
import re
import shutil
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from support.small_run import (
    assert_one_sentence,
    checkpoint,
    contents,
    ctrl_c_at,
    edit_config,
    losses,
    start,
    write_text,
)

from minattn.cli import main
from minattn.errors import InputError
from minattn.graph import walk
from minattn.models import ReconstructionConfig, ReconstructionModel
from minattn.optim import SGD
from minattn.parallel import Threads, share_batches
from minattn.pretrained import (
    BertForMaskedLM,
    BertModel,
    DistilBertForMaskedLM,
    EncoderConfig,
    load_pretrained,
    load_tokenizer,
    save_tokenizer,
)
from minattn.pretrained.finetune import freeze, frozen_parts, open_to_train, with_new_head
from minattn.pretrained.masked_lm import MaskedLM
from minattn.runs import Run
from minattn.text import WordPiece
from minattn.training import HeldOut, Trainer, TrainingConfig, find_text, load_data, load_model
from minattn.training.settings import memory_needed
from minattn.training.trainer import FEWER_BLANKED

SIZES = {"width": 16, "layers": 3, "heads": 2, "hidden": 24, "max_tokens": 32, "dropout": 0.1}
STEPS = 12
FAST = ("--steps", str(STEPS), "--batch", "8", "--lr", "2e-3")
PARTS = ("--freeze", "embeddings,layer.0-1")


def pretrained(cls, config, seed=0):
    """A model whose parameters are all away from their first values, norms and biases too."""
    model = cls(config, generator=np.random.default_rng(seed))
    rng = np.random.default_rng(seed + 1)
    for parameter in model.parameters():
        parameter.set(parameter.data + 0.1 * rng.normal(size=parameter.shape))
    return model


@pytest.fixture(scope="session")
def folders(data, tmp_path_factory):
    """Pretrained models as others might have saved them."""
    root, size = tmp_path_factory.mktemp("models"), data.tokenizer.vocab_size
    bert = EncoderConfig(size, token_types=2, **SIZES)
    models = {
        "bert": pretrained(BertForMaskedLM, bert),
        "encoder": pretrained(BertModel, bert),
        "distilbert": pretrained(DistilBertForMaskedLM, EncoderConfig(size, tied=False, **SIZES)),
    }
    for name, model in models.items():
        model.save_pretrained(root / name)
        save_tokenizer(data.tokenizer, root / name)
    return root


@pytest.fixture
def place(folders, tmp_path, monkeypatch):
    """A folder with a text and the models in it."""
    shutil.copytree(folders, tmp_path, dirs_exist_ok=True)
    write_text(tmp_path / "small.txt")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ask(capsys):
    """Runs a command that should end with a code; gives what it printed, the errors where it failed."""

    def ask(*arguments, code=0):
        capsys.readouterr()
        arguments += ("--no-figures",) * (arguments[0] == "train")
        assert main([str(argument) for argument in arguments]) == code
        out, err = capsys.readouterr()
        if code == 2:
            assert_one_sentence(err)
        return err if code == 2 else out

    return ask


def weights(folder):
    return load_pretrained(folder, report=lambda line: None).state_dict()


def saved(run):
    return Run.open(run).load()


# --- a whole fine-tuning


def test_a_fine_tuning_shows_what_it_was_worth_and_leaves_a_model_folder(place, ask):
    out = ask("train", "small.txt", "--from", "bert", *FAST, *PARTS, "--out", "new")
    names = [name for name, _ in load_pretrained("bert").named_parameters()]
    own = load_pretrained("bert")
    trained = sum(p.size for n, p in own.named_parameters() if n.startswith(("head.", "encoder.blocks.2.")))
    total = sum(p.size for p in own.parameters())
    assert f"{total:,} parameters, of which {trained:,} train" in out
    report = json.loads(Path("new/report.json").read_text())
    assert list(report["held_out"]["scores"]) == [
        "before fine-tuning",
        "commonest token",
        "left neighbour's commonest successor",
        "both neighbours, counted",
        "trained, attention switched off",
        "trained",
    ]
    scores = held_out_of("new").score(own)
    assert report["held_out"]["scores"]["before fine-tuning"] == asdict(scores)
    assert losses("new")[0] == {"step": 0, **asdict(scores)} and len(losses("new")) == STEPS + 1
    tuned, state = weights("new/model"), saved("new").weights
    assert set(names) == set(tuned) == set(state)
    for name in names:
        np.testing.assert_array_equal(tuned[name], state[name], err_msg=name)
    assert load_tokenizer("new/model").to_json() == load_tokenizer("bert").to_json()


def held_out_of(folder):
    """The held-out text of a run, as its trainer has it."""
    run = Run.open(folder)
    data = load_data(find_text(run.config["text"]["name"]), WordPiece(run.tokenizer_json), SIZES["max_tokens"])
    return HeldOut(data.held_out, data.tokenizer, blanked=FEWER_BLANKED)


@pytest.mark.parametrize("name", ["bert", "encoder", "distilbert"])
def test_other_commands_use_the_run_of_a_fine_tuning_as_any_other(place, ask, name):
    ask("train", "small.txt", "--from", name, *FAST, "--freeze", "layer.1", "--out", "new")
    told = json.loads(ask("reconstruct", "The cat [MASK] the red house.", "--run", "new", "--json"))
    assert len(told["tokens"]) == 9
    info = ask("info", "new")
    assert f"from        {place / name}, frozen: layer.1" in info
    assert f"model {sum(map(len, contents(Path('new/model')).values())):,}, text.ids " in info
    model, _ = load_model(Run.open("new"))
    assert isinstance(model, DistilBertForMaskedLM if name == "distilbert" else BertForMaskedLM)
    ids = np.array([[2, 9, 4, 3]])
    np.testing.assert_array_equal(model.logits(ids).data, load_pretrained("new/model").logits(ids).data)


def test_the_figures_are_drawn_of_a_fine_tuning_too(folders, tmp_path, capsys):
    text = write_text(tmp_path / "small.txt")
    assert main(["train", str(text), "--from", str(folders / "bert"), *FAST, "--out", str(tmp_path / "new")]) == 0
    drawn = {path.stem for path in (tmp_path / "new/figures").iterdir()}
    assert drawn >= {"curves", "positions", *(f"attention-layer-{i}" for i in (1, 2, 3))}


def test_training_helps(place, ask):
    ask("train", "small.txt", "--from", "bert", "--steps", "150", "--batch", "8", "--lr", "5e-3", "--out", "new")
    scores = json.loads(Path("new/report.json").read_text())["held_out"]["scores"]
    before, after = scores["before fine-tuning"]["blanks_filled"], scores["trained"]["blanks_filled"]
    assert after > before + 0.1  # 0.05 before, about 0.4 after


def test_a_fine_tuned_model_can_be_fine_tuned_again_and_a_run_stands_for_its_model(place, ask):
    ask("train", "small.txt", "--from", "encoder", *FAST, "--out", "first")
    for name, folder in (("second", "first"), ("third", "first/model")):
        out = ask("train", "small.txt", "--from", folder, *FAST, "--out", name)
        assert "head" not in out
    assert checkpoint("second") == checkpoint("third")
    first, second = (losses(name) for name in ("first", "second"))
    assert second[1]["loss"] < first[1]["loss"]


def test_settings_that_are_not_given_are_those_of_the_source(place, ask, data):
    sentences = len(data.training)
    ask("train", "small.txt", "--from", "bert", "--batch", "16", "--out", "new")
    training = Run.open("new").config["training"]
    assert training["lr"] == 5e-5 and training["steps"] == 3 * -(-sentences // 16) and training["save_every"] == 200
    ask("train", "small.txt", "--from", "bert", "--steps", "2", "--lr", "0.001", "--out", "own")
    assert (Run.open("own").config["training"]["lr"], Run.open("own").config["training"]["steps"]) == (0.001, 2)


def test_texts_longer_than_the_positions_are_cut(place, ask):
    with open("small.txt", "a") as file:
        file.write("# Long\n" + "The cat sees the dog " * 20 + ".\n")
    out = ask("train", "small.txt", "--from", "bert", *FAST, "--out", "new")
    assert "1 sentences are longer than 32 tokens and were cut into parts" in out


# --- an encoder without a head


def test_an_encoder_gets_a_head_that_starts_as_the_identity_and_that_is_said(place, ask):
    out = ask("train", "small.txt", "--from", "encoder", "--steps", "1", "--out", "new")
    assert "encoder holds an encoder without a masked-LM head: a new head starts as the identity" in out
    assert Run.open("new").config["training"]["lr"] == 5e-4
    model, _, head_is_new = open_to_train(Path("encoder"), lambda line: None)
    assert head_is_new and isinstance(model, MaskedLM) and model.config.tied
    np.testing.assert_array_equal(model.head.dense.weight.data, np.eye(16))
    assert model.head.de_embedding.weight is model.embeddings.word_embeddings.weight
    ids = np.array([[2, 9, 4, 3]])
    encoder = load_pretrained("encoder")
    np.testing.assert_array_equal(model.encoder(ids).last_hidden_state.data, encoder(ids).last_hidden_state.data)
    assert not any(name.startswith("encoder.pooler") for name, _ in model.named_parameters())


# --- frozen parts


@pytest.mark.parametrize(
    ("names", "frozen"),
    [
        ("embeddings", ("encoder.embeddings.",)),
        ("layer.1", ("encoder.blocks.1.",)),
        ("layer.0-2,head", ("encoder.blocks.", "head.")),
        ("head,layer.2,embeddings", ("encoder.embeddings.", "encoder.blocks.2.", "head.")),
    ],
)
@pytest.mark.parametrize("model", ["bert", "distilbert"])
def test_frozen_parts_do_not_change_by_a_bit_and_everything_else_does(place, ask, model, names, frozen):
    ask("train", "small.txt", "--from", model, *FAST, "--freeze", names, "--out", "new")
    before, after = weights(model), saved("new")
    for name, array in before.items():
        assert np.array_equal(array, after.weights[name]) == name.startswith(frozen), name
    moments = {name.removeprefix("m.") for name in after.optimizer if name.startswith("m.")}
    assert moments == {name for name in before if not name.startswith(frozen)}


def nodes(model, ids):
    """The ops that a backward pass through the loss walks, and the parameters that it reaches."""
    loss = model.loss(ids, None, ids)
    walked = []

    def pull(node, upstream):
        walked.append(str(node.op))
        return node.gradients(upstream)

    leaves = walk(loss.node, np.ones_like(loss.data), pull)
    return walked, {id(leaf) for leaf, _ in leaves}


def test_no_backward_work_is_done_below_the_lowest_layer_that_trains(folders, data, monkeypatch):
    model = load_pretrained(folders / "bert")
    ids = np.array(data.training[:1])
    whole, _ = nodes(model, ids)
    freeze(model, frozen_parts("embeddings,layer.0-1", 3))
    walked, reached = nodes(model, ids)
    assert reached == {id(p) for n, p in model.named_parameters() if n.startswith(("encoder.blocks.2.", "head."))}
    hidden = model.encoder(ids, output_hidden_states=True).hidden_states[2].detach()
    monkeypatch.setattr(model.encoder, "encode", lambda ids, mask: (model.encoder.blocks[2](hidden), None))
    alone, _ = nodes(model, ids)  # the last layer and the head, with nothing below
    assert walked == alone and len(walked) < len(whole) / 2


def test_what_is_frozen_gets_no_gradient_on_any_thread(folders, data):
    model = load_pretrained(folders / "bert").train()
    freeze(model, frozen_parts("embeddings,layer.2", 3))
    ids = np.array([data.training[0][:8]] * 4)
    with (
        Threads(2) as threads,
        share_batches(model, SGD(model.named_parameters()), threads, 2, processes=False) as shared,
    ):
        shared.model.loss(ids, None, ids).backward()
        got = shared.workers.gradients().keys()
    still = ("encoder.embeddings.", "encoder.blocks.2.")
    assert got == {name for name, _ in model.named_parameters() if not name.startswith(still)}


@pytest.mark.parametrize(
    ("names", "frozen"),
    [
        ("", set()),
        ("head", {"head"}),
        ("layer.2", {"layer.2"}),
        ("layer.0-2,layer.1", {"layer.0", "layer.1", "layer.2"}),
    ],
)
def test_parts_are_named_one_by_one_or_from_one_layer_to_another(names, frozen):
    assert frozen_parts(names, 3) == frozen


@pytest.mark.parametrize(
    "names",
    [
        *("layer.3", "layer.0-3", "layer.2-1", "layer.-1", "layer", "layer.1-", "layers.0", "Embeddings", "pooler"),
        *("head,", ",", "head head", "layer.0- 2", "layer.99999999999999999999", "layer.²", "embeddings;head"),
    ],
)
def test_parts_that_the_model_does_not_have_are_refused_with_those_that_it_has(place, ask, names):
    before = contents(place)
    err = ask("train", "small.txt", "--from", "bert", "--freeze", names, code=2)
    assert "is no part of this model, which has embeddings, layer.0 to layer.2, head" in err
    assert contents(place) == before


def test_freezing_everything_is_refused():
    with pytest.raises(InputError, match="leaves nothing to train"):
        frozen_parts("head,embeddings,layer.0-2", 3)
    with pytest.raises(InputError, match=r"which has embeddings, layer\.0, head"):
        frozen_parts("layer.1", 1)
    with pytest.raises(InputError, match="which has embeddings, head"):
        frozen_parts("layer.0", 0)


# --- going on


@pytest.fixture
def stop(ask):
    """Starts a fine-tuning, and stops it by Ctrl-C at a step."""

    def stop(step, *options):
        with ctrl_c_at(step):
            out = ask("train", "small.txt", *FAST, *options, "--out", "new", code=130)
        assert "stopping and saving after this step or scoring; Ctrl-C again: at once, unsaved" in out
        assert out.endswith(f"stopped and saved at step {step}; go on with: minattn train --resume new\n")
        assert checkpoint("new")[0] == step

    return stop


@pytest.fixture(scope="module")
def stopped(folders, tmp_path_factory):
    """A fine-tuning that was stopped at step 3."""
    folder = tmp_path_factory.mktemp("stopped")
    command = ["train", write_text(folder / "small.txt"), "--from", folders / "bert", *FAST, *PARTS, "--no-figures"]
    with ctrl_c_at(3):
        assert main([str(word) for word in (*command, "--out", folder / "new")]) == 130
    return folder / "new"


@pytest.mark.parametrize(
    "options", [("--from", "bert", "--threads", "2", *PARTS), ("--from", "encoder"), ("--from", "distilbert")]
)
def test_a_fine_tuning_that_was_stopped_goes_on_bit_for_bit_without_its_folder(place, ask, stop, options):
    ask("train", "small.txt", *FAST, *options, "--out", "whole")
    stop(5, *options)
    shutil.rmtree(options[1])
    out = ask("train", "--resume", "new")
    if "--freeze" in options:
        assert ", of which " in out
    assert losses("new") == losses("whole") and checkpoint("new") == checkpoint("whole")
    whole, new = contents(place / "whole"), contents(place / "new")
    for name in ("config.json", *(name for name in whole if name.startswith("model/"))):
        assert new[name] == whole[name], name
    assert json.loads(new["report.json"])["held_out"] == json.loads(whole["report.json"])["held_out"]


def test_kill_9_loses_at_most_save_every_steps_and_changes_no_bit(place, ask):
    command = ["train", "small.txt", "--from", "bert", *FAST, "--steps", "150", "--save-every", "20", "--threads", "1"]
    command += PARTS
    ask(*command, "--out", "whole")
    process = start(*command, "--out", "new", cwd=place)
    metrics, deadline = place / "new/metrics.jsonl", time.monotonic() + 60
    while not (metrics.exists() and metrics.read_bytes().count(b"\n") > 50) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.kill()
    process.communicate()
    logged = metrics.read_bytes().count(b"\n") - 1
    assert logged - 20 <= max(Run.open("new").saved_steps()) <= logged
    ask("train", "--resume", "new")
    assert losses("new") == losses("whole") and checkpoint("new") == checkpoint("whole")


def test_a_fine_tuning_that_was_stopped_while_it_was_scored_first_goes_on_from_the_weights_that_came(
    place, ask, monkeypatch
):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    ask("train", "small.txt", "--from", "bert", *FAST, "--out", "whole")
    with monkeypatch.context() as patched:
        patched.setattr(HeldOut, "score", stopped)
        ask("train", "small.txt", "--from", "bert", *FAST, "--out", "new", code=130)
    shutil.rmtree("bert")
    ask("train", "--resume", "new")
    assert losses("new") == losses("whole") and checkpoint("new") == checkpoint("whole")


def test_a_fine_tuning_that_fails_before_its_first_weights_are_saved_can_be_started_anew(place, ask, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    command = ("train", "small.txt", "--from", "bert", *FAST, "--out", "new")
    for owner, name in ((Trainer, "__init__"), (WordPiece, "save"), (Trainer, "save")):
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, stopped)
            ask(*command, code=130)
        assert not Path("new").exists(), name
    ask(*command)


def test_a_run_without_its_first_weights_is_refused(place, ask, stop):
    stop(3, "--from", "bert")
    shutil.rmtree("new/checkpoints")
    err = ask("train", "--resume", "new", code=2)
    assert "new was stopped before its pretrained weights were saved; remove it and start anew with --from" in err


def test_a_run_without_a_model_of_this_kind_says_why(place, ask, stop):
    stop(3, "--from", "bert")
    for arguments in (("train", "small.txt", "--from", "new"), ("embed", "new", "the cat")):
        assert "new has no model yet: a fine-tuning writes it at its end" in ask(*arguments, code=2)
    step = next((place / "new/checkpoints").iterdir())
    assert f"{step} is a checkpoint of a run; give the run, {place / 'new'}" in ask("embed", step, "the cat", code=2)
    shutil.rmtree("new/model")
    assert "new has no model yet" in ask("embed", "new", "the cat", code=2)
    (place / "new/config.json").write_text('{"format": "minattn run"}')
    assert "new is a run of a model of its own" in ask("embed", "new", "the cat", code=2)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda config: config["model"].update(model_type="gpt"), "model_type is 'gpt'; known are bert and distilbert"),
        (lambda config: config["model"].update(model_type=["bert"]), "model_type is ['bert']; known are"),
        (lambda config: config["model"].pop("model_type"), "config.json: model lacks positions"),
        (lambda config: config["model"].update(pad_id="0"), "model: pad_id must be of type int, got '0'"),
        (lambda config: config["model"].update(width=10**9, heads=1), "GiB of memory, and this machine has"),
        (lambda config: config.pop("from"), "config.json: from is missing"),
        (lambda config: config["from"].update(freeze=3), "from: freeze must be of type str, got 3"),
        (lambda config: config["from"].update(freeze="layer.7"), "'layer.7' is no part of this model"),
        (lambda config: config["from"].update(freeze="head"), "optimizer state"),
    ],
)
def test_a_config_that_was_edited_by_hand_is_one_sentence(place, ask, stopped, change, complaint):
    shutil.copytree(stopped, "new")
    edit_config("new", change)
    before = contents(place)
    assert complaint in ask("train", "--resume", "new", code=2)
    assert contents(place) == before


# --- what is refused at the start


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--from", "bert", "--vocab-size", "500"), "--vocab-size is for a new model and cannot be given with --from"),
        (("--from", "bert", "--width", "16"), "--width is for a new model"),
        (("--from", "bert", "--layers", "1"), "--layers is for a new model"),
        (("--from", "bert", "--heads", "2"), "--heads is for a new model"),
        (("--from", "bert", "--positions", "none"), "--positions is for a new model"),
        (("--freeze", "head"), "say with --from which model"),
        (("--from", "bert", "--freeze", ""), "freeze is empty"),
        (("--from", "", "--freeze", "head"), "from is empty"),
        (("--from", "nowhere"), "nowhere"),
        (("--from", "small.txt"), "small.txt"),
        (("--from", "bert", "--lr", "0"), "lr must be a number above 0"),
        (("--from", "bert", "--batch", "1000"), "fewer than a batch of 1000"),
        (("--from", "bert", "--resume", "new"), "own settings; --from cannot be given with it"),
        (("--freeze", "head", "--resume", "new"), "own settings; --freeze cannot be given with it"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(place, ask, options, complaint):
    before = contents(place)
    text = [] if "--resume" in options else ["small.txt"]
    assert complaint in ask("train", *text, *options, code=2)
    assert contents(place) == before


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "has no model.safetensors"),
        (lambda folder: (folder / "config.json").unlink(), "config.json is missing"),
        (lambda folder: [path.unlink() for path in folder.glob("*o[ck]*.[jt]*")], "expected tokenizer.json or vocab"),
        (lambda folder: save_tokenizer(WordPiece.train(["a cat"], 30), folder), "pieces, but the model has"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused(place, ask, change, complaint):
    change(place / "bert")
    before = contents(place)
    assert complaint in ask("train", "small.txt", "--from", "bert", code=2)
    assert contents(place) == before


def test_a_model_that_does_not_fit_into_memory_is_refused_and_freezing_makes_it_smaller(place, ask, monkeypatch):
    config = load_pretrained("bert").config
    needed, frozen = memory_needed(config, ()), memory_needed(config, frozen_parts("embeddings,layer.0-1", 3))
    matrices = {n: p.size for n, p in load_pretrained("bert").named_parameters() if p.ndim > 1}
    still = sum(size for n, size in matrices.items() if re.match(r"encoder\.(embeddings|blocks\.[01])", n))
    assert (needed, frozen) == (16 * sum(matrices.values()), 16 * sum(matrices.values()) - 12 * still)
    monkeypatch.setattr(os, "sysconf", lambda name: (needed + frozen) // 2 if name == "SC_PHYS_PAGES" else 1)
    err = ask("train", "small.txt", "--from", "bert", *FAST, "--out", "new", code=2)
    assert "GiB of memory" in err and "try --freeze" in err
    ask("train", "small.txt", "--from", "bert", *FAST, *PARTS, "--out", "new")


# --- what the models share


def both(data):
    size = data.tokenizer.vocab_size
    yield pretrained(BertForMaskedLM, EncoderConfig(size, **SIZES)).eval()
    yield ReconstructionModel(ReconstructionConfig(size), generator=np.random.default_rng(0)).eval()


def test_logits_of_some_places_are_those_among_all(data):
    ids = np.array([[*data.training[1][:4], 0, 0], data.training[0][:6]])
    mask = ids != 0
    for where in (mask & (ids > 8), np.zeros_like(mask)):
        for model in both(data):
            every = model.logits(ids, mask).data
            # other blocking of the product
            np.testing.assert_allclose(model.logits(ids, mask, where).data, every[where], rtol=1e-4, atol=1e-5)


def test_a_large_vocabulary_is_scored_in_smaller_batches_to_the_same_end(data):
    held_out = HeldOut(data.held_out, data.tokenizer)
    smaller = HeldOut(data.held_out, data.tokenizer, logits=4 * 12 * data.tokenizer.vocab_size)
    longest = max(map(len, data.held_out))
    assert {len(batch.ids) * longest <= 4 * 12 for batch in smaller.whole} == {True}
    assert len(smaller.whole) > len(held_out.whole) and smaller.tokens == held_out.tokens
    for model in both(data):
        assert smaller.score(model).copied == held_out.score(model).copied


def targets_of_a_step(data, tmp_path, model, blanks):
    training = TrainingConfig(steps=5, batch=8, blanks=blanks, copies=1.0, swapped=0.0, threads=1)
    run = Run.create(tmp_path / f"run-{type(model).__name__}-{blanks}", {}, data.tokenizer.to_json())
    trainer = Trainer(model, training, data, run)
    batch = trainer.batches.at(0)
    return batch, trainer.targets(batch)


@pytest.mark.parametrize("blanks", [0.0, 0.15])
def test_a_masked_lm_model_is_trained_on_blanks_where_there_are_any_and_a_new_one_on_everything(data, tmp_path, blanks):
    masked_lm, new = both(data)
    batch, targets = targets_of_a_step(data, tmp_path, masked_lm, blanks)
    wanted = np.where(batch.blanked, batch.targets, -100) if blanks else batch.targets
    np.testing.assert_array_equal(targets, wanted)
    batch, targets = targets_of_a_step(data, tmp_path, new, blanks)
    np.testing.assert_array_equal(targets, batch.targets)


# --- what others make of it


@pytest.mark.parametrize("name", ["bert", "encoder", "distilbert"])
def test_transformers_opens_the_model_folder_and_agrees(place, ask, name):
    torch, transformers = (pytest.importorskip(module) for module in ("torch", "transformers"))
    ask("train", "small.txt", "--from", name, *FAST, *PARTS, "--out", "new")
    tokenizer = transformers.AutoTokenizer.from_pretrained("new/model")
    theirs = transformers.AutoModelForMaskedLM.from_pretrained("new/model").eval()
    ours, own = load_model(Run.open("new"))
    sentence = "The cat sees the warm bread."
    ids = own.encode(sentence)
    given = tokenizer(sentence, return_tensors="pt")
    assert given["input_ids"].tolist() == [ids]
    with torch.no_grad():
        logits = theirs(**given).logits.numpy()
    # float32 in another order of sums
    np.testing.assert_allclose(ours.logits(np.array([ids])).data, logits, rtol=1e-4, atol=1e-5)


def test_a_new_head_is_in_the_mode_of_its_encoder():
    config = EncoderConfig(12, width=8, layers=1, heads=2, hidden=16, max_tokens=8, dropout=0.5)
    encoder = BertModel(config, generator=np.random.default_rng(0)).eval()
    model = with_new_head(encoder)
    with model.evaluating():
        pass
    ids = np.array([[1, 2, 3]])
    assert (model(ids).logits.data == model(ids).logits.data).all()  # no dropout
