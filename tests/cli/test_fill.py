"""Blanks filled by a masked-LM model, and `minattn fill`."""

import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
from support.encoder_help import command, refused, write_encoder
from support.pretrained_help import tensors_of

from minattn import no_grad
from minattn.pretrained import fill_blanks
from minattn.pretrained.masked_lm import MaskedLMHead

TEXT = "the [MASK] sees the [MASK] house"


@pytest.fixture(scope="module", params=["BertForMaskedLM", "DistilBertForMaskedLM"])
def opened(request, tmp_path_factory):
    return write_encoder(tmp_path_factory.mktemp(request.param), request.param)


def by_logits(opened, text, top):
    """The best pieces at each blank, from the logits of the whole text, in float64."""
    ids = np.array([opened.tokenizer.encode(text, blanks=True)])
    with no_grad():
        logits = opened.model(ids).logits.data[0].astype(np.float64)
    p = np.exp(logits - logits.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    best = []
    for i in np.flatnonzero(ids[0] == opened.tokenizer.mask_id):
        order = np.argsort(-p[i])[:top]
        best.append([(opened.tokenizer.pieces[j], p[i, j]) for j in order])
    return best


def assert_same(got, expected):
    assert [[token for token, _ in best] for best in got] == [[token for token, _ in best] for best in expected]
    for best, other in zip(got, expected, strict=True):
        np.testing.assert_allclose([p for _, p in best], [p for _, p in other], rtol=1e-5)  # float32


@pytest.mark.parametrize("top", [1, 5])
def test_each_blank_gets_its_likeliest_tokens_with_their_probabilities(opened, top):
    got = fill_blanks(opened.model, opened.tokenizer, opened.tokenizer.encode(TEXT, blanks=True), top)
    assert len(got) == 2 and {len(best) for best in got} == {top} and got[0] != got[1]
    assert_same(got, by_logits(opened, TEXT, top))


def test_all_tokens_have_a_probability_of_1_together(opened):
    (best,) = fill_blanks(opened.model, opened.tokenizer, opened.tokenizer.encode("[MASK]", blanks=True), 10**6)
    assert len(best) == opened.tokenizer.vocab_size
    assert sum(p for _, p in best) == pytest.approx(1, abs=1e-5)  # float32


def test_the_head_is_computed_at_the_blanks_only(opened, monkeypatch):
    shapes, forward = [], MaskedLMHead.forward

    def seen(self, x):
        shapes.append(x.shape)
        return forward(self, x)

    monkeypatch.setattr(MaskedLMHead, "forward", seen)
    fill_blanks(opened.model, opened.tokenizer, opened.tokenizer.encode(TEXT, blanks=True))
    assert shapes == [(2, 12)]


def test_rows_of_the_table_beyond_the_vocabulary_are_never_proposed(tmp_path):
    opened = write_encoder(tmp_path, "BertForMaskedLM", vocab_size=300)
    size = opened.tokenizer.vocab_size
    opened.model.head.de_embedding.bias.data[size:] = 50.0
    (best,) = fill_blanks(opened.model, opened.tokenizer, opened.tokenizer.encode("[MASK]", blanks=True), 300)
    assert len(best) == size < 300 and sum(p for _, p in best) < 1e-6


# --- the command


def test_the_command_shows_the_best_of_each_blank_and_the_text(opened, capsys):
    out, err = command(capsys, "fill", opened.folder, "The [MASK] sees the [MASK] house.", "--top", "3")
    expected = by_logits(opened, "The [MASK] sees the [MASK] house.", 3)
    first, second, empty, text = out.splitlines()
    for line, best in zip((first, second), expected, strict=True):
        assert line == "blank: " + ", ".join(f"{token} {p:.1%}" for token, p in best)
    ids = opened.tokenizer.encode("The [MASK] sees the [MASK] house.", blanks=True)
    pieces = opened.tokenizer.pieces
    for best in expected:
        ids[ids.index(opened.tokenizer.mask_id)] = pieces.index(best[0][0])
    assert (empty, text, err) == ("", opened.tokenizer.decode(ids), "")


def test_five_are_shown_unless_told_and_json_has_them_with_their_places(opened, capsys):
    content = json.loads(command(capsys, "fill", opened.folder, TEXT, "--json").out)
    assert [blank["position"] for blank in content["blanks"]] == [2, 5]
    got = [[(best["token"], best["probability"]) for best in blank["best"]] for blank in content["blanks"]]
    assert_same(got, by_logits(opened, TEXT, 5))
    assert "[MASK]" not in content["text"]


def test_a_dash_stands_for_standard_input(opened, capsys, monkeypatch):
    monkeypatch.setattr(
        "sys.stdin", SimpleNamespace(buffer=io.BytesIO(TEXT.replace(" sees ", "\r\nsees\n\n").encode()))
    )
    assert command(capsys, "fill", opened.folder, "-") == command(capsys, "fill", opened.folder, TEXT)


def test_what_is_lost_and_what_is_cut_is_said(opened, capsys):
    _, err = command(capsys, "fill", opened.folder, "[MASK] ☃ " + "the cat " * 9, "--truncate")
    assert err.splitlines() == [
        "the text: the first 12 of 22 tokens are used",
        "lost, because the vocabulary lacks them: ☃",
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["the cat sees"], "there is no blank to fill; write [MASK] for one"),
        (["the cat [mask]"], "there is no blank to fill"),
        (
            ["the", "[MASK]"],
            "unrecognized arguments: [MASK]; what has spaces in it needs quotes; see minattn fill --help",
        ),
        ([""], "text is empty; see minattn fill --help"),
        ([" "], "the text is empty, or the tokenizer drops all of it; give one with words"),
        (["[MASK]", "--top", "0"], "--top must be at least 1, got 0"),
        (["the cat " * 9 + "[MASK]"], "the text has 21 tokens, but this model takes 12; cut it, or give --truncate"),
        (["the cat " * 9 + "[MASK]", "--truncate"], "the blank is in the part that was cut off; move [MASK] nearer"),
    ],
)
def test_what_cannot_be_filled_is_refused_in_a_sentence(opened, capsys, arguments, sentence):
    assert refused(capsys, "fill", opened.folder, *arguments).startswith(sentence)


@pytest.mark.parametrize("kind", ["BertModel", "DistilBertModel"])
def test_an_encoder_without_a_head_is_refused_with_what_to_do(capsys, tmp_path, kind):
    write_encoder(tmp_path, kind)
    sentence = refused(capsys, "fill", tmp_path, "[MASK]")
    assert "without a masked-LM head" in sentence and sentence.endswith("minattn train TEXT --from FOLDER")


@pytest.mark.parametrize("arguments", [("fill", "The [MASK] sees."), ("embed", "the cat"), ("deembed", "the cat")])
@pytest.mark.parametrize("name", ["bert.embeddings.LayerNorm.weight", "bert.encoder.layer.1.output.dense.weight"])
def test_weights_that_are_too_large_for_any_result_are_one_sentence(capsys, tmp_path, arguments, name):
    write_encoder(tmp_path, "BertForMaskedLM")
    with tensors_of(tmp_path) as tensors:
        tensors[name] = np.full_like(tensors[name], 3e38)
    command_name, text = arguments
    sentence = refused(capsys, command_name, tmp_path, text)
    assert sentence == "the model makes NaN or Inf of this text: its weights are too large, or damaged"
