"""Whatever cannot be used gets one clear sentence and exit code 2, and nothing is made or lost."""

import json
import os
import resource
import subprocess
import sys
import time

import pytest
from support.small_run import PLAIN, assert_one_sentence, checkpoint, contents, disk_is_full, edit_config, losses, start

from minattn.cli import main
from minattn.runs import Run
from minattn.training import Trainer

TRAIN = ("train", "small.txt", *PLAIN, "--out", "new")


def refused(capsys, *arguments, code=2):
    assert main([str(argument) for argument in arguments]) == code
    out, err = capsys.readouterr()
    assert_one_sentence(err)
    assert code != 2 or out == ""
    return err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("fly",), "invalid choice: 'fly'"),
        (("train", "--colour", "red"), "unrecognized arguments: --colour;"),
        (("train", "a.txt", "b.txt"), "unrecognized arguments: b.txt"),
        (("reconstruct", "The", "old", "cat"), "arguments: old cat; what has spaces in it needs quotes; see minattn"),
        (("train", "--steps"), "argument --steps: expected one argument; see minattn train --help"),
        (("reconstruct",), "arguments are required: TEXT; see minattn reconstruct --help"),
        (("vocab", "small.txt"), "arguments are required: --size, --out"),
        (("info",), "there is no trained run in runs"),
        ((*TRAIN, "--steps", "0"), "steps must be from 1"),
        ((*TRAIN, "--steps", "1" + 400 * "0"), "steps must be from 1"),
        ((*TRAIN, "--steps", "1.5"), "argument --steps: invalid int value: '1.5'"),
        ((*TRAIN, "--save-every", "0"), "save_every must be from 1"),
        ((*TRAIN, "--batch", "-8"), "batch must be from 1"),
        ((*TRAIN, "--seed", "-1"), "seed must not be negative, got -1"),
        ((*TRAIN, "--seed", "9" * 500), "seed must be below 2¹²⁸, got one of 500 digits"),
        ((*TRAIN, "--blanks", "2"), "blanks must be in [0, 1], got 2.0"),
        ((*TRAIN, "--blanks", "-0.1"), "blanks must be in [0, 1]"),
        ((*TRAIN, "--blanks", "nan"), "blanks must be in [0, 1], got nan"),
        ((*TRAIN, "--lr", "0"), "lr must be a number above 0"),
        ((*TRAIN, "--lr", "inf"), "lr must be a number above 0, got inf"),
        ((*TRAIN, "--lr", "nan"), "lr must be a number above 0, got nan"),
        ((*TRAIN, "--lr", "fast"), "argument --lr: invalid float value: 'fast'"),
        ((*TRAIN, "--width", "0"), "width must be at least 1"),
        ((*TRAIN, "--heads", "0"), "heads must be at least 1"),
        ((*TRAIN, "--heads", "3"), "width 16 is not divisible by 3 heads; try --width 96"),
        ((*TRAIN, "--layers", "-1"), "layers must be at least 0"),
        ((*TRAIN, "--width", "1000000000"), "GiB of memory, and this machine has"),
        ((*TRAIN, "--layers", "9" * 30), "GiB of memory, and this machine has"),
        ((*TRAIN, "--positions", "round"), "argument --positions: invalid choice: 'round'"),
        ((*TRAIN, "--vocab-size", "0"), "vocab_size: expected at least"),
        ((*TRAIN, "--vocab-size", "-5"), "vocab_size: expected at least"),
        ((*TRAIN, "--device", "toaster"), "argument --device: invalid choice: 'toaster'"),
        ((*TRAIN, "--batch", "55"), "has 54 sentences to train on, fewer than a batch of 55; give more text, or --b"),
        (("train", ""), "text is empty; see minattn train --help"),
        (("train", "small.txt", "--out", ""), "out is empty"),
        (("train", "--resume", ""), "resume is empty"),
        (("train", "small\udcff.txt"), "text must be UTF-8"),
        (("train", "small.txt", *PLAIN, "--out", "new\udcff"), "out must be UTF-8"),
        (("train", "small.txt", *PLAIN, "--out", "run"), "run already holds a run; continue it with --resume run or"),
        (("train", "small.txt", *PLAIN, "--out", "small.txt"), "expected a folder at small.txt, but a file is there"),
        (("train", "small.txt", *PLAIN, "--out", "small.txt/new"), "expected a folder at small.txt, but a file"),
        (("train", "--resume", "nowhere"), "expected a run folder at nowhere, but there is no such folder"),
        (("train", "--resume", "small.txt"), "expected a run folder at small.txt, but it is a file"),
        (("train", "--resume", "."), ". is not a run: it has no config.json"),
        (("reconstruct", "The cat."), "there is no trained run in runs; make one with `minattn train`"),
        (("reconstruct", "The cat.", "--run", "nowhere"), "expected a run folder at nowhere"),
        (("reconstruct", "", "--run", "run"), "text is empty"),
        (("reconstruct", " \n ", "--run", "run"), "the text is empty; try minattn reconstruct"),
        (("reconstruct", "cat " * 100, "--run", "run"), "102 tokens, but this model has 64 positions; give it a part"),
        (("reconstruct", "cat " * 10**5, "--run", "run"), "100002 tokens, but this model has 64 positions"),
        (("reconstruct", "The \udcff cat.", "--run", "run"), "text must be UTF-8"),
        (("vocab", "nowhere.txt", "--size", "100", "--out", "made"), "expected a text file, found nothing there"),
        (("vocab", "small.txt", "--size", "0", "--out", "made"), "vocab_size: expected at least"),
        (("vocab", "small.txt", "--size", "100", "--out", "small.txt"), "a file is there"),
        (("info", "nowhere"), "expected a run folder at nowhere"),
        (("info", "x" * 5000), "File name too long"),
        (("embed", "x" * 5000, "text"), "File name too long"),
        (("check", "x" * 5000), "File name too long"),
        (("learn", "list", "--dir", "x" * 5000), "File name too long"),
        ((*TRAIN, "--threads", "1025"), "threads must be from 1 to 1,024, got 1025"),
        (("reconstruct", "two\nlines", "and\x1b[31m\u202emore"), r"arguments: and\x1b[31m\u202emore; what has"),
        (("train", "--" + "x" * 10**5), f"unrecognized arguments: --{'x' * 400}"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_command_that_cannot_be_carried_out_is_refused(place, capsys, arguments, complaint):
    before = contents(place)
    assert complaint in refused(capsys, *arguments)
    assert contents(place) == before
    assert sorted(path.name for path in place.iterdir()) == ["run", "small.txt"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "found an empty file"),
        (b" \n\t\n", "expected sentences, found none"),
        (b"* * *\n---\n", "expected sentences, found none"),
        (b"The cat sat.\n\xff\xfe", "expected UTF-8, found byte 0xff at offset 13; save the file as UTF-8"),
        ("The cat sat.\n".encode("utf-16"), "expected UTF-8, found byte 0xff at offset 0"),
        (b"\x89PNG\r\n\x1a\n\x00", "expected UTF-8, found byte 0x89"),
        (b"The cat sat on the mat.\n", "give a text of more than one sentence"),
        (b"word " * 400_000, "give a text of more than one sentence"),
        (b"a" * 2_000_000, "give a text of more than one sentence"),
        (b"The cat sat.\n" * 500, "give a text that says more"),
        (b"The cat sat. The dog ran. A bird sang.\n", "fewer than a batch of 8; give more text, or --batch 1"),
    ],
    ids=range(11),
)
def test_a_text_that_cannot_be_trained_on_is_refused(place, capsys, content, complaint):
    (place / "bad.txt").write_bytes(content)
    assert complaint in refused(capsys, "train", "bad.txt", *PLAIN, "--out", "new")
    assert not (place / "new").exists()


