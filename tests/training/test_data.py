"""From a text to ids: which file is meant, which vocabulary is used, and what a run remembers of it."""

import hashlib
from dataclasses import asdict

import numpy as np
import pytest
from support.small_run import write_text

from minattn.errors import InputError
from minattn.runs import from_json
from minattn.text import Sentences, WordPiece, shipped
from minattn.training import Text, TextFile, TrainingConfig, choose_tokenizer, find_text, load_data
from minattn.training.data import HELD_BACK, VOCAB_SIZE, hold_back


@pytest.fixture
def text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_text("small.txt")


def test_a_name_is_a_shipped_reader_unless_a_file_has_that_name(text):
    assert find_text("en") == shipped("reader.en.txt") and find_text("zh") == shipped("reader.zh.txt")
    (text.parent / "en").mkdir(exist_ok=True)
    assert find_text("en") == shipped("reader.en.txt")
    write_text("zh")
    assert str(find_text("zh")) == "zh"
    assert str(find_text("small.txt")) == "small.txt"


def test_a_run_remembers_a_shipped_reader_by_name_and_a_file_by_its_whole_path(text, tmp_path):
    path = shipped("reader.zh.txt")
    assert Text.read("zh").remembered == TextFile("zh", hashlib.sha256(path.read_bytes()).hexdigest())
    for name in ("small.txt", "./small.txt", str(tmp_path / "small.txt")):
        assert Text.read(name).remembered.name == str(tmp_path / "small.txt")
    write_text("zh")
    assert Text.read("zh").remembered.name == str(tmp_path / "zh")


def test_a_shipped_reader_comes_with_its_vocabulary_unless_another_size_is_wanted(text):
    shipped_text, own = Text.read("zh"), Text.read("small.txt")
    assert choose_tokenizer(shipped_text, None).fingerprint == WordPiece.load(shipped("zh/tokenizer.json")).fingerprint
    with pytest.raises(InputError, match="got 20"):
        choose_tokenizer(shipped_text, 20)
    made = choose_tokenizer(own, None)
    assert made.fingerprint == choose_tokenizer(own, VOCAB_SIZE).fingerprint
    assert choose_tokenizer(own, 60).vocab_size == 60
    with pytest.raises(InputError, match="got 0"):
        choose_tokenizer(own, 0)


def test_each_sentence_is_trained_on_or_held_out_and_none_is_in_both(text):
    tokenizer = choose_tokenizer(Text.read("small.txt"), None)
    data = load_data(text, tokenizer, 64)
    lines = [line for line in text.read_text().splitlines() if line and line[0] != "#"]
    assert sorted([*data.training, *data.held_out]) == sorted(tokenizer.encode_batch(lines))
    assert (len(data.training), len(data.held_out)) == (54, 6)
    assert data.tokens == sum(map(len, data.training)) and (data.cut, data.unknown) == (0, 0)


def test_a_sentence_too_long_is_cut_and_nothing_of_it_is_lost(text):
    tokenizer = choose_tokenizer(Text.read("small.txt"), None)
    whole, parts = load_data(text, tokenizer, 64), load_data(text, tokenizer, 6)
    assert parts.cut == 60
    assert max(map(len, parts.training)) <= 6
    bodies = [[i for ids in data.training for i in ids[1:-1]] for data in (whole, parts)]
    assert bodies[0] == bodies[1]


def test_words_that_the_vocabulary_lacks_are_counted(text):
    tokenizer = WordPiece.train(["the cat sat"], 60)
    data = load_data(text, tokenizer, 64)
    unknown = sum(ids.count(tokenizer.unk_id) for ids in [*data.training, *data.held_out])
    assert data.unknown == unknown > 0


# --- what is held back to choose the best step by


def held_back_of(training, at_least):
    return tuple(map(list, hold_back(Sentences.of(training), at_least)))


def test_a_tenth_is_held_back_evenly_spread_and_nothing_is_lost_or_trained_on():
    training = [[2, 10 + i, 3] for i in range(95)]
    learned, held_back = held_back_of(training, 1)
    assert sorted(learned + held_back) == training and len(held_back) == 9
    places = [ids[1] - 10 for ids in held_back]
    assert max(np.diff(places)) - min(np.diff(places)) <= 1 and places[0] >= 5 and places[-1] < 90


def test_no_more_is_held_back_than_leaves_a_batch_and_tells_enough():
    training = [[2, 10 + i, 3] for i in range(5000)]
    assert len(held_back_of(training, 32)[1]) == HELD_BACK
    assert [len(part) for part in held_back_of(training[:34], 32)] == [32, 2]
    assert held_back_of(training[:32], 32) == (training[:32], [])
    assert held_back_of(training[:9], 1) == (training[:9], [])


def test_a_sentence_that_is_there_twice_is_not_held_back():
    training = [[2, 10 + i % 40, 3] for i in range(60)]
    learned, held_back = held_back_of(training, 1)
    assert len(held_back) == 6 and not {ids[1] for ids in held_back} & {ids[1] for ids in learned}
    assert held_back_of([[2, 10, 3]] * 60, 1) == ([[2, 10, 3]] * 60, [])


# --- settings


def test_settings_come_back_from_json_as_they_were():
    settings = TrainingConfig(steps=7, blanks=0.0, seed=2**70)
    assert from_json(TrainingConfig, asdict(settings), "config") == settings


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"warmup": 1.5}, r"warmup must be in \[0, 1\], got 1\.5"),
        ({"weight_decay": -0.1}, "weight_decay must be a number not below 0"),
        ({"weight_decay": float("nan")}, "weight_decay must be a number not below 0"),
        ({"clip": 0.0}, "clip must be a number above 0"),
    ],
)
def test_settings_out_of_range_are_refused(changes, complaint):
    with pytest.raises(InputError, match=complaint):
        TrainingConfig(**changes)
    with pytest.raises(InputError, match=f"where: {complaint}"):
        from_json(TrainingConfig, asdict(TrainingConfig()) | changes, "where")


def test_the_ends_of_a_range_are_allowed():
    TrainingConfig(blanks=0, warmup=0, weight_decay=0, seed=0, steps=1, batch=1, save_every=1)
    TrainingConfig(blanks=1, warmup=1)


def test_a_text_of_more_letters_than_the_usual_vocabulary_gets_a_larger_one(tmp_path):
    letters = [chr(0x4E00 + i) for i in range(VOCAB_SIZE + 200)]
    lines = ["".join(letters[i : i + 12]) + "。" for i in range(0, len(letters), 4)]
    (tmp_path / "many.txt").write_text("\n".join(lines), encoding="utf-8")
    text = Text.read(str(tmp_path / "many.txt"))
    assert choose_tokenizer(text, None).vocab_size > VOCAB_SIZE + 200
    with pytest.raises(InputError, match="vocab_size: expected at least"):
        choose_tokenizer(text, VOCAB_SIZE)
