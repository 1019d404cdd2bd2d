"""The tokenizers of BERT and DistilBERT folders, held to the ids that transformers gives."""

import itertools
import json
import random
import shutil

import numpy as np
import pytest
from support.encoder_help import minilm_folder, needs_minilm
from support.tokenizer_lines import TRAINING, bert_folder, lines_for_the_test, pieces_for_the_test

from minattn.errors import InputError
from minattn.pretrained import load_tokenizer, save_tokenizer
from minattn.text import SPECIALS, Batches, WordPiece


@pytest.fixture(scope="module")
def lines():
    found = lines_for_the_test(10_000)
    assert not any(special in line for line in found for special in SPECIALS)
    return found


# The same ids as transformers


@pytest.mark.parametrize("kind", ["BertTokenizer", "DistilBertTokenizer"])
@pytest.mark.parametrize(
    "options",
    [
        {"do_lower_case": True},
        {"do_lower_case": False},
        {"do_lower_case": True, "strip_accents": False},
        {"do_lower_case": False, "strip_accents": True},
        {"do_lower_case": True, "strip_accents": None, "tokenize_chinese_chars": False},
    ],
    ids=lambda options: "-".join(f"{name}={value}" for name, value in options.items()),
)
def test_ids_are_those_of_transformers_on_all_kinds_of_lines(transformers, tmp_path, lines, options, kind):
    if kind == "DistilBertTokenizer":
        lines = lines[:500]  # transformers makes it a BertTokenizer by another name
    theirs = getattr(transformers, kind).from_pretrained(bert_folder(tmp_path / "a", tokenizer_class=kind, **options))
    theirs.save_pretrained(tmp_path / "b")
    assert (tmp_path / "b" / "tokenizer.json").exists()
    from_vocabulary = load_tokenizer(tmp_path / "a")
    from_json = load_tokenizer(tmp_path / "b")
    expected = theirs(lines).input_ids
    assert from_vocabulary.encode_batch(lines) == expected
    assert from_json.encode_batch(lines) == expected
    assert [from_json.encode(line) for line in lines[:300]] == expected[:300]
    # or the comparison would say little
    seen = [i for ids in expected for i in ids[1:-1]]
    assert len(set(seen)) > 250 and seen.count(100) < 0.5 * len(seen)


def test_each_option_changes_ids_of_these_lines(tmp_path, lines):
    options = [{}, {"do_lower_case": False}, {"strip_accents": False}, {"tokenize_chinese_chars": False}]
    found = [
        load_tokenizer(bert_folder(tmp_path / str(i), do_basic_tokenize=True, **option)).encode_batch(lines)
        for i, option in enumerate(options)
    ]
    assert all(one != other for one, other in itertools.combinations(found, 2))


def test_specials_written_in_a_text_are_ordinary_text_and_marked_ones_in_transformers(transformers, tmp_path, lines):
    folder = bert_folder(tmp_path / "a", do_lower_case=True)
    rng = random.Random(3)
    marked = [f"{line} {rng.choice(SPECIALS)}{line[:5]}" for line in lines[-500:]]
    ours = load_tokenizer(folder)
    split = transformers.BertTokenizer.from_pretrained(folder, split_special_tokens=True)
    assert ours.encode_batch(marked) == split(marked).input_ids
    theirs = transformers.BertTokenizer.from_pretrained(folder)
    assert all(one != other for one, other in zip(ours.encode_batch(marked), theirs(marked).input_ids, strict=True))
    masked = [line.replace(" ", "[MASK]") for line in lines[-500:]]
    assert [ours.encode(line, blanks=True) for line in masked] == theirs(masked).input_ids


def test_pieces_that_were_added_to_a_tokenizer_have_their_ids(transformers, tmp_path):
    theirs = transformers.BertTokenizer.from_pretrained(bert_folder(tmp_path / "a"))
    theirs.add_tokens(["zhuzh", "火边"])
    theirs.save_pretrained(tmp_path / "b")
    ours = load_tokenizer(tmp_path / "b")
    text = "The zhuzh, a ZHUZH of zhuzh狗在火边"
    assert ours.encode(text) == theirs(text).input_ids
    assert ours.encode(text).count(ours.vocab_size - 2) == 3 and ours.vocab_size == len(theirs)
    again = transformers.AutoTokenizer.from_pretrained(save_tokenizer(ours, tmp_path / "c").parent)
    assert again(text).input_ids == theirs(text).input_ids


