"""De-embedding: the nearest tokens in blocks, at every layer, over the vocabulary; and `minattn deembed`."""

import io
import json
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from support.encoder_help import SENTENCES, command, minilm_folder, needs_minilm, refused, write_encoder
from support.pretrained_help import make

from minattn import no_grad
from minattn.nn import Nearest
from minattn.pretrained import LayerDeEmbedding, load_pretrained, load_tokenizer, vocabulary_comes_back

KINDS = ("l2", "cosine", "dot")
ALL = ("BertModel", "BertForMaskedLM", "DistilBertModel", "DistilBertForMaskedLM")


def by_formula(x, table, bias=0.0):
    """The same without blocks, from the definitions, in float64."""
    x, table = np.asarray(x, np.float64), np.asarray(table, np.float64)
    products = x @ table.T
    lengths = np.linalg.norm(x, axis=-1)[..., None] * np.linalg.norm(table, axis=-1)
    scores = {"l2": -((x[..., None, :] - table) ** 2).sum(-1), "cosine": products / lengths, "dot": products + bias}
    return {kind: score.argmax(-1) for kind, score in scores.items()}


def assert_same(got, expected):
    assert got.keys() == expected.keys()
    for kind, ids in expected.items():
        np.testing.assert_array_equal(got[kind], ids, err_msg=kind)


@pytest.fixture(params=[(512, 2048), (1, 1), (3, 4), (2, 100), (100, 5)])
def block_sizes(request):
    """The shapes of blocks, so that vectors and tokens fall into one, and into many."""
    return dict(zip(("rows", "columns"), request.param, strict=True))


# --- Nearest


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nearest_finds_what_the_formulas_say_in_blocks_of_every_size(block_sizes, dtype):
    rng = np.random.default_rng(0)
    table = (rng.normal(size=(23, 6)) * rng.uniform(0.2, 3, (23, 1))).astype(dtype)
    x, bias = rng.normal(size=(4, 5, 6)).astype(dtype), rng.normal(size=23).astype(dtype)
    without, with_bias = by_formula(x, table), by_formula(x, table, bias)
    assert len({ids.tobytes() for ids in (*without.values(), with_bias["dot"])}) == 4  # four different answers
    assert_same(Nearest(table, **block_sizes)(x), without)
    assert_same(Nearest(table, bias, **block_sizes)(x), with_bias)
    assert_same(Nearest(table, kinds=("cosine",), **block_sizes)(x), {"cosine": without["cosine"]})
    assert_same(Nearest(table, **block_sizes)(x[0, 0]), {kind: ids[0, 0] for kind, ids in without.items()})


def test_of_tokens_with_the_same_score_the_first_is_the_nearest(block_sizes):
    table = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]] * 3)
    assert_same(Nearest(table, **block_sizes)(table), {kind: np.array([0, 1, 1, 0, 1] * 3) for kind in KINDS})


def test_a_token_of_zeros_is_no_direction_and_no_reason_for_a_warning():
    table = np.array([[0.0, 0.0], [-1.0, 0.0], [0.0, -2.0]])
    found = Nearest(table)(np.array([[0.1, 0.1], [-3.0, 0.0]]))
    assert_same(found, {"l2": np.array([0, 1]), "cosine": np.array([0, 1]), "dot": np.array([0, 1])})


def test_no_vectors_have_no_nearest_tokens():
    found = Nearest(np.eye(3))(np.zeros((2, 0, 3)))
    assert {kind: ids.shape for kind, ids in found.items()} == dict.fromkeys(KINDS, (2, 0))


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="kinds must be of l2, cosine, dot, got 'own'"):
        Nearest(np.eye(3), kinds=("own",))


def test_the_scores_of_all_tokens_for_all_vectors_are_never_in_memory_together():
    rng = np.random.default_rng(0)
    table, x = rng.normal(size=(20_000, 4)).astype(np.float32), rng.normal(size=(2_000, 4)).astype(np.float32)
    tracemalloc.start()
    Nearest(table)(x)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16e6  # two blocks of 4 MB and some rows; all scores are 160 MB


