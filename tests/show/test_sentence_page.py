"""The page of a reader's own sentence, and the command that writes pages."""

import json
import re

import numpy as np
import pytest
from support.small_run import PLAIN, write_text

from minattn import open_run
from minattn.cli import main
from minattn.errors import InputError
from minattn.show import sentence_page


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a trained run in runs/."""
    place = tmp_path_factory.mktemp("place")
    write_text(place / "text.txt")
    assert main(["train", str(place / "text.txt"), "--out", str(place / "runs" / "one"), *PLAIN]) == 0
    return place


@pytest.fixture(scope="module")
def run(folder):
    return open_run(folder / "runs" / "one")


def recording(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page.html, re.DOTALL)[1])["recordings"][0]


def shapes(page):
    return {step["name"]: step["shape"] for step in recording(page)["steps"] if step["f"] == "input" and "name" in step}


SENTENCE = "the cat sees the old [MASK]"


def test_a_sentence_has_its_tokens_a_place_of_padding_and_a_guess_as_its_answer(run):
    found = recording(sentence_page(run, SENTENCE))
    tokens = found["labels"]["T"]
    assert tokens[0] == "[CLS]" and tokens[-2:] == ["[SEP]", "[PAD]"] and "[MASK]" in tokens
    assert len(found["labels"]["N"]) == 1  # the blank alone is asked for
    assert len(recording(sentence_page(run, SENTENCE, copies=True))["labels"]["N"]) == len(tokens) - 1
    assert len(recording(sentence_page(run, "the cat sees"))["labels"]["N"]) == 5


def test_the_answer_is_what_is_wanted(run):
    html = sentence_page(run, SENTENCE, answer="bridge").html
    other = sentence_page(run, SENTENCE, answer="house").html
    assert html != other and "note guess" not in re.search(r'"notes":(.*?\]\])', html)[1]
    with pytest.raises(InputError, match="blanks in the text: 1, but tokens in the answer 'old house': 2"):
        sentence_page(run, SENTENCE, answer="old house")


def test_layers_tokens_and_vocabulary_can_be_cut(run):
    whole = shapes(sentence_page(run, SENTENCE))
    cut = shapes(sentence_page(run, SENTENCE, tokens=5, top=15))
    assert whole["embedding.weight"][0] > 15 == cut["embedding.weight"][0]
    assert cut["ids"] == [1, 6] and whole["ids"][1] > 6
    with pytest.raises(InputError, match="--top must be at least 1, got 0"):
        sentence_page(run, SENTENCE, top=0)


def test_a_cut_vocabulary_has_the_same_vectors_at_the_same_tokens(run):
    labels = recording(sentence_page(run, SENTENCE, top=15))["labels"]["V"]
    assert len(set(labels)) == 15 and {"[MASK]", "the", "cat"} <= set(labels)


def test_the_model_itself_is_not_changed(run):
    before = {name: array.copy() for name, array in run.model.state_dict().items()}
    sentence_page(run, SENTENCE, top=15, layers=1)
    for name, array in run.model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "the text is empty"), ("word " * 80, "tokens, and a page holds"), ("\u2603", "the text is empty|lost")],
)
def test_a_text_that_will_not_do_is_refused_in_a_sentence(run, text, said):
    if text == "\u2603":
        assert "note lost" in sentence_page(run, f"the cat {text}").html
        return
    with pytest.raises(InputError, match=said):
        sentence_page(run, text)


# --- the command


def said(capsys, *arguments, code=0):
    assert main(["show", *map(str, arguments)]) == code
    out, err = capsys.readouterr()
    return out + err


def test_the_command_writes_a_page_of_each_kind(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    assert "numbers.html: 0." in said(capsys) and (folder / "numbers.html").is_file()
    assert "MB; open it in a browser" in said(capsys, "softmax", "--out", tmp_path / "softmax.html")
    said(capsys, SENTENCE, "--out", tmp_path / "mine.html", "--language", "zh")
    page = (tmp_path / "mine.html").read_text(encoding="utf-8")
    assert '<html lang="zh">' in page and "[CLS]" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--top", "50"], "--top needs a sentence"),
        (["nothing"], "is no op"),
        (["softmax", "--top", "5"], "--top is for a sentence, and softmax is an op; leave it out"),
        (["a cat", "--run", "nowhere"], "nowhere"),
        (["softmax", "--out", "."], "is a folder; --out needs the name of a file"),
        (["a cat", "--language", "fr"], "invalid choice"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_a_sentence(tmp_path, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert message in said(capsys, *arguments, code=2)
