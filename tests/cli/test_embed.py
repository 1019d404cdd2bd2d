"""Vectors of texts: pooled and normalised, in batches by length; and `minattn embed`."""

import io
import json
import signal
from types import SimpleNamespace

import numpy as np
import pytest
from support.encoder_help import (
    POSITIONS,
    SENTENCES,
    command,
    minilm_folder,
    needs_minilm,
    refused,
    write_encoder,
    write_json,
)
from support.pretrained_help import hugging_face

from minattn import no_grad
from minattn.cli.embed import two_decimals
from minattn.pretrained import embed_texts, load_pretrained, load_tokenizer, texts
from minattn.terminal import columns, shortened
from minattn.text import WordPiece

SINGLE = 1e-5
"""Float32 in another order: 1e-6 of vectors of length 1."""
TEXTS = [
    "the cat sees the red house",
    "the dog",
    "a",
    "the old bridge the long river",
    "the baker likes the warm bread .",
    "cat",
]


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return write_encoder(tmp_path_factory.mktemp("bert"), "BertModel")


@pytest.fixture(scope="module")
def distilbert(tmp_path_factory):
    return write_encoder(tmp_path_factory.mktemp("distilbert"), "DistilBertForMaskedLM")


def one_by_one(opened, texts, pooling="mean"):
    """Each text by itself, in float64: no batch, no padding."""
    model = load_pretrained(opened.folder, dtype=np.float64)
    model = getattr(model, "encoder", model)
    vectors = []
    for text in texts:
        with no_grad():
            states = model(opened.tokenizer.encode(text)).last_hidden_state.data[0]
        vector = states[0] if pooling == "cls" else states.mean(axis=0)
        vectors.append(vector / np.linalg.norm(vector))
    return np.array(vectors)


# --- from Python


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_a_texts_vector_is_its_own_whatever_shares_its_batch(request, kind, threads, pooling):
    opened = request.getfixturevalue(kind)
    expected = one_by_one(opened, TEXTS, pooling)
    for tokens in (1, 18, 2048):
        got = embed_texts(opened.model, opened.tokenizer, TEXTS, pooling=pooling, threads=threads, batch_tokens=tokens)
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, expected, rtol=0, atol=SINGLE)


def test_vectors_differ_with_the_pooling_and_with_the_text(bert):
    mean = embed_texts(bert.model, bert.tokenizer, TEXTS)
    cls = embed_texts(bert.model, bert.tokenizer, TEXTS, pooling="cls")
    assert np.abs(mean - cls).max(axis=1).min() > 1e-3
    assert (mean @ mean.T)[~np.eye(len(TEXTS), dtype=bool)].max() < 0.9999


def test_progress_counts_the_texts_to_the_last(bert):
    seen = []
    embed_texts(bert.model, bert.tokenizer, TEXTS, threads=2, batch_tokens=16, progress=seen.append)
    assert seen == sorted(set(seen)) and len(seen) > 1 and seen[-1] == len(TEXTS)