@needs_minilm
@pytest.mark.parametrize("file", ["tokenizer.json", "vocab.txt"])
def test_ids_of_the_real_minilm_are_those_of_transformers(transformers, tmp_path, lines, file):
    original = minilm_folder()
    for name in (file, "tokenizer_config.json"):
        shutil.copy(original / name, tmp_path)
    ours = load_tokenizer(tmp_path)
    assert (ours.vocab_size, ours.model_max_length) == (30522, 512)
    assert ours.encode("This is a input.") == [101, 2023, 2003, 1037, 7953, 1012, 102]
    assert ours.encode_batch(lines) == transformers.BertTokenizer.from_pretrained(original)(lines).input_ids
    assert len(ours.encode("a " * 300)) == 302  # its file would cut at 128
    assert ours.pieces == (original / "vocab.txt").read_text(encoding="utf-8").split("\n")[:30522]


# tokenizer.json with parts that are null, absent or of another kind

BERT = {
    "type": "BertNormalizer",
    "clean_text": True,
    "handle_chinese_chars": True,
    "strip_accents": None,
    "lowercase": True,
}
NORMALIZERS = (BERT, BERT | {"lowercase": False}, BERT | {"clean_text": False}, {"type": "Lowercase"}, None, ...)
PRE_TOKENIZERS = ({"type": "BertPreTokenizer"}, {"type": "WhitespaceSplit"}, None, ...)
CONFIGS = (
    {},
    {"do_lower_case": True},
    {"do_lower_case": False},
    {"strip_accents": False},
    {"do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": False},
)
ADDED = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": True, "special": False}
TEXT = "The Cat sat. Él el 火边 thecat the\tCAT cats zhuzh ZHUZH \x07"
WORDS_AND_PIECES = "the cat sat The Cat Él él el 火 边 火边 ##边 ##cat . ##s zhuzh ZHUZH"
PIECES = [*SPECIALS, *WORDS_AND_PIECES.split()]


def file_of(normalizer, pre_tokenizer, added=()):
    """A tokenizer.json with these parts; ... for a part that is absent."""
    parts = {"normalizer": normalizer, "pre_tokenizer": pre_tokenizer}
    content = {
        "version": "1.0",
        "added_tokens": list(added),
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 9,
            "vocab": {piece: i for i, piece in enumerate(PIECES)},
        },
    }
    return json.dumps(content | {name: part for name, part in parts.items() if part is not ...})


def write_folder(folder, tokenizer, config, model_type="bert"):
    (folder / "tokenizer.json").write_text(tokenizer, encoding="utf-8")
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


@pytest.mark.parametrize("kind", ["BertTokenizer", "BertTokenizerFast", "PreTrainedTokenizerFast", None])
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: "-".join(config))
def test_ids_are_those_of_transformers_whatever_parts_a_tokenizer_json_lacks(transformers, tmp_path, config, kind):
    for normalizer, pre_tokenizer in itertools.product(NORMALIZERS, PRE_TOKENIZERS):
        write_folder(tmp_path, file_of(normalizer, pre_tokenizer), config | ({"tokenizer_class": kind} if kind else {}))
        theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)(TEXT, add_special_tokens=False).input_ids
        assert load_tokenizer(tmp_path).encode(TEXT)[1:-1] == theirs, (normalizer, pre_tokenizer)


@pytest.mark.parametrize(
    "changes", [{}, {"normalized": False}, {"single_word": True}, {"lstrip": True, "rstrip": True}]
)
@pytest.mark.parametrize("kind", ["BertTokenizer", "PreTrainedTokenizerFast"])
def test_added_tokens_have_the_ids_of_transformers(transformers, tmp_path, changes, kind):
    added = [ADDED | changes | {"id": len(PIECES) + i, "content": text} for i, text in enumerate(["Cat s", "éx"])]
    for normalizer in (BERT, None):
        write_folder(tmp_path, file_of(normalizer, None, added), {"tokenizer_class": kind})
        text = "The Cat sat, cat s éx Éx thecat sex"
        theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)(text, add_special_tokens=False).input_ids
        assert load_tokenizer(tmp_path).encode(text)[1:-1] == theirs


@pytest.mark.parametrize("normalizer", [None, ...])
def test_a_tokenizer_json_without_a_normalizer_is_uncased_where_the_config_says_so(tmp_path, normalizer):
    for config, same in (({"do_lower_case": True}, True), ({"do_lower_case": False}, False)):
        (tmp_path / "tokenizer.json").write_text(file_of(normalizer, None), encoding="utf-8")
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
        assert (load_tokenizer(tmp_path).encode("The Cat") == load_tokenizer(tmp_path).encode("the cat")) is same