# --- LayerDeEmbedding


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("tied", [True, False])
def test_every_stage_holds_its_vectors_to_the_table_and_the_head_to_its_own(kind, tied):
    model = make(kind, layers=3, tied=tied).double()
    ids = np.random.default_rng(0).integers(0, 29, (4, 7))
    encoder, table = getattr(model, "encoder", model), model.embeddings.word_embeddings.weight.data
    with no_grad():
        states = [state.data for state in encoder(ids, output_hidden_states=True).hidden_states]
        logits = model(ids).logits.data if kind.endswith("LM") else None
    de_embedding = LayerDeEmbedding(model)
    found = de_embedding(ids)
    stages = ["word embedding", "embeddings", "layer 1", "layer 2", "layer 3"]
    assert list(found) == list(de_embedding.stages) == stages + ["masked-LM head"] * (logits is not None)
    for stage, vectors in zip(stages, [table[ids], *states], strict=True):
        assert_same(found[stage], by_formula(vectors, table))
    assert (found["word embedding"]["l2"] == ids).all() and (found["layer 3"]["l2"] != ids).any()
    if logits is not None:
        head = model.head
        with no_grad():
            vectors = head.transform(encoder(ids).last_hidden_state).data
        expected = by_formula(vectors, head.de_embedding.weight.data, head.de_embedding.bias.data)
        assert_same(found["masked-LM head"], expected)
        np.testing.assert_array_equal(found["masked-LM head"]["dot"], logits.argmax(-1))
    one_place = de_embedding(ids, place=2)
    for stage, nearest in found.items():
        assert_same(one_place[stage], {kind: best[:, 2] for kind, best in nearest.items()})


def test_rows_of_the_table_beyond_the_vocabulary_are_no_tokens():
    model = make("BertForMaskedLM", vocab_size=40)
    ids = np.random.default_rng(0).integers(0, 10, (6, 9))
    found, in_all = LayerDeEmbedding(model, 10)(ids), LayerDeEmbedding(model)(ids)
    assert max(best.max() for nearest in found.values() for best in nearest.values()) < 10
    assert max(best.max() for nearest in in_all.values() for best in nearest.values()) >= 10


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_vocabulary_comes_back_as_each_token_does_in_a_text_of_its_own(threads):
    model, seen = make("DistilBertForMaskedLM"), []
    de_embedding = LayerDeEmbedding(model)
    found = vocabulary_comes_back(de_embedding, 5, 7, threads=threads, block=4, progress=seen.append)
    assert seen == sorted(set(seen)) and seen[-1] == 29 and len(seen) > 1
    for token in range(29):
        alone = de_embedding(np.array([[5, token, 7]]))
        for stage, nearest in found.items():
            assert {kind: best[token] for kind, best in nearest.items()} == {
                kind: best[0, 1] for kind, best in alone[stage].items()
            }
    some = vocabulary_comes_back(de_embedding, 5, 7, tokens=[3, 28, 3], threads=threads)
    for stage, nearest in found.items():
        assert_same(some[stage], {kind: best[[3, 28, 3]] for kind, best in nearest.items()})


# --- the command


@pytest.fixture(scope="module", params=["BertModel", "DistilBertForMaskedLM"])
def opened(request, tmp_path_factory):
    return write_encoder(tmp_path_factory.mktemp(request.param), request.param)


TEXT = "The cat [MASK] the old bridge ☃"


