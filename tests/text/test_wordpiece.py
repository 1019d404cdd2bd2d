import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.small_run import disk_is_full

import minattn.text
from minattn.errors import InputError, RunError
from minattn.text import SPECIALS, WordPiece

ENGLISH = [
    "The old dog slept by the fire.",
    "The cat slept by the old door, and the dog did not.",
    'She didn\'t say "yes"; she said (twice) that 3.50 was well-known!',
    "Why? The fire was warm: it burned from 7:30 on.",
]
CHINESE = ["老狗在火边睡觉。", "我爱我的老狗，你呢？", "他说：“走吧！”"]


@pytest.fixture(scope="module")
def tokenizer():
    return WordPiece.train(ENGLISH + CHINESE, 200)


def changed(tokenizer, change):
    """The tokenizer's JSON after a change of its content."""
    content = json.loads(tokenizer.to_json())
    change(content)
    return json.dumps(content)


# Training


def test_special_tokens_come_first_and_in_order(tokenizer):
    assert tuple(tokenizer.pieces[:5]) == SPECIALS
    ids = (tokenizer.pad_id, tokenizer.unk_id, tokenizer.cls_id, tokenizer.sep_id, tokenizer.mask_id)
    assert ids == (0, 1, 2, 3, 4)
    assert tokenizer.special_ids == {0, 1, 2, 3, 4}
    assert tokenizer.vocab_size == len(tokenizer.pieces) == len(set(tokenizer.pieces)) <= 200


def test_training_is_the_same_in_every_process(tmp_path):
    # Syllables in equal numbers make many ties, at which an unordered training would differ.
    program = """
import itertools
from minattn.text import WordPiece
words = ["".join(s) for s in itertools.permutations(["ka", "lo", "mi", "te", "ru", "sho"], 3)]
print(WordPiece.train([" ".join(words), "A b, c."], 90).fingerprint)
"""
    root = Path(minattn.text.__file__).parents[2]
    found = set()
    for n in range(4):
        settings = {"PYTHONPATH": str(root), "PYTHONHASHSEED": str(n), "RAYON_NUM_THREADS": str(1 + n % 2)}
        done = subprocess.run(
            [sys.executable, "-c", program], env=os.environ | settings, capture_output=True, text=True, check=True
        )
        found.add(done.stdout)
    assert len(found) == 1


def test_every_letter_seen_has_a_form_at_the_start_and_one_inside():
    tokenizer = WordPiece.train(["Qat zip", "bax"], 100)
    for letter in "qatzipbx":
        assert letter in tokenizer.pieces and f"##{letter}" in tokenizer.pieces
    assert tokenizer.lost("xqzq qqq pizzaz tabxipq") == []


def test_marks_and_chinese_characters_which_stand_alone_have_one_form(tokenizer):
    for letter in ".狗，":
        assert letter in tokenizer.pieces and f"##{letter}" not in tokenizer.pieces
    assert tokenizer.lost("狗睡..觉old狗dog.") == []


def test_common_pairs_are_merged_and_what_occurs_once_is_not():
    tokenizer = WordPiece.train(["kazoo kazoo unique"], 100)
    assert "kazoo" in tokenizer.pieces
    assert not any(piece in tokenizer.pieces for piece in ("un", "##qu", "unique"))


def test_a_vocabulary_has_the_size_asked_for_and_one_too_small_is_refused_with_the_least_that_works():
    with pytest.raises(InputError, match=r"vocab_size: expected at least 12 .*, got 11"):
        WordPiece.train(["Abc."], 11)
    assert WordPiece.train(["Abc."], 12).pieces == [*SPECIALS, ".", "a", "b", "c", "##a", "##b", "##c"]
    for size in (66, 70, 80):
        assert WordPiece.train(ENGLISH, size).vocab_size == size


@pytest.mark.parametrize("texts, message", [([], "got none"), (["", " \t"], "got none"), ("abc", "put it into a list")])
def test_training_without_several_texts_of_letters_is_refused(texts, message):
    with pytest.raises(InputError, match=message):
        WordPiece.train(texts, 100)


