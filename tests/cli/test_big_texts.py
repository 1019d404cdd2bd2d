"""Ids are made once, and found again by a run that goes on and by one beside it; texts that are large or change."""

import os
import signal
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from support.small_run import (
    PLAIN,
    assert_one_sentence,
    disk_is_full,
    files_of_at_most,
    interrupt,
    listing,
    losses,
    run,
    start,
    write_text,
)

from minattn.cli.dispatch import main
from minattn.errors import InputError
from minattn.training import Text, choose_tokenizer, load_data


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_text("small.txt")
    return tmp_path


def train(*arguments):
    return main(["train", *arguments, *PLAIN])


def test_a_run_beside_another_shares_its_ids_and_learns_the_same(place, capsys):
    assert train("small.txt", "--out", "runs/one") == train("small.txt", "--out", "runs/two") == 0
    assert os.path.samefile("runs/one/text.ids", "runs/two/text.ids")
    assert losses("runs/one") == losses("runs/two")
    assert train("small.txt", "--out", "runs/three", "--vocab-size", "60") == 0  # of which the ids are others
    assert not os.path.samefile("runs/one/text.ids", "runs/three/text.ids")
    with open("small.txt", "a") as file:
        file.write("\nOne more sentence.\n")
    assert train("small.txt", "--out", "runs/four") == 0
    assert not os.path.samefile("runs/one/text.ids", "runs/four/text.ids")


def test_going_on_uses_the_ids_that_are_there_and_makes_those_anew_that_are_damaged(place, capsys):
    assert train("small.txt", "--out", "run") == 0
    ids = Path("run/text.ids")
    before, whole = ids.stat().st_ino, ids.read_bytes()
    assert main(["train", "--resume", "run", "--steps", "14", "--no-figures"]) == 0
    assert ids.stat().st_ino == before and "anew" not in capsys.readouterr().out
    ids.write_bytes(whole[:-3])
    assert main(["train", "--resume", "run", "--steps", "16", "--no-figures"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "text.ids is damaged: expected" in said and "it is made anew" in said
    assert ids.read_bytes() == whole
    ids.unlink()  # as in a run that is older than this file
    assert main(["train", "--resume", "run", "--steps", "18", "--no-figures"]) == 0
    assert ids.read_bytes() == whole and "anew" not in capsys.readouterr().out


def test_a_folder_with_a_run_is_refused_before_the_text_is_read(place, capsys):
    assert train("small.txt", "--out", "run") == 0
    assert train("nothing.txt", "--out", "run") == 2
    assert "already holds a run" in capsys.readouterr().err


def test_a_text_that_changes_while_it_is_read_is_refused(place):
    text = Text.read("small.txt")
    tokenizer = choose_tokenizer(text, None)
    for content in (Path("small.txt").read_bytes() + b"More.\n", Path("small.txt").read_bytes()[:-9], b"# Other\n"):
        Path("small.txt").write_bytes(content)
        with pytest.raises(InputError, match=r"small\.txt has changed while it was read"):
            load_data(text, tokenizer, 64)


def test_a_byte_at_the_end_that_is_not_utf_8_is_told_before_anything_is_made(place, capsys):
    with open("small.txt", "ab") as file:
        at = file.tell()
        file.write(b"\xff")
    assert train("small.txt", "--out", "run") == 2
    assert f"found byte 0xff at offset {at}" in capsys.readouterr().err
    assert listing(place) == ["small.txt"]


def test_that_a_vocabulary_is_learned_from_a_part_of_a_large_text_is_said(place):
    said = []
    text = Text.read("small.txt")
    part = choose_tokenizer(text, 60, said.append, sample=1 << 10)
    assert len(said) == 1 and "learning the vocabulary from" in said[0] and part.vocab_size == 60
    choose_tokenizer(text, 60, said.append, sample=1 << 20)
    assert len(said) == 1


@pytest.mark.parametrize("ends", ["\n", " "])
def test_a_sample_is_evenly_spread_and_of_whole_words(place, ends):
    Path("big.txt").write_text(ends.join(f"Käse {i:05}." for i in range(5000)), encoding="utf-8")
    sample = Text.read("big.txt").sample(1 << 10, 8)
    whole = [sentence for sentence in sample if sentence.startswith("Käse") and len(sentence) == 11]
    assert len(whole) > len(sample) / 2 and sum(map(len, sample)) <= 1 << 10
    numbers = [int(sentence[5:10]) for sentence in whole]
    assert numbers[0] < 30 and numbers[-1] > 4960 and max(np.diff(numbers)) < 900
    if ends == "\n":
        assert len(whole) == len(sample)


def test_ctrl_c_while_a_text_is_tokenized_is_one_line_and_leaves_nothing(place):
    words = " ".join(f"word{i} {i * 7919 % 10007}." for i in range(60_000))
    Path("long.txt").write_text("\n".join(f"{i} {words}" for i in range(4)))
    process = start("train", "long.txt", "--out", "runs/new", "--vocab-size", "60", *PLAIN, cwd=place)
    time.sleep(2.5)
    interrupt(process)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT and "loss" not in out
    assert_one_sentence(err)
    assert listing(place) == ["long.txt", "small.txt"]


def test_a_full_disk_while_ids_are_kept_is_one_sentence_and_leaves_nothing(place, capsys):
    Path("long.txt").write_text("\n".join(f"The {'old ' * (i % 50)}dog {'sat ' * (i // 50)}." for i in range(1500)))
    with files_of_at_most(30_000):  # more than all that comes before it in a run
        assert train("long.txt", "--out", "run") == 1
    assert "run/text.ids could not be written: File too large" in " ".join(capsys.readouterr().err.split())
    assert listing(place) == ["long.txt", "small.txt"]


def test_a_full_disk_while_ids_are_made_is_one_sentence_and_leaves_nothing(place, capsys, monkeypatch):
    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", disk_is_full)
    assert train("small.txt", "--out", "run") == 1
    assert "run/text.ids could not be written: No space left on device" in " ".join(capsys.readouterr().err.split())
    assert listing(place) == ["small.txt"]


def test_text_through_a_pipe_is_kept_beside_its_ids(place):
    text = Path("small.txt").read_text()
    with open_pipe(text) as pipe:
        code, _, err = run("train", "-", "--out", "run", *PLAIN, cwd=place, stdin=pipe)
    assert code == 0, err
    assert Path("run/text.txt").read_text() == text and Path("run/text.ids").exists()


def open_pipe(text):
    read, write = os.pipe()
    with os.fdopen(write, "w") as file:
        file.write(text)
    return os.fdopen(read)