def test_batches_hold_every_text_once_and_no_more_tokens_or_texts_than_a_batch_or_a_thread_may_have():
    rng = np.random.default_rng(0)
    for count in (1, 2, 7, 300):
        lengths = rng.integers(3, 400, count).tolist()
        for threads in (1, 2, 5):
            batches = texts.by_length(lengths, threads)
            assert sorted(i for batch in batches for i in batch) == list(range(count))
            sizes = [len(batch) * max(lengths[i] for i in batch) for batch in batches]
            assert all(
                size <= texts.BATCH_TOKENS or len(batch) == 1 for size, batch in zip(sizes, batches, strict=True)
            )
            assert max(map(len, batches)) <= -(-count // threads)
            assert count < 300 or len(batches) < 45  # 60,000 tokens


def test_a_long_text_is_refused_or_its_first_tokens_are_used(bert):
    long = " ".join(["the cat sees"] * 6)
    with pytest.raises(
        ValueError, match=f"text 2 has 20 tokens, but this model takes {POSITIONS}; cut it, or truncate"
    ):
        embed_texts(bert.model, bert.tokenizer, ["a", long])
    cut = " ".join(long.split()[: POSITIONS - 2])
    for limit, text in ((None, cut), (7, " ".join(long.split()[:5])), (999, cut)):
        got = embed_texts(bert.model, bert.tokenizer, [long], truncate=True, max_tokens=limit)
        np.testing.assert_array_equal(got, embed_texts(bert.model, bert.tokenizer, [text]))


@pytest.mark.parametrize("text", ["", "  \n", "\u200b\x00"])
def test_a_text_of_no_tokens_is_refused(bert, text):
    with pytest.raises(ValueError, match="text 2 is empty, or the tokenizer drops all of it"):
        embed_texts(bert.model, bert.tokenizer, ["a", text])


def test_an_unknown_pooling_is_refused(bert):
    with pytest.raises(ValueError, match="pooling must be one of mean, cls, got 'max'"):
        embed_texts(bert.model, bert.tokenizer, ["a"], pooling="max")


def test_a_model_in_training_has_no_dropout_here_and_is_left_in_training(bert):
    expected = embed_texts(bert.model, bert.tokenizer, ["the cat"])
    bert.model.train()
    try:
        np.testing.assert_array_equal(embed_texts(bert.model, bert.tokenizer, ["the cat"]), expected)
        assert bert.model.training
    finally:
        bert.model.eval()


# --- the command


def test_two_texts_and_more_are_compared_pair_by_pair(bert, capsys):
    out, err = command(capsys, "embed", bert.folder, *TEXTS[:3])
    rows = [line.split() for line in out.splitlines()]
    vectors = one_by_one(bert, TEXTS[:3])
    assert rows[0] == ["1", "2", "3"]
    for i, row in enumerate(rows[1:]):
        assert row[:-3] == [str(i + 1), *TEXTS[i].split()]
        assert row[-3:] == [f"{x:.2f}" for x in vectors @ vectors[i]]
    assert err == ""


def test_one_text_gives_the_beginning_of_its_vector(bert, capsys):
    out, _ = command(capsys, "embed", bert.folder, "the cat")
    assert out.startswith("12 numbers of length 1: ")
    shown = [float(number) for number in out.partition(": ")[2].split(", ")[:6]]
    np.testing.assert_allclose(shown, one_by_one(bert, ["the cat"])[0, :6], atol=6e-5)  # four digits after the point


def test_a_blank_that_is_only_letters_is_said(bert, capsys):
    said = "[mask] is taken as letters; did you mean [MASK]?"
    assert said in command(capsys, "deembed", bert.folder, "the [mask]")[1].splitlines()
    assert "taken as letters" not in command(capsys, "deembed", bert.folder, "the [MASK]")[1]
    assert (
        "[MASK] is taken as letters: this command has no blanks" in command(capsys, "embed", bert.folder, "a [MASK]")[1]
    )


def test_json_has_the_vectors_to_the_last_bit(bert, capsys):
    out, err = command(capsys, "embed", bert.folder, *TEXTS, "--json", "--threads", "1")
    content = json.loads(out)
    assert content["texts"] == TEXTS and err == ""
    expected = embed_texts(bert.model, bert.tokenizer, TEXTS)
    np.testing.assert_array_equal(np.array(content["vectors"], np.float32), expected)


def test_texts_may_stand_on_both_sides_of_an_option(bert, capsys):
    out, _ = command(capsys, "embed", bert.folder, *TEXTS[:2], "--json", *TEXTS[2:4], "--threads", "1", TEXTS[4])
    assert json.loads(out)["texts"] == TEXTS[:5]
    assert refused(capsys, "embed", bert.folder, "a", "--json", "b", "--no").startswith(
        "unrecognized arguments: b --no;"
    )


@pytest.fixture
def piped(monkeypatch):
    def pipe(content):
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content)))

    return pipe