@pytest.mark.parametrize(
    "token", [{"id": 3, "content": "new"}, {"id": 99, "content": "new"}, {"id": 7, "content": "[PAD]"}]
)
def test_an_added_token_with_an_id_that_it_cannot_have_is_refused(tmp_path, token):
    (tmp_path / "tokenizer.json").write_text(file_of(BERT, None, [ADDED | token]), encoding="utf-8")
    refused(tmp_path, rf"tokenizer\.json: the added token '.*' has the id {token['id']}, but the ids before it make it")


# Saving


@pytest.mark.parametrize("options", [{}, {"do_lower_case": False, "strip_accents": True}])
@pytest.mark.parametrize("kind", ["BertTokenizer", "DistilBertTokenizerFast"])
def test_transformers_opens_a_saved_tokenizer_with_the_same_ids(transformers, tmp_path, lines, options, kind):
    ours = load_tokenizer(bert_folder(tmp_path / "a", tokenizer_class=kind, model_max_length=64, **options))
    folder = save_tokenizer(ours, tmp_path / "b").parent
    assert sorted(f.name for f in folder.iterdir()) == ["tokenizer.json", "tokenizer_config.json", "vocab.txt"]
    for opened in (transformers.AutoTokenizer, transformers.BertTokenizer, transformers.PreTrainedTokenizerFast):
        theirs = opened.from_pretrained(folder)
        assert theirs(lines[:2000]).input_ids == ours.encode_batch(lines[:2000])
        assert theirs.model_max_length == 64 and theirs.pad_token_id == 0 and theirs.mask_token_id == 103
    assert type(transformers.AutoTokenizer.from_pretrained(folder)).__name__ == kind.removesuffix("Fast")
    again = load_tokenizer(folder)
    assert (again.fingerprint, again.model_max_length) == (ours.fingerprint, 64)
    alone = transformers.AutoTokenizer.from_pretrained(ours.save(tmp_path / "c").parent)
    assert alone(lines[:2000]).input_ids == ours.encode_batch(lines[:2000])
    (folder / "tokenizer.json").unlink()
    assert load_tokenizer(folder).fingerprint == ours.fingerprint


def test_transformers_opens_a_tokenizer_of_our_own_with_the_same_ids(transformers, tmp_path):
    ours = WordPiece.train(TRAINING, 120)
    lines = [*TRAINING, "the " + "t" * 500, "t" * 1001, ""]  # longer than the 100 characters of BERT's words
    folder = save_tokenizer(ours, tmp_path / "new").parent
    for model_type in (None, "bert", "distilbert"):
        if model_type is not None:
            (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
        theirs = transformers.AutoTokenizer.from_pretrained(folder)(lines)
        assert theirs.input_ids == ours.encode_batch(lines)
        assert sorted(theirs) == ["attention_mask", "input_ids"]
    # older versions would else give the model of DistilBERT a third input, which it refuses
    config = json.loads((folder / "tokenizer_config.json").read_text())
    assert config["model_input_names"] == ["input_ids", "attention_mask"]
    assert load_tokenizer(folder).fingerprint == ours.fingerprint


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.update(pre_tokenizer={"type": "WhitespaceSplit"}),
        lambda content: content["normalizer"].update(clean_text=False),
        lambda content: content.update(normalizer={"type": "Lowercase"}),
        lambda content: content.update(normalizer=None),
    ],
)
def test_transformers_opens_a_saved_tokenizer_that_splits_in_another_way_with_the_same_ids(
    transformers, tmp_path, lines, change
):
    content = json.loads(load_tokenizer(bert_folder(tmp_path / "a")).to_json())
    change(content)
    ours = WordPiece(json.dumps(content))
    theirs = transformers.AutoTokenizer.from_pretrained(save_tokenizer(ours, tmp_path / "b").parent)
    assert theirs(lines[:1000]).input_ids == ours.encode_batch(lines[:1000])


# What a folder may have


def test_a_vocabulary_alone_is_uncased_and_limits_words_to_100_characters(tmp_path):
    ours = load_tokenizer(str(bert_folder(tmp_path)))
    assert ours.encode("THE Él") == ours.encode("the el") and ours.model_max_length is None
    assert ours.lost("t" * 100) == [] and ours.lost("t" * 101) == ["t" * 101]