# Encoding


def test_encoding_frames_the_longest_known_pieces():
    tokenizer = WordPiece.train(["kazoo kazoo", "a z k o"], 100)
    ids = tokenizer.encode("Kazooz?")
    assert [tokenizer.pieces[i] for i in ids] == ["[CLS]", "kazoo", "##z", "[UNK]", "[SEP]"]


def test_no_text_is_a_frame_alone(tokenizer):
    assert tokenizer.encode("") == tokenizer.encode(" \n") == [tokenizer.cls_id, tokenizer.sep_id]


def test_special_tokens_in_the_text_are_ordinary_text(tokenizer):
    for special in SPECIALS:
        ids = tokenizer.encode(f"the {special} dog")
        assert len(tokenizer.special_ids.intersection(ids[1:-1]) - {tokenizer.unk_id}) == 0
    brackets = WordPiece.train(["[pad] [unk] [cls] [sep] [mask]"], 100)
    for special in SPECIALS:
        assert brackets.decode(brackets.encode(special)) == special.lower()
        assert not brackets.special_ids.intersection(brackets.encode_batch([special])[0][1:-1])


def test_a_blank_is_a_literal_mask_only_when_asked_for(tokenizer):
    the, dog = tokenizer.encode("the")[1:-1], tokenizer.encode("dog")[1:-1]
    blank = [tokenizer.mask_id]
    frame = [tokenizer.cls_id], [tokenizer.sep_id]
    for text in ("the [MASK] dog[MASK]", "the[MASK]dog [MASK]"):
        assert tokenizer.encode(text, blanks=True) == frame[0] + the + blank + dog + blank + frame[1]
        assert tokenizer.mask_id not in tokenizer.encode(text)
    assert tokenizer.encode("[MASK][MASK]", blanks=True) == frame[0] + blank * 2 + frame[1]
    # the other special tokens stay ordinary text
    assert tokenizer.encode("[SEP] [MASK]", blanks=True) == [*tokenizer.encode("[SEP]")[:-1], *blank, *frame[1]]


def test_a_batch_is_encoded_as_its_texts_are(tokenizer):
    texts = [*ENGLISH, "", "[SEP]", *CHINESE]
    assert tokenizer.encode_batch(texts) == [tokenizer.encode(text) for text in texts]
    assert tokenizer.encode_batch([]) == []


def test_a_long_word_of_known_letters_is_not_lost(tokenizer):
    assert tokenizer.lost("t" * 1000) == []
    assert tokenizer.lost("the " + "t" * 1001) == ["t" * 1001]


@pytest.mark.parametrize(
    "text, message", [(7, "got int"), (None, "got NoneType"), ("a\udcff", r"'\\udcff' at character 1")]
)
def test_what_is_not_text_is_refused_and_a_single_text_as_a_batch(tokenizer, text, message):
    for use in (tokenizer.encode, tokenizer.lost, lambda text: tokenizer.encode_batch([text])):
        with pytest.raises(InputError, match=message):
            use(text)
    with pytest.raises(InputError, match=message):
        WordPiece.train([text], 100)
    with pytest.raises(InputError, match="put it into a list"):
        tokenizer.encode_batch("the dog")


# Lost words


def test_lost_lists_the_words_as_they_were_written(tokenizer):
    assert tokenizer.lost("The Ünïξ dog, the ΩMEGA§ and 😀 猫狗") == ["Ünïξ", "ΩMEGA", "§", "😀", "猫"]
    assert tokenizer.lost("The old dog.") == []


def test_a_blank_is_lost_only_where_it_is_not_one(tokenizer):
    assert tokenizer.lost("the ξ [MASK] ω", blanks=True) == ["ξ", "ω"]
    assert tokenizer.lost("the [MASK]") == ["[", "]"]


# Decoding