def test_a_dash_stands_for_the_lines_of_standard_input(bert, capsys, piped):
    piped("\ufeffthe cat\r\nthe dog\nthe bird".encode())
    out, _ = command(capsys, "embed", bert.folder, "the girl", "-", "--json")
    assert json.loads(out)["texts"] == ["the girl", "the cat", "the dog", "the bird"]


def test_many_texts_are_shown_each_with_the_nearest_other(bert, capsys, piped):
    lines = [f"the {animal} sees {thing}" for animal in ("cat", "dog", "bird") for thing in ("it", "bread", "a house")]
    lines += ["the long river", "the old bridge", "a\tsmall garden", "the " * 9 + "baker"]
    piped("\n".join(lines).encode())
    out, _ = command(capsys, "embed", bert.folder, "-")
    vectors = one_by_one(bert, lines)
    similar = vectors @ vectors.T - 3 * np.eye(len(lines))
    head, *shown = out.splitlines()
    assert head.split() == ["cosine", "text", "nearest", "other", "text"]
    for line, text, row in zip(shown, lines, similar, strict=True):
        assert float(line[:5]) == pytest.approx(row.max(), abs=0.006)  # two decimals
        assert line[head.index("text") : head.index("near")].rstrip() == shortened(text, 40)
        assert line[head.index("near") :] == shortened(lines[row.argmax()], 40)
    assert "a small garden" in out and "\t" not in out


@pytest.mark.parametrize("width", [30, 65, 66, 200])
def test_what_is_shown_is_no_wider_than_the_terminal(bert, capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    out, _ = command(capsys, "embed", bert.folder, *TEXTS[:3], "我喜欢猫", TEXTS[3])
    assert max(map(columns, out.splitlines())) <= width
    assert out.startswith("cosine") == (width < 4 + len(TEXTS[3]) + 7 * 5)


def test_a_zero_has_no_minus():
    shown = [two_decimals(np.float32(x)) for x in (-0.004, 0.004, -0.006, -1.0)]
    assert shown == [" 0.00", " 0.00", "-0.01", "-1.00"]


def test_out_writes_a_file_that_numpy_loads(bert, capsys, tmp_path):
    path = tmp_path / "vectors.npy"
    out, err = command(capsys, "embed", bert.folder, *TEXTS, "--out", path)
    assert out == "" and err == f"{path}: 6 vectors of 12 numbers\n"
    np.testing.assert_allclose(np.load(path), one_by_one(bert, TEXTS), rtol=0, atol=SINGLE)


def test_what_is_lost_and_what_is_cut_is_said(bert, capsys):
    long = " ".join(["the cat"] * 8)
    out, err = command(capsys, "embed", bert.folder, "the cat ☃", long, "the\x07 dog", "--truncate")
    assert err.splitlines() == [
        "text 2: the first 12 of 18 tokens are used",
        "lost, because the vocabulary lacks them: ☃ U+0007",
    ]
    assert "\x07" not in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["the cat", ""], "text 2 is empty, or the tokenizer drops all of it; leave it out"),
        (["the cat " * 9], "the text has 20 tokens, but this model takes 12; cut it, or give --truncate"),
        (["the cat", "--threads", "0"], "--threads must be at least 1, got 0"),
        (["\udcff"], "texts must be UTF-8, got '\\udcff'"),
    ],
)
def test_what_cannot_be_embedded_is_refused_in_a_sentence(bert, capsys, arguments, sentence):
    assert refused(capsys, "embed", bert.folder, *arguments).startswith(sentence)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "there are no texts: standard input is empty"),
        (b"a\r\n \r\nb\n", "line 2 of standard input is blank; each line is a text, leave it out"),
        (b"a\nb\xff", "standard input must be UTF-8 text, but byte 3 is not; save it as UTF-8"),
    ],
)
def test_standard_input_that_holds_no_texts_is_refused(bert, capsys, piped, content, sentence):
    piped(content)
    assert refused(capsys, "embed", bert.folder, "-").startswith(sentence)


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        (".", "expected the name of a file, but . is a folder"),
        ("none/vectors.npy", "none/vectors.npy cannot be written, because none is not a folder; make it first"),
    ],
)
def test_a_place_where_no_file_can_be_is_refused_before_anything_else(capsys, monkeypatch, tmp_path, place, sentence):
    monkeypatch.chdir(tmp_path)
    assert refused(capsys, "embed", "no folder", "a", "--out", place) == sentence
    assert list(tmp_path.iterdir()) == []