def test_what_the_config_says_of_case_goes_before_tokenizer_json_and_else_the_file_stands(tmp_path):
    cased = load_tokenizer(bert_folder(tmp_path / "a", do_lower_case=False))
    cased.save(tmp_path / "b")
    assert load_tokenizer(tmp_path / "b").fingerprint == cased.fingerprint
    for config, same in (({}, True), ({"do_lower_case": False}, True), ({"do_lower_case": True}, False)):
        (tmp_path / "b" / "tokenizer_config.json").write_text(json.dumps(config))
        ours = load_tokenizer(tmp_path / "b")
        assert (ours.fingerprint == cased.fingerprint) is same
        assert (ours.encode("The") == ours.encode("the")) is not same


@pytest.mark.parametrize("limit, expected", [(512, 512), (10**30, None), (1e30, None), (None, None), ("long", None)])
def test_the_most_tokens_of_the_model_is_read_where_it_is_known(tmp_path, limit, expected):
    assert load_tokenizer(bert_folder(tmp_path, model_max_length=limit)).model_max_length == expected


def test_line_ends_of_windows_a_byte_order_mark_and_spaces_after_a_piece_change_no_id(tmp_path):
    pieces = pieces_for_the_test()
    plain = load_tokenizer(bert_folder(tmp_path / "a", pieces))
    odd = bert_folder(tmp_path / "b", ["\ufeff" + pieces[0], *(piece + " " for piece in pieces[1:])], "\r\n")
    assert load_tokenizer(odd).fingerprint == plain.fingerprint
    no_end = tmp_path / "b" / "vocab.txt"
    no_end.write_text("\n".join(pieces), encoding="utf-8")
    assert load_tokenizer(odd).fingerprint == plain.fingerprint


def test_a_piece_that_python_takes_for_a_line_end_is_a_piece(tmp_path):
    pieces = [*SPECIALS, "\u2028", "\x85", "\x1c", "a"]
    assert load_tokenizer(bert_folder(tmp_path, pieces)).pieces == pieces


def test_specials_at_berts_places_work_in_batches_and_decoding(tmp_path):
    ours = load_tokenizer(bert_folder(tmp_path))
    assert (ours.pad_id, ours.unk_id, ours.cls_id, ours.sep_id, ours.mask_id) == (0, 100, 101, 102, 103)
    sentences = ours.encode_batch(TRAINING * 40)
    batches = Batches(sentences, ours, batch_size=60, blanks=1.0, seed=1)
    for step in range(20):
        batch = batches.at(step)
        special = np.isin(batch.ids, list(ours.special_ids))
        assert (batch.ids[~batch.attention_mask] == 0).all()
        assert set(batch.ids[special & batch.blanked]) == {103}
        assert (batch.blanked == batch.scored).all() and not (batch.targets[batch.scored] < 104).any()
        assert batch.ids[~special].min() >= 104
    ids = [*ours.encode("the old [MASK] slept.", blanks=True), 0]
    assert ours.decode(ids) == "the old [MASK] slept."
    assert ours.decode(ids, skip_special_tokens=False) == "[CLS] the old [MASK] slept. [SEP] [PAD]"
    alone = [ours.decode([i], skip_special_tokens=False) for i in (101, 102, 0, 7)]
    assert alone == ["[CLS]", "[SEP]", "[PAD]", "[unused6]"]


# What is refused


def refused(folder, message):
    with pytest.raises(InputError, match=message) as caught:
        load_tokenizer(folder)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_tokenizer_is_refused_with_its_name(tmp_path):
    refused(tmp_path / "bert-base-uncased", r"bert-base-uncased: expected a folder .*, found nothing there")
    refused(tmp_path, r"expected tokenizer\.json or vocab\.txt, found neither; tokenizer\.save_pretrained")
    (tmp_path / "file").write_text("")
    refused(tmp_path / "file", "file: expected a folder .*, found a file")


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "found an empty file"),
        (b"\n", "found nothing on line 1"),
        (b"[PAD]\n[CLS]\n[SEP]\n[MASK]\na\n", r"found no \[UNK\]"),
        (b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\na\n", "found 'a' on lines 6 and 8"),
        (b"[PAD]\n[UNK]\n[SEP]\na\n", r"found no \[CLS\] \[MASK\]"),
        (b"[PAD]\n[UNK]\n\n[CLS]\n", "found nothing on line 3"),
        ("[PAD]\n[UNK]\né".encode("latin-1"), "found bytes that are not UTF-8"),
    ],
)
def test_a_broken_vocabulary_is_refused_with_its_name_and_line(tmp_path, content, message):
    (tmp_path / "vocab.txt").write_bytes(content)
    refused(tmp_path, rf"vocab\.txt: expected .*{message}")