@pytest.mark.parametrize("text", [text.lower() for text in ENGLISH] + CHINESE)
def test_decoding_gives_the_text_back_in_lower_case(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_decoding_shows_what_is_unknown_or_blank_and_hides_the_frame(tokenizer):
    ids = [tokenizer.pad_id, *tokenizer.encode("the ξ [MASK] 我[MASK]你。", blanks=True), tokenizer.pad_id]
    assert tokenizer.decode(ids) == "the [UNK] [MASK]我[MASK]你。"


def test_decoding_shows_the_frame_when_it_is_asked_to(tokenizer):
    ids = [*tokenizer.encode("the dog."), tokenizer.pad_id]
    assert tokenizer.decode(ids, skip_special_tokens=False) == "[CLS] the dog. [SEP] [PAD]"
    assert tokenizer.decode([tokenizer.cls_id], skip_special_tokens=False) == "[CLS]"
    assert tokenizer.decode(ids) == tokenizer.decode(ids, skip_special_tokens=True) == "the dog."


def test_decoding_takes_whatever_ids_a_model_gives(tokenizer):
    inside = tokenizer.pieces.index("##t")
    the = tokenizer.pieces.index("the")
    assert tokenizer.decode([inside, the, inside, tokenizer.mask_id, inside]) == "t thet [MASK]t"
    assert tokenizer.decode(np.array([the, inside])) == "thet"
    assert tokenizer.decode([]) == ""
    assert all(isinstance(tokenizer.decode([i]), str) for i in range(tokenizer.vocab_size))


def test_decoding_puts_hangul_together_again():
    tokenizer = WordPiece.train(["한국어 말"], 100)
    assert tokenizer.decode(tokenizer.encode("한국어 말")) == "한국어 말"


def test_ids_out_of_range_are_refused_with_the_id_and_the_size(tokenizer):
    size = tokenizer.vocab_size
    for wrong in (size, -1, np.int64(10**9)):
        with pytest.raises(InputError, match=f"id {wrong} is not in this vocabulary of {size} pieces"):
            tokenizer.decode([5, wrong])


@pytest.mark.parametrize("ids", [[1.0], ["the"], [None], [[1, 2]], np.zeros((2, 2), dtype=int), np.zeros(2)])
def test_what_is_no_id_is_refused(tokenizer, ids):
    with pytest.raises(InputError, match="expected whole numbers as ids"):
        tokenizer.decode(ids)


# Files


def test_a_saved_tokenizer_loads_as_the_same_one(tokenizer, tmp_path):
    file = tokenizer.save(tmp_path / "new" / "folder")
    assert file == tmp_path / "new" / "folder" / "tokenizer.json"
    for place in (file, file.parent, str(file.parent)):
        loaded = WordPiece.load(place)
        assert loaded.fingerprint == tokenizer.fingerprint
        assert loaded.pieces == tokenizer.pieces
        assert loaded.encode_batch(ENGLISH) == tokenizer.encode_batch(ENGLISH)
        assert loaded.lost("the " + "x" * 3 + " ξ") == tokenizer.lost("the xxx ξ")
    assert WordPiece(tokenizer.to_json()).fingerprint == tokenizer.fingerprint
    assert (file.parent / "vocab.txt").read_text(encoding="utf-8").splitlines() == tokenizer.pieces
    assert sorted(path.name for path in file.parent.iterdir()) == ["tokenizer.json", "vocab.txt"]


def test_the_fingerprint_is_the_hash_of_the_file_and_tells_tokenizers_apart(tokenizer, tmp_path):
    file = tokenizer.save(tmp_path)
    assert tokenizer.fingerprint == hashlib.sha256(file.read_bytes()).hexdigest()
    assert tokenizer.fingerprint == WordPiece.train(iter(ENGLISH + CHINESE), 200).fingerprint
    assert tokenizer.fingerprint != WordPiece.train(ENGLISH + CHINESE, 109).fingerprint
    # the order of the keys in the file means nothing
    reordered = changed(tokenizer, lambda content: content.update(model=content.pop("model")))
    assert WordPiece(reordered).fingerprint == tokenizer.fingerprint


def test_a_saved_file_can_be_read_by_people(tokenizer):
    content = json.loads(tokenizer.to_json())
    assert list(content) == sorted(content) and list(content["model"]) == sorted(content["model"])
    assert '\n   "老": ' in tokenizer.to_json()


def test_the_library_itself_reads_a_saved_file_and_frames_as_we_do(tokenizer, tmp_path):
    from tokenizers import Tokenizer

    theirs = Tokenizer.from_file(str(tokenizer.save(tmp_path)))
    for text in ENGLISH + CHINESE:
        assert theirs.encode(text).ids == tokenizer.encode(text)
    assert theirs.decode(tokenizer.encode("the dog slept")) == "the dog slept"


def test_saving_replaces_an_older_file_and_a_full_disk_leaves_it_whole(tokenizer, tmp_path, monkeypatch):
    WordPiece.train(ENGLISH, 90).save(tmp_path)
    before = tokenizer.save(tmp_path).read_bytes()

    monkeypatch.setattr(os, "fsync", disk_is_full)
    with pytest.raises(RunError, match=r"vocab\.txt could not be written: No space left on device"):
        WordPiece.train(ENGLISH, 80).save(tmp_path)
    assert (tmp_path / "tokenizer.json").read_bytes() == before
    assert WordPiece.load(tmp_path).fingerprint == tokenizer.fingerprint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tokenizer.json", "vocab.txt"]


def test_saving_where_a_file_stands_is_refused(tokenizer, tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(InputError, match="a file is there"):
        tokenizer.save(tmp_path / "taken")
    assert (tmp_path / "taken").read_text() == "mine"


def test_padding_and_truncation_in_a_file_are_switched_off(tokenizer):
    from tokenizers import Tokenizer

    baked = Tokenizer.from_str(tokenizer.to_json())
    baked.enable_padding(length=64)
    baked.enable_truncation(max_length=4)
    loaded = WordPiece(baked.to_str())
    assert loaded.encode_batch(ENGLISH) == tokenizer.encode_batch(ENGLISH)
    assert loaded.encode(ENGLISH[1]) == tokenizer.encode(ENGLISH[1])
    assert loaded.fingerprint == tokenizer.fingerprint


@pytest.mark.parametrize("left", [0, 5])
def test_specials_in_the_text_stay_ordinary_where_a_file_does_not_mark_them(left):
    brackets = WordPiece.train(["[pad] [unk] [cls] [sep] [mask]"], 100)

    def unmark(content):
        content["added_tokens"] = [token | {"special": False} for token in content["added_tokens"][:left]]

    loaded = WordPiece(changed(brackets, unmark))
    assert [loaded.encode(special) for special in SPECIALS] == [brackets.encode(special) for special in SPECIALS]


def test_special_tokens_may_have_other_ids():
    def move(content):
        # as in bert-base-uncased: the specials are not the first ids
        vocab = content["model"]["vocab"]
        size = len(vocab)
        content["model"]["vocab"] = {piece: (i - 3) % size for piece, i in vocab.items()}
        for token in content["added_tokens"]:
            token["id"] = (token["id"] - 3) % size
        content["post_processor"] = None

    original = WordPiece.train(ENGLISH, 80)
    moved = WordPiece(changed(original, move))
    assert (moved.pad_id, moved.sep_id, moved.mask_id) == (77, 0, 1)
    assert moved.special_ids == {77, 78, 79, 0, 1}
    assert moved.encode("the dog") == [(i - 3) % 80 for i in original.encode("the dog")]
    assert moved.decode(moved.encode("the dog ξ")) == "the dog [UNK]"


def test_a_special_token_may_be_named_beside_the_vocabulary_only(tokenizer):
    last = tokenizer.vocab_size - 1

    def move_mask_out(content):
        vocab = content["model"]["vocab"]
        vocab[tokenizer.pieces[last]] = vocab.pop("[MASK]")
        content["added_tokens"][4]["id"] = last

    loaded = WordPiece(changed(tokenizer, move_mask_out))
    assert (loaded.mask_id, loaded.vocab_size) == (last, tokenizer.vocab_size)
    assert loaded.decode(loaded.encode("the [MASK]", blanks=True)) == "the [MASK]"


def test_a_piece_that_is_nothing_but_the_prefix_is_a_word(tokenizer):
    loaded = WordPiece(changed(tokenizer, lambda c: c["model"]["vocab"].update({"##": tokenizer.vocab_size})))
    the = loaded.pieces.index("the")
    assert loaded.decode([the, tokenizer.vocab_size, the]) == "the ## the"


def test_a_missing_tokenizer_is_refused_with_its_name(tmp_path):
    with pytest.raises(InputError, match=r"nowhere: expected a tokenizer, found nothing there"):
        WordPiece.load(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"tokenizer\.json: expected a tokenizer, found nothing there"):
        WordPiece.load(tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        WordPiece.load("a\0b")


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"7", b"null", b"\xff\xfe", b"[" * 100_000, b'{"model": 7}'])
def test_a_broken_tokenizer_file_is_refused_with_its_name(tmp_path, content):
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(InputError, match=r"tokenizer\.json: expected a tokenizer in JSON"):
        WordPiece.load(tmp_path)


def test_a_truncated_tokenizer_file_is_refused_with_its_name(tokenizer, tmp_path):
    file = tokenizer.save(tmp_path)
    whole = file.read_bytes()
    for length in range(0, len(whole) - 2, 97):
        file.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"tokenizer\.json: expected a tokenizer in JSON"):
            WordPiece.load(file)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda c: c["model"].update(type="BPE", merges=[]), "model has type 'WordPiece', found 'BPE'"),
        (lambda c: c["model"].update(unk_token="<unk>"), "unk_token '\\[UNK\\]', found '<unk>'"),
        (lambda c: c["model"].update(continuing_subword_prefix="@@"), "prefix '##', found '@@'"),
        (lambda c: (c["model"]["vocab"].pop("[MASK]"), c.update(added_tokens=[])), r"found no \[MASK\]"),
        (lambda c: c["model"]["vocab"].pop("the"), "without gaps"),
        (lambda c: c["model"]["vocab"].update(the=9), "without gaps"),
    ],
)
def test_a_tokenizer_of_another_kind_is_refused_with_what_was_found(tokenizer, change, message):
    with pytest.raises(InputError, match=f"^mine.json: .*{message}"):
        WordPiece(changed(tokenizer, change), "mine.json")