def test_columns_line_up_under_wide_characters_and_long_lost_words_are_shortened(bert, capsys):
    out, err = command(capsys, "embed", bert.folder, "the cat", "我喜欢猫", "☃" * 100)
    header, first, second, _ = out.splitlines()
    assert header.index("1") == first.index("1.00") + 3 and first.index("1.00") == second.index("0.") + 4
    assert max(map(len, err.split())) == 40


def test_a_folder_that_is_not_there_is_named(capsys, tmp_path):
    assert str(tmp_path / "none") in refused(capsys, "embed", tmp_path / "none", "a")


@pytest.mark.parametrize(("extra", "is_said"), [(7, False), (8, True), (-200, False)])
def test_a_tokenizer_that_lacks_more_pieces_than_padding_explains_is_told(capsys, tmp_path, extra, is_said):
    pieces = WordPiece.train(SENTENCES, 200).vocab_size
    # the next multiple of 256 is padding, another number is not
    rows = -(-pieces // 256) * 256 if extra < 0 else pieces + extra
    write_encoder(tmp_path, "BertModel", vocab_size=rows)
    said = (
        f"{tmp_path}: the tokenizer has {pieces} pieces for the model's {rows}; if its file was cut off, get it again\n"
    )
    assert command(capsys, "embed", tmp_path, "a").err == said * is_said


def test_a_tokenizer_of_another_model_is_refused(capsys, tmp_path):
    write_encoder(tmp_path, "BertModel", vocab_size=29)
    assert "they are not of one model" in refused(capsys, "embed", tmp_path, "a")


def test_ctrl_c_ends_with_130(bert, capsys, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=SimpleNamespace(read=stop)))
    assert command(capsys, "embed", bert.folder, "-", code=130).err == "minattn: interrupted\n"


def test_a_signal_while_vectors_are_written_leaves_no_part_of_a_file(bert, capsys, monkeypatch, tmp_path):
    (tmp_path / "made").mkdir()
    monkeypatch.setattr("os.fsync", lambda _: signal.raise_signal(signal.SIGTERM))
    said = command(capsys, "embed", bert.folder, "the cat", "--out", tmp_path / "made" / "v.npy", code=143)
    assert said.err == "minattn: terminated\n" and not list((tmp_path / "made").iterdir())


# --- the files of sentence-transformers

MEAN, CLS = "pooling_mode_mean_tokens", "pooling_mode_cls_token"


@pytest.mark.parametrize(
    ("modes", "pooling"),
    [({MEAN: True, CLS: False}, "mean"), ({MEAN: False, CLS: True}, "cls"), ({"pooling_mode": "cls"}, "cls")],
)
def test_the_pooling_is_the_one_that_the_folder_says(capsys, tmp_path, modes, pooling):
    opened = write_encoder(tmp_path, "BertModel")
    write_json(tmp_path / "1_Pooling" / "config.json", {"word_embedding_dimension": 12, **modes})
    out, _ = command(capsys, "embed", tmp_path, *TEXTS, "--json")
    got = np.array(json.loads(out)["vectors"])
    np.testing.assert_allclose(got, one_by_one(opened, TEXTS, pooling), rtol=0, atol=SINGLE)