def test_a_folder_and_a_missing_file_are_refused_as_texts(place, capsys):
    assert "run: expected a text file, found a folder" in refused(capsys, "train", "run", *PLAIN)
    assert "my.txt: expected a text file, found nothing there" in refused(capsys, "train", "my.txt", *PLAIN)
    assert not (place / "runs").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_text_that_may_not_be_read_is_refused(place, capsys):
    (place / "small.txt").chmod(0)
    assert "cannot be read" in refused(capsys, *TRAIN)


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_a_text_in_a_config_that_cannot_be_the_name_of_a_file_is_refused(place, capsys, name):
    edit_config("run", lambda config: config["text"].update(name=name))
    (place / "run" / "report.json").unlink()
    complaint = "cannot be the name of a file" if "\0" in name else "half a character"
    assert complaint in refused(capsys, "train", "--resume", "run")


def test_a_gpu_without_cupy_is_refused_with_how_to_get_it(place, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert 'CuPy is not installed; pip install "minattn[gpu]"' in refused(capsys, *TRAIN, "--device", "gpu")
    assert not (place / "new").exists()


def test_memory_that_runs_out_is_one_sentence(place, capsys, monkeypatch):
    def run_out(*_):
        raise MemoryError

    monkeypatch.setattr(Trainer, "train", run_out)
    assert "not enough memory; try a smaller --width" in refused(capsys, *TRAIN, code=1)


# --- texts that are large


def test_a_line_of_300_kilobytes_is_trained_on(place, capsys):
    words = ["red", "old", "small", "warm", "long", "cat", "dog", "bird"]
    sentences = (f"the {words[i % 8]} {words[i // 8 % 8]} number {i} ran." for i in range(11_000))
    line = " ".join(sentences)
    assert len(line) > 300_000
    (place / "long.txt").write_text(line)
    assert main(["train", "long.txt", *PLAIN, "--steps", "1", "--vocab-size", "200", "--out", "new"]) == 0
    assert "9,900 sentences, " in capsys.readouterr().out
    assert len(losses("new")) == 1


def test_a_word_of_300_kilobytes_is_lost_and_said_to_be(place, capsys):
    with open("small.txt", "a") as file:
        file.write("A " + "long" * 75_000 + ".\n")
    assert main([*TRAIN, "--steps", "1"]) == 0
    assert "lost as [UNK]" in capsys.readouterr().out


def test_a_sentence_longer_than_the_positions_is_cut_and_said_to_be(place, capsys):
    with open("small.txt", "a") as file:
        file.write("The cat " + "sees the dog and " * 500 + "sleeps.\n")
    assert main(TRAIN) == 0
    assert "1 sentences are longer than 64 tokens and were cut into parts" in capsys.readouterr().out


# --- failing on the way


def test_a_rate_that_makes_nan_names_op_and_step(place, capsys):
    err = refused(capsys, *TRAIN, "--lr", "1e30", code=1)
    assert "training stopped at step 1: forward: " in err and " called at " in err
    assert "contextlib" not in err and "multiprocessing" not in err
    assert "no checkpoint was saved before; try a lower --lr" in err


def test_a_loss_that_becomes_nan_keeps_the_last_good_checkpoint(place, capsys, monkeypatch):
    train = Trainer.train

    def train_and_poison(trainer, report, stop):
        def poison(row):
            if row["step"] == 8:
                trainer.model.blocks[0].attention.key.weight.data[:] = float("nan")
            report(row)

        return train(trainer, poison, stop)

    monkeypatch.setattr(Trainer, "train", train_and_poison)
    err = refused(capsys, *TRAIN, "--steps", "400", "--save-every", "3", code=1)
    assert "training stopped at step 9: forward: Linear called at " in err and "gave NaN" in err
    assert "the checkpoint of step 6 is kept; try a lower --lr" in err
    assert checkpoint("new")[0] == 6
    assert main(["reconstruct", "The cat.", "--run", "new", "--json"]) == 0


def test_a_disk_that_fills_up_keeps_the_previous_checkpoint(place, capsys, monkeypatch):
    def fsync(handle):
        if (place / "new/metrics.jsonl").exists() and len(losses("new")) == 6:
            disk_is_full()

    monkeypatch.setattr(os, "fsync", fsync)
    err = refused(capsys, *TRAIN, "--steps", "400", "--save-every", "3", code=1)
    assert "new/checkpoints/step-000006 could not be written: No space left on device; free some space" in err
    assert Run.open("new").load().step == 3


def test_files_that_the_system_cuts_short_keep_the_previous_checkpoint(place):
    process = start(*TRAIN, "--steps", "5000", "--save-every", "40", cwd=place)
    while not list((place / "new").glob("checkpoints/step-*")) and process.poll() is None:
        time.sleep(0.001)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (20_000, 20_000))
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert_one_sentence(err)
    assert "could not be written: File too large" in err
    assert Run.open("new").load().step % 40 == 0