BPE = {"type": "BPE", "vocab": {"a": 0}, "merges": []}
UNIGRAM = {"type": "Unigram", "unk_id": 0, "vocab": [["[UNK]", 0.0], ["a", -1.0]]}
WORDS = {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"}


def untyped(model):
    """As older files have it: the library knows the kind by the content."""
    return {name: value for name, value in model.items() if name != "type"}


@pytest.mark.parametrize(
    "model, kind",
    [(BPE, "BPE"), (untyped(BPE), "BPE"), (UNIGRAM, "Unigram"), (untyped(UNIGRAM), "Unigram"), (WORDS, "WordLevel")],
)
def test_a_tokenizer_of_another_kind_is_refused_with_its_kind(tmp_path, model, kind):
    (tmp_path / "tokenizer.json").write_text(json.dumps({"version": "1.0", "model": model}))
    refused(tmp_path, rf"tokenizer\.json: expected a tokenizer whose model has type 'WordPiece', found '{kind}'")


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"null", b"\xff", b'{"model": 7}', b'{"normalizer": 3}'])
@pytest.mark.parametrize("config", [{}, {"do_lower_case": False}])
def test_a_broken_tokenizer_json_is_refused_even_beside_a_good_vocabulary(tmp_path, content, config):
    (bert_folder(tmp_path, **config) / "tokenizer.json").write_bytes(content)
    refused(tmp_path, r"tokenizer\.json: expected a tokenizer in JSON")


def test_gaps_in_the_ids_of_a_tokenizer_json_are_refused(tmp_path):
    file = WordPiece.train(TRAINING, 100).save(tmp_path)
    content = json.loads(file.read_text(encoding="utf-8"))
    content["model"]["vocab"]["the"] = 500
    file.write_text(json.dumps(content), encoding="utf-8")
    refused(tmp_path, r"tokenizer\.json: expected ids from 0 to \d+ without gaps")


@pytest.mark.parametrize("content", ["[]", "7", "{", "\x00"])
def test_a_config_that_is_no_json_object_is_refused(tmp_path, content):
    (bert_folder(tmp_path) / "tokenizer_config.json").write_text(content)
    refused(tmp_path, r"tokenizer_config\.json is damaged: expected")


@pytest.mark.parametrize(
    "config, message",
    [
        ({"do_lower_case": "yes"}, "do_lower_case must be true or false, got 'yes'"),
        ({"tokenize_chinese_chars": None}, "tokenize_chinese_chars must be true or false, got None"),
        ({"unk_token": "<unk>"}, r"expected '\[UNK\]' as the unk_token, as in BERT, got '<unk>'"),
        ({"mask_token": {"content": "<mask>"}}, r"expected '\[MASK\]' as the mask_token, as in BERT, got '<mask>'"),
        ({"tokenizer_class": 7}, "tokenizer_class must be the name of a class, got 7"),
        ({"added_tokens_decoder": {"9": {"content": ["a"]}}}, r"adds the piece \['a'\], which vocab.txt lacks"),
        ({"tokenizer_class": "BertJapaneseTokenizer"}, "tokenizer_class must be .*, got BertJapaneseTokenizer"),
        ({"added_tokens_decoder": {"999": {"content": "zhuzh"}}}, "adds the piece 'zhuzh', which vocab.txt lacks"),
    ],
)
def test_a_config_that_the_ids_cannot_follow_is_refused(tmp_path, config, message):
    refused(bert_folder(tmp_path, **config), rf"tokenizer_config\.json: {message}")


def test_a_config_may_name_berts_specials_in_full(tmp_path):
    named = {"unk_token": {"content": "[UNK]"}, "added_tokens_decoder": {"0": {"content": "[PAD]"}}, "mask_token": None}
    assert load_tokenizer(bert_folder(tmp_path, **named)).unk_id == 100


def test_added_tokens_beside_the_vocabulary_are_refused(tmp_path):
    (bert_folder(tmp_path) / "added_tokens.json").write_text('{"zhuzh": 2000}')
    refused(tmp_path, r"added_tokens\.json: adds the piece 'zhuzh', which vocab\.txt lacks")