def test_a_pooling_that_is_not_known_is_refused(capsys, tmp_path):
    write_encoder(tmp_path, "BertModel")
    write_json(tmp_path / "1_Pooling" / "config.json", {MEAN: True, "pooling_mode_max_tokens": True})
    sentence = refused(capsys, "embed", tmp_path, "a")
    assert sentence.endswith("known are mean and cls, got pooling_mode_mean_tokens, pooling_mode_max_tokens")


def test_the_pooling_is_read_where_the_modules_say_it_is_and_missed_there(capsys, tmp_path):
    opened = write_encoder(tmp_path, "BertModel")
    write_json(tmp_path / "modules.json", [{"type": "sentence_transformers.models.Pooling", "path": "7_Pooling"}])
    write_json(tmp_path / "1_Pooling" / "config.json", {MEAN: True})
    missing = f"{tmp_path}/7_Pooling/config.json, which says how vectors are pooled by modules.json, is missing; get it"
    assert refused(capsys, "embed", tmp_path, "a").startswith(missing)
    write_json(tmp_path / "7_Pooling" / "config.json", {CLS: True})
    got = np.array(json.loads(command(capsys, "embed", tmp_path, *TEXTS, "--json").out)["vectors"])
    np.testing.assert_allclose(got, one_by_one(opened, TEXTS, "cls"), rtol=0, atol=SINGLE)


def test_a_step_after_the_pooling_is_said_to_be_left_out(capsys, tmp_path):
    write_encoder(tmp_path, "BertModel")
    kinds = ("Transformer", "Pooling", "Dense", "Normalize")
    write_json(tmp_path / "modules.json", [{"type": f"sentence_transformers.models.{kind}"} for kind in kinds])
    write_json(tmp_path / "1_Pooling" / "config.json", {MEAN: True})
    assert "has a step Dense, which is not applied" in command(capsys, "embed", tmp_path, "a").err
    (tmp_path / "modules.json").write_text("{}")
    assert "expected a JSON list, got a dict" in refused(capsys, "embed", tmp_path, "a")


def test_the_most_tokens_of_a_sentence_are_those_that_the_folder_says(capsys, tmp_path):
    write_encoder(tmp_path, "BertModel")
    write_json(tmp_path / "sentence_bert_config.json", {"max_seq_length": 4})
    assert "5 tokens, but this model takes 4" in refused(capsys, "embed", tmp_path, "the cat sees")
    write_json(tmp_path / "sentence_bert_config.json", {"max_seq_length": "4"})
    assert "max_seq_length must be a number of tokens, got '4'" in refused(capsys, "embed", tmp_path, "the cat")


# --- a real model


@needs_minilm
def test_minilms_vectors_are_those_that_transformers_gives():
    transformers, torch = hugging_face()
    lines = [
        "This is a input.",
        "Is this an input?",
        "A man is playing the guitar, and the crowd is singing along with him all night long.",
        "Ein Mann spielt Gitarre.",
        "x",
    ]
    folder = minilm_folder()
    split, theirs = transformers.AutoTokenizer.from_pretrained(folder), transformers.AutoModel.from_pretrained(folder)
    batch = split(lines, padding=True, return_tensors="pt")
    mask = batch["attention_mask"][..., None]
    with torch.no_grad():
        pooled = (theirs(**batch).last_hidden_state * mask).sum(1) / mask.sum(1)
    expected = torch.nn.functional.normalize(pooled).numpy()
    got = embed_texts(load_pretrained(folder), load_tokenizer(folder), lines, threads=2)
    np.testing.assert_allclose(got, expected, rtol=0, atol=SINGLE)
    np.testing.assert_allclose(got @ got.T, expected @ expected.T, rtol=0, atol=SINGLE)
    assert got[0] @ got[1] > 0.7 > 0.3 > got[0] @ got[2]