def test_a_full_disk_when_a_run_is_made_is_one_sentence(place, capsys, monkeypatch):
    monkeypatch.setattr(os, "fsync", disk_is_full)
    assert "new could not be written: No space left on device" in refused(capsys, *TRAIN, code=1)
    assert not (place / "new/config.json").exists()


def test_a_folder_that_the_system_refuses_is_one_sentence(place, capsys):
    err = refused(capsys, "train", "small.txt", *PLAIN, "--out", "n" * 300, code=1)
    assert err.endswith("could not be written: File name too long\n")


def test_a_report_that_is_damaged_is_one_sentence(place, capsys):
    (place / "run/report.json").write_text("{")
    assert "run/report.json is damaged" in refused(capsys, "info", "run")
    (place / "run/report.json").write_text('{"a":' * 5000)
    assert "run/report.json is damaged: expected JSON, but it has more than 100 levels" in refused(
        capsys, "info", "run"
    )
    (place / "run/report.json").write_text(json.dumps({"table": 5, "step": True}))
    assert main(["info", "run"]) == 0
    assert "\n\n" not in capsys.readouterr().out  # there is no table


def test_nothing_of_python_shows_in_a_process_of_its_own(place):
    command = [sys.executable, "-W", "error", "-m", "minattn", "train", "small.txt", *PLAIN, "--out", "new"]
    done = subprocess.run([*command, "--lr", "1e30"], cwd=place, capture_output=True, text=True)
    assert done.returncode == 1
    assert_one_sentence(done.stderr)