def test_a_text_is_shown_token_by_token_with_what_comes_back_as_another(opened, capsys):
    out, err = command(capsys, "deembed", opened.folder, TEXT)
    assert err == "lost, because the vocabulary lacks them: ☃\n"
    ids = opened.tokenizer.encode(TEXT, blanks=True)
    found = LayerDeEmbedding(opened.model)(np.array([ids]))
    *tables, legend = out.strip().split("\n\n")
    has_head = "masked-LM head" in found
    assert legend.startswith("word: word embedding; 0: embeddings, ")
    assert legend.endswith("layer 1, …; head: masked-LM head" if has_head else "layer 1, …")
    for table, (kind, name) in zip(tables, (("l2", "L2"), ("cosine", "cosine"), ("dot", "dot")), strict=True):
        head, *rows, shares = (line.split() for line in table.splitlines())
        assert head == ["by", name, "word", "0", "1", "2"] + ["head"] * has_head
        best = np.array([nearest[kind][0] for nearest in found.values()])
        pieces = opened.tokenizer.pieces
        for row, i, others in zip(rows, ids, best.T, strict=True):
            assert row == [pieces[i], *("·" if i == other else pieces[other] for other in others)]
        assert shares == ["come", "back", *(f"{share:.0%}" for share in (best == ids).mean(axis=1))]


def test_json_of_a_text_has_every_token_of_every_stage(opened, capsys):
    content = json.loads(command(capsys, "deembed", opened.folder, TEXT, "--json").out)
    ids = opened.tokenizer.encode(TEXT, blanks=True)
    pieces, found = opened.tokenizer.pieces, LayerDeEmbedding(opened.model)(np.array([ids]))
    assert content["ids"] == ids and content["tokens"] == [pieces[i] for i in ids]
    assert content["nearest"] == [
        {"stage": stage, **{kind: [pieces[i] for i in best[0]] for kind, best in nearest.items()}}
        for stage, nearest in found.items()
    ]


def test_the_table_has_the_shares_of_the_vocabulary_and_the_failures_words_first(opened, capsys):
    out, err = command(capsys, "deembed", opened.folder, "--table")
    content = json.loads(command(capsys, "deembed", opened.folder, "--table", "--json", "--threads", "1").out)
    tokenizer, size = opened.tokenizer, opened.tokenizer.vocab_size
    found = vocabulary_comes_back(LayerDeEmbedding(opened.model), tokenizer.cls_id, tokenizer.sep_id)
    assert err == "" and content["tokens"] == size
    lines = out.splitlines()
    assert lines[0].split() == ["comes", "back", "L2", "cosine", "dot"]
    for line, stage in zip(lines[1:], content["stages"], strict=False):
        nearest = found[stage["stage"]]
        assert line.startswith(stage["stage"])
        for kind, shown in zip(KINDS, line.removeprefix(stage["stage"]).split(), strict=True):
            wrong = [i for i in range(size) if nearest[kind][i] != i]
            assert stage["shares"][kind] == pytest.approx(1 - len(wrong) / size, abs=1e-12)
            assert shown == f"{100 * stage['shares'][kind]:.2f}%"
            assert stage["failures"][kind] == [[tokenizer.pieces[i], tokenizer.pieces[nearest[kind][i]]] for i in wrong]
    last = content["stages"][-1]
    words = [pair for pair in last["failures"]["dot"] if pair[0].isalpha() and len(pair[0]) > 1]
    assert words and words != last["failures"]["dot"]
    listed = out.split(
        f"\n{last['stage']}, dot: {len(last['failures']['dot']):,} come back as another, for example\n  "
    )[1]
    assert listed.splitlines()[0] == ", ".join(f"{token} → {other}" for token, other in words[:12])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "deembed takes a TEXT, or --table for the whole vocabulary; give one of the two"),
        (["the cat", "--table"], "deembed takes a TEXT, or --table"),
        (["--table", "the cat"], "deembed takes a TEXT, or --table"),
        (
            ["the", "cat", "sees"],
            "unrecognized arguments: cat sees; what has spaces in it needs quotes; see minattn deem",
        ),
        (
            ["the cat", "--tables", "x"],
            "unrecognized arguments: --tables x; did you mean --table? See minattn deembed --help",
        ),
        (["--table", "--threads", "0"], "--threads must be at least 1, got 0"),
        (["the cat " * 9], "the text has 20 tokens, but this model takes 12; cut it, or give --truncate"),
        ([" "], "the text is empty, or the tokenizer drops all of it"),
        ([""], "text is empty; see minattn deembed --help"),
    ],
)
def test_what_cannot_be_mapped_back_is_refused_in_a_sentence(opened, capsys, arguments, sentence):
    assert refused(capsys, "deembed", opened.folder, *arguments).startswith(sentence)