def test_importing_the_text_package_imports_no_tokenizers_library():
    root = Path(minattn.text.__file__).parents[2]
    heavy = ("tokenizers", "matplotlib", "safetensors")
    program = f"import sys, minattn.text; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": str(root)}, capture_output=True, text=True
    )
    assert done.stdout == "[]\n", done.stderr


def test_a_tokenizer_shows_its_size_and_fingerprint(tokenizer):
    assert repr(tokenizer) == f"WordPiece({tokenizer.vocab_size} pieces, fingerprint {tokenizer.fingerprint[:8]})"


def test_characters_that_the_normaliser_drops_are_listed_as_lost(tokenizer):
    assert tokenizer.lost("the \ufffdcat\u200b")[-2:] == ["U+FFFD", "U+200B"]
    assert tokenizer.lost("the\tcat\n") == tokenizer.lost("the cat")
    # private use is dropped; what Unicode has not assigned is not, and becomes unknown
    assert tokenizer.lost("the \ue000dog\U000f0000\x85") == ["U+E000", "U+F0000", "U+0085"]
    assert tokenizer.lost("the \u0378 dog") == ["\u0378"]


def test_nothing_is_listed_as_dropped_where_the_file_switches_cleaning_off(tokenizer):
    loaded = WordPiece(changed(tokenizer, lambda content: content["normalizer"].update(clean_text=False)))
    assert loaded.lost("the \ue000 dog") == ["\ue000"]
    assert WordPiece(changed(tokenizer, lambda content: content.update(normalizer=None))).lost("\ue000") == ["\ue000"]
