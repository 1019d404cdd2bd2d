"""Stopping, being killed and going on from the command line: nothing is lost and nothing differs."""

import json
import os
import pty
import random
import shutil
import signal
import sys
import time

import pytest
from disturbed import children
from support.small_run import (
    PLAIN,
    STEPS,
    assert_one_sentence,
    checkpoint,
    contents,
    ctrl_c_at,
    edit_config,
    interrupt,
    losses,
    start,
)

from minattn.cli import main
from minattn.parallel import can_fork
from minattn.terminal import Progress
from minattn.text import WordPiece

MANY = 400  # steps that take about a second or two, time enough to be stopped in the middle
LONG = (*PLAIN, "--steps", str(MANY))


@pytest.fixture(scope="module")
def whole(trained, tmp_path_factory):
    """A long run that was never stopped: its losses and its checkpoint."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert main(["train", str(trained.text), *LONG, "--out", str(folder)]) == 0
    return losses(folder), checkpoint(folder)


def logged(folder):
    path = folder / "metrics.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def wait_for(process, folder, steps):
    """Wait until a training has logged this many steps, or has ended."""
    deadline = time.monotonic() + 60
    while logged(folder) < steps and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)


def resume(capsys, *options, code=0):
    assert main(["train", "--resume", "new", "--no-figures", *options]) == code
    out, err = capsys.readouterr()
    if code:
        assert_one_sentence(err)
    return err if code else out


# --- signals


def test_ctrl_c_saves_says_how_to_resume_and_loses_nothing(place, whole, capsys):
    process = start("train", "small.txt", *LONG, "--out", "new", cwd=place)
    wait_for(process, place / "new", 30)
    interrupt(process)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    step, _ = checkpoint("new")
    assert 30 <= step < MANY and step == logged(place / "new")
    assert out.splitlines()[-1] == f"stopped and saved at step {step}; go on with: minattn train --resume new"
    assert f", from step {step}\n" in resume(capsys)
    assert (losses("new"), checkpoint("new")) == whole


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_that_ask_to_end_save_too(place, number):
    process = start("train", "small.txt", *LONG, "--out", "new", "--json", cwd=place)
    wait_for(process, place / "new", 10)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number and "stopped and saved at step" in err
    assert json.loads(out) == {"run": "new", "step": checkpoint("new")[0], "finished": False}


def test_a_second_ctrl_c_ends_a_training_at_once(place, monkeypatch, capsys):
    def twice(self, row):
        if row["step"] == 5:
            signal.raise_signal(signal.SIGINT)
            assert not (place / "new/checkpoints").exists()
            signal.raise_signal(signal.SIGINT)
            raise AssertionError("went on after the second signal")

    monkeypatch.setattr(Progress, "show", twice)
    assert main(["train", "small.txt", *LONG, "--out", "new"]) == 130
    assert capsys.readouterr().err == "minattn: interrupted\n"
    assert not (place / "new/checkpoints").exists()


def test_ctrl_c_outside_the_steps_is_one_sentence(place, monkeypatch, capsys):
    def train(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(WordPiece, "train", train)
    before = sorted(place.rglob("*"))
    assert main(["train", "small.txt", *PLAIN, "--out", "new"]) == 130
    assert capsys.readouterr().err == "minattn: interrupted\n"
    assert sorted(place.rglob("*")) == before


def test_a_training_whose_terminal_is_closed_is_saved(place, whole, capsys):
    process, screen = pty.fork()
    if process == 0:
        os.execv(sys.executable, [sys.executable, "-m", "minattn", "train", "small.txt", *LONG, "--out", "new"])
    deadline = time.monotonic() + 60
    while logged(place / "new") < 10:
        os.read(screen, 1 << 16)
        assert time.monotonic() < deadline
    os.close(screen)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 128 + signal.SIGHUP
    step, _ = checkpoint("new")
    assert 10 <= step < MANY and step == logged(place / "new")
    resume(capsys)
    assert (losses("new"), checkpoint("new")) == whole


def test_a_signal_in_the_last_step_ends_the_training_before_its_table(place, capsys):
    with ctrl_c_at(STEPS):
        assert main(["train", "small.txt", *PLAIN, "--out", "new"]) == 130
    err = capsys.readouterr().err
    assert_one_sentence(err)
    assert "interrupted; the model is saved, for its table and figures: minattn train --resume new" in err
    assert "held-out" in resume(capsys) and checkpoint("new")[0] == STEPS


@pytest.mark.skipif(not can_fork(), reason="processes cannot be forked here")
def test_a_training_that_was_killed_can_be_resumed_while_its_other_process_still_ends(place, capsys):
    process = start("train", "small.txt", *LONG, "--threads", "2", "--out", "new", cwd=place)
    wait_for(process, place / "new", 5)
    (other,) = children(process.pid)
    os.kill(other, signal.SIGSTOP)  # as if it were in the middle of a long step
    try:
        process.kill()
        process.wait()
        resume(capsys)
    finally:
        os.kill(other, signal.SIGKILL)
        process.communicate()


@pytest.mark.parametrize("every", [7, 50])
def test_kill_9_at_random_moments_loses_at_most_save_every_steps_and_changes_no_bit(place, whole, capsys, every):
    command = ["train", "small.txt", *LONG, "--save-every", str(every), "--out", "new"]
    for least in (20, 150, 290):
        process = start(*command, cwd=place)
        wait_for(process, place / "new", least)
        time.sleep(random.uniform(0, 0.02))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        reached = logged(place / "new")
        saved = [int(path.name[5:]) for path in (place / "new/checkpoints").glob("step-*")]
        assert least <= reached < MANY
        # 1: a step is logged before it is saved
        assert reached - max(saved, default=0) <= every + 1
        command = ["train", "--resume", "new", "--no-figures"]
    resume(capsys)
    assert (losses("new"), checkpoint("new")) == whole


# --- going on


@pytest.fixture(scope="module")
def stopped_once(trained, tmp_path_factory):
    """A training that was stopped by Ctrl-C at a step."""
    folder = tmp_path_factory.mktemp("stopped") / "new"
    with ctrl_c_at(5):
        assert main(["train", str(trained.text), *PLAIN, "--out", str(folder)]) == 130
    assert checkpoint(folder)[0] == 5
    return folder


@pytest.fixture
def stopped(stopped_once, place):
    """A copy of it in the folder to work in, as if it had been trained on the text there."""
    shutil.copytree(stopped_once, "new")
    edit_config("new", lambda config: config["text"].update(name=str(place / "small.txt")))


def test_a_training_goes_on_where_it_stopped_from_any_folder(
    trained, place, stopped, capsys, monkeypatch, tmp_path_factory
):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert main(["train", "--resume", str(place / "new"), "--json", "--no-figures"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["finished"] is True and result["step"] == STEPS
    assert result["held_out"] == json.loads(trained.out)["held_out"]
    assert losses(place / "new") == losses(trained.run)
    assert checkpoint(place / "new") == checkpoint(trained.run)


def test_more_steps_are_remembered_when_the_training_is_stopped_again(place, stopped, capsys):
    with ctrl_c_at():
        assert main(["train", "--resume", "new", "--steps", "20", "--save-every", "3", "--no-figures"]) == 130
    capsys.readouterr()
    training = json.loads((place / "new/config.json").read_text())["config"]["training"]
    assert (training["steps"], training["save_every"]) == (20, 3)
    resume(capsys)
    assert checkpoint("new")[0] == 20 == len(losses("new"))


def test_a_finished_run_goes_on_with_more_steps_only(place, capsys):
    shutil.copytree("run", "new")
    before = contents("new")
    assert "new is finished at step 12; --steps 24 would go on" in resume(capsys, code=2)
    assert "is finished" in resume(capsys, "--steps", "12", code=2)
    assert "new is at step 12 already; --steps must be more" in resume(capsys, "--steps", "11", code=2)
    assert contents("new") == before
    resume(capsys, "--steps", "15")
    assert checkpoint("new")[0] == 15 == len(losses("new"))
    assert losses("new")[:12] == losses("run")
    assert "is finished at step 15" in resume(capsys, code=2)


@pytest.mark.parametrize("report", [None, {"step": 3, "table": ""}])
def test_a_run_that_was_killed_before_its_table_gets_it_by_resuming(trained, place, capsys, report):
    shutil.copytree("run", "new")
    (place / "new/report.json").unlink()
    if report:
        (place / "new/report.json").write_text(json.dumps(report))
    out = resume(capsys)
    told, expected = ((folder / "report.json").read_text() for folder in (place / "new", trained.run))
    assert json.loads(told)["table"] == json.loads(expected)["table"] in out
    assert checkpoint("new") == checkpoint(trained.run)
    assert losses("new") == losses(trained.run)


def test_a_run_that_was_killed_before_its_first_checkpoint_starts_over(trained, place, capsys):
    shutil.copytree("run", "new")
    shutil.rmtree("new/checkpoints")
    (place / "new/report.json").unlink()
    resume(capsys)
    assert checkpoint("new") == checkpoint(trained.run)
    assert losses("new") == losses(trained.run)


# --- what is refused


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (("small.txt",), "TEXT"),
        (("--lr", "0.1"), "--lr"),
        (("--seed", "0"), "--seed"),
        (("--vocab-size", "50"), "--vocab-size"),
        (("--out", "other", "--width", "16"), "--out"),
    ],
)
def test_settings_that_a_run_has_already_are_refused(place, capsys, options, wrong):
    shutil.copytree("run", "new")
    before = contents(place)
    assert f"own settings; {wrong} cannot be given with it" in resume(capsys, *options, code=2)
    assert contents(place) == before


def change_text(place):
    (place / "small.txt").write_text((place / "small.txt").read_text() + "One more sentence.\n")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (change_text, "small.txt has changed since new was trained on it; put the old text back"),
        (lambda place: (place / "small.txt").unlink(), "small.txt is missing"),
        (
            lambda place: ((place / "small.txt").unlink(), (place / "small.txt").mkdir()),
            "expected a text file, found a folder",
        ),
        (lambda place: (place / "new/tokenizer.json").unlink(), "tokenizer.json is missing"),
        (lambda place: (place / "new/tokenizer.json").write_text("{}"), "tokenizer"),
        (lambda place: (place / "new/metrics.jsonl").write_text("x\n{}\n"), "metrics.jsonl is damaged at line 1"),
        (lambda place: next(place.glob("new/checkpoints/*/weights*")).write_bytes(b"x"), "is damaged: it has 1 bytes"),
    ],
)
def test_a_run_whose_files_were_changed_is_refused_and_left_alone(place, stopped, capsys, change, complaint):
    change(place)
    before = contents(place)
    assert complaint in resume(capsys, code=2)
    assert contents(place) == before


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda config: config.pop("training"), "config.json: training is missing"),
        (lambda config: config["training"].pop("lr"), "training lacks lr"),
        (lambda config: config["training"].update(steps="many"), "steps must be of type int, got 'many'"),
        (lambda config: config["training"].update(steps=20.5), "steps must be of type int, got 20.5"),
        (lambda config: config["training"].update(blanks=2), "training: blanks must be"),
        (lambda config: config["training"].update(seed=-1), "training: seed must not be negative"),
        (lambda config: config["training"].update(momentum=0.9), "'momentum', which this version does not know"),
        (lambda config: config["training"].update(batch=1000), "fewer than a batch of 1000"),
        (lambda config: config.pop("text"), "text is missing"),
        (lambda config: config.update(text="en"), "text is missing, or not a JSON object"),
        (lambda config: config["text"].update(name=5), "name must be of type str, got 5"),
        (lambda config: config["text"].pop("sha256"), "text lacks sha256"),
        (lambda config: config["model"].update(width="x"), "width must be of type int, got 'x'"),
        (lambda config: config["model"].update(width=1024), "embedding.weight with shape"),
        (lambda config: config["model"].update(max_tokens=2), "longest must be at least 3"),
        (lambda config: config["model"].update(width=10**9, hidden=1), "GiB of memory, and this machine has"),
        (lambda config: config.clear(), "is missing"),
    ],
)
@pytest.mark.parametrize("command", ["train", "info"])
def test_a_config_that_was_edited_by_hand_is_one_sentence(place, stopped, capsys, change, complaint, command):
    edit_config("new", change)
    before = contents(place)
    if command == "train":
        assert complaint in resume(capsys, code=2)
    elif main(["info", "new"]) == 2:  # numbers that only do not fit the rest can be shown
        err = capsys.readouterr().err
        assert_one_sentence(err)
        assert complaint in err
    assert contents(place) == before


def test_a_gpu_that_is_not_there_leaves_a_run_as_it_was(place, stopped, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    before = contents(place)
    assert "CuPy is not installed" in resume(capsys, "--device", "gpu", code=2)
    assert contents(place) == before