def test_a_dash_stands_for_standard_input(opened, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(f"{TEXT}\n".encode())))
    assert command(capsys, "deembed", opened.folder, "-") == command(capsys, "deembed", opened.folder, TEXT)


@pytest.mark.parametrize("option", ["--json", "--truncate"])
def test_a_text_may_stand_behind_an_option(opened, capsys, option):
    expected = command(capsys, "deembed", option, opened.folder, TEXT)
    assert command(capsys, "deembed", opened.folder, option, TEXT) == expected


def test_a_long_text_is_truncated_on_request_and_that_is_said(opened, capsys):
    out, err = command(capsys, "deembed", opened.folder, "the cat " * 9, "--truncate", "--json")
    assert err == "the text: the first 12 of 20 tokens are used\n"
    assert json.loads(out)["ids"][-1] == opened.tokenizer.sep_id and len(json.loads(out)["ids"]) == 12


def test_a_model_of_two_positions_has_no_table(capsys, tmp_path):
    write_encoder(tmp_path, "BertModel", max_tokens=2)
    assert "too few positions for [CLS] token [SEP]" in refused(capsys, "deembed", tmp_path, "--table")


def test_what_the_weights_have_too_many_goes_to_standard_error(capsys, tmp_path):
    opened = write_encoder(tmp_path, "DistilBertForMaskedLM")
    config = json.loads((tmp_path / "config.json").read_text()) | {"architectures": ["DistilBertModel"]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    out, err = command(capsys, "deembed", opened.folder, SENTENCES[0], "--json")
    assert len(json.loads(out)["nearest"]) == 4 and "not used: vocab_layer_norm.bias, " in err


# --- a real model


@needs_minilm
def test_minilms_tokens_come_back_in_the_shares_that_are_known():
    folder = minilm_folder()
    tokenizer = load_tokenizer(folder)
    tokens = np.arange(0, 30522, 30)
    found = vocabulary_comes_back(
        LayerDeEmbedding(load_pretrained(folder)), tokenizer.cls_id, tokenizer.sep_id, tokens=tokens, threads=2
    )
    known = {
        "word embedding": {"l2": 100, "cosine": 100, "dot": 99.94},
        "embeddings": {"l2": 99.97, "cosine": 100, "dot": 95.09},
        "layer 6": {"l2": 83.36, "cosine": 90.96, "dot": 78.96},
    }
    for stage, shares in known.items():
        for kind, share in shares.items():
            got = 100 * (found[stage][kind] == tokens).mean()
            deviation = (share * (100 - share) / len(tokens)) ** 0.5  # of a sample of the vocabulary
            assert abs(got - share) <= 2.5 * deviation, (stage, kind, got)


@needs_minilm
def test_minilms_word_embedding_has_words_that_come_back_as_their_singular():
    folder = minilm_folder()
    tokenizer = load_tokenizer(folder)
    table, pieces = load_pretrained(folder).embeddings.word_embeddings.weight.data, tokenizer.pieces
    words = ["extensions", "threads", "matrices", "asteroids", "cats", "the"]
    ids = np.array([pieces.index(word) for word in words])
    found = Nearest(table)(table[ids])
    assert [pieces[i] for i in found["dot"]] == ["extension", "thread", "matrix", "asteroid", "cats", "the"]
    assert (found["l2"] == ids).all() and (found["cosine"] == ids).all()
