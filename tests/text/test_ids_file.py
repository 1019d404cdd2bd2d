"""Sentences, the file that holds their ids, and how a text becomes one."""

import os

import numpy as np
import pytest
from support.small_run import disk_is_full, files_of_at_most, listing
from support.tokenizer_lines import lines_for_the_test

from minattn.errors import InputError, RunError
from minattn.text import (
    SPECIALS,
    Sentences,
    WordPiece,
    cut,
    parts_of,
    read_ids,
    shipped,
    with_vocabulary,
)
from minattn.text.dividing import once, row_keys
from minattn.text.tokenizing import WordEncoder, make_ids

NAMES = [a + b for a in "bcdfghklm" for b in "aeiou"]
TEXT = "\n\n".join(
    "\n".join(f"The {a} of {b} is old, they say." for b in NAMES[: i % 5 + 1]) for i, a in enumerate(NAMES)
)


@pytest.fixture(scope="module")
def tokenizer():
    return WordPiece.load(shipped("en/tokenizer.json"))


def made(tokenizer, longest=64, **options):
    return make_ids(parts_of([TEXT.encode()], "it"), "it", tokenizer, longest, "key", **options)


def lists(file):
    return list(file.training), list(file.held_out)


def test_sentences_are_a_sequence_of_lists():
    rows = [list(range(1, n % 7 + 2)) for n in range(200)]
    sentences = Sentences.of(rows)
    assert list(sentences) == rows and len(sentences) == 200 and sentences.tokens == sum(map(len, rows))
    assert sentences[-1] == rows[-1] and sentences[3:150:7] == rows[3:150:7] and [1, 2] in sentences
    places = np.array([199, 0, 64, 63])
    assert [row.tolist() for row in sentences.take(places)] == [rows[i] for i in places]
    assert sentences.lengths(places).tolist() == [len(rows[i]) for i in places]
    assert sentences.counts(9).tolist() == np.bincount(np.concatenate(rows), minlength=9).tolist()
    with pytest.raises(IndexError):
        sentences[200]


def test_sentences_without_some_have_the_others_in_their_order():
    rows = [[i] * (i % 5 + 1) for i in range(150)]
    gone = {0, 1, 7, 64, 149}
    left = [row for i, row in enumerate(rows) if i not in gone]
    sentences = Sentences.of(rows).without(gone)
    assert list(sentences) == left and len(sentences) == 145 and sentences.tokens == sum(map(len, left))
    assert sentences.counts(150).tolist() == np.bincount(np.concatenate(left), minlength=150).tolist()


def test_a_part_of_many_sentences_is_evenly_spread():
    sentences = Sentences.of([[i, i] for i in range(1000)])
    assert sentences.spread(2000) is sentences
    assert np.diff([ids[0] for ids in sentences.spread(200)]).tolist() == [10] * 99


def test_sentences_that_are_there_once_are_found():
    rows = [[2, 10 + i % 50, 3] for i in range(90)] + [[2, 3], [2, 10, 10, 3], [10], [2, 3]]
    alone = Sentences.of(rows).alone()
    assert [alone[i] for i in range(len(alone))] == [i for i, row in enumerate(rows) if rows.count(row) == 1]


def test_rows_share_a_number_only_where_they_are_equal_whatever_is_read_with_them():
    rng = np.random.default_rng(0)
    rows = [rng.integers(0, 3, rng.integers(1, 6)) for _ in range(3000)]
    keys = row_keys(np.concatenate(rows), np.array([len(row) for row in rows]))
    assert len(set(keys.tolist())) == len({tuple(row) for row in rows})
    assert [row_keys(row, np.array([len(row)]))[0] for row in rows[:50]] == keys[:50].tolist()


def test_what_is_there_once_does_not_depend_on_how_many_are_sorted_at_a_time():
    keys = np.random.default_rng(0).integers(0, 500, 1000).astype(np.uint64)
    expected = [list(keys).count(key) == 1 for key in keys]
    assert once(lambda: iter(np.split(keys, [10, 700])), 1000, together=30).tolist() == expected


def test_words_that_are_looked_up_have_the_ids_of_the_whole_sentence(tokenizer):
    assert tokenizer.splits_at_spaces
    lines = [" ".join(line.split()) for line in lines_for_the_test(1500)]
    encode = WordEncoder(tokenizer, np.dtype("<u2"), words=30)  # more than that are forgotten again
    for some in (lines, lines[::-1], lines[:5] * 3):
        ids, lengths = encode(some)
        found = [part.tolist() for part in np.split(ids, np.cumsum(lengths)[:-1])]
        assert found == [row[1:-1] for row in tokenizer.encode_batch(some)]


def test_a_tokenizer_that_looks_beyond_spaces_gets_whole_sentences():
    from tokenizers import AddedToken, Tokenizer

    library = Tokenizer.from_file(str(shipped("en/tokenizer.json")))
    library.add_tokens([AddedToken("the old dog", normalized=True)])
    tokenizer = WordPiece(library.to_str())
    assert not tokenizer.splits_at_spaces
    ids, lengths = WordEncoder(tokenizer, np.dtype("<u2"))(["the old dog slept"])
    assert ids.tolist() == tokenizer.encode("the old dog slept")[1:-1] and lengths.tolist() == [len(ids)]


@pytest.mark.parametrize("longest", [3, 5, 8, 300])
def test_long_sentences_are_cut_as_cut_does(tokenizer, longest):
    whole, parts = made(tokenizer), made(tokenizer, longest)
    for one, other in zip(lists(whole), lists(parts), strict=True):
        assert other == [window for ids in one for window in cut(ids, longest)]
    assert parts.header.cut == sum(len(ids) > longest for part in lists(whole) for ids in part)


def test_a_file_gives_back_what_was_put_into_it(tokenizer, tmp_path):
    file = made(tokenizer)
    before = lists(file)
    file.keep(tmp_path / "text.ids")
    again = read_ids(tmp_path / "text.ids", "key")
    assert lists(file) == lists(again) == before and again.header == file.header
    assert read_ids(tmp_path / "text.ids", "another") is None and read_ids(tmp_path / "gone", "key") is None
    assert listing(tmp_path) == ["text.ids"]


@pytest.mark.parametrize("longest", [64, 300, 70_000])
def test_a_mapped_file_gives_what_one_in_memory_gives(tokenizer, tmp_path, longest):
    file = made(tokenizer, longest, in_memory=1)
    file.keep(tmp_path / "text.ids")
    again = read_ids(tmp_path / "text.ids", "key", in_memory=0)
    assert lists(again) == lists(file) == lists(made(tokenizer))
    alone, counted = again.training.alone(), Sentences.of(again.training).alone()
    assert [alone[i] for i in range(len(alone))] == [counted[i] for i in range(len(counted))] != []


def test_more_than_65_536_pieces_take_4_bytes_each(tokenizer, tmp_path):
    ids = {piece: i for i, piece in enumerate([*SPECIALS, *(f"w{i}" for i in range(70_000))])}
    large = WordPiece(with_vocabulary(ids, 100, {"lowercase": True}).to_str())
    text = "\n\n".join(f"w{i} w{i + 1}." for i in range(69_900, 69_999))
    make_ids(parts_of([text.encode()], "it"), "it", large, 64, "key").keep(tmp_path / "text.ids")
    again = read_ids(tmp_path / "text.ids", "key")
    assert max(map(max, again.training)) == large.vocab_size - 1
    assert again.training[0] == large.encode("w69900 w69901.")


def test_processes_read_one_file(tokenizer, tmp_path):
    file = made(tokenizer, in_memory=1)
    file.keep(tmp_path / "text.ids")
    expected = lists(file)
    child = os.fork()
    if not child:
        os._exit(0 if lists(file) == expected else 1)
    assert lists(file) == expected and os.waitpid(child, 0)[1] == 0


def test_every_damaged_byte_is_noticed(tokenizer, tmp_path):
    path = tmp_path / "text.ids"
    made(tokenizer).keep(path)
    whole = path.read_bytes()
    header_end = whole.index(b"}}") + 2
    for place in [*range(0, header_end, 3), *range(1024, len(whole), 37), len(whole) - 1]:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            found = read_ids(path, "key")
        except InputError as error:
            assert "text.ids" in str(error)
        else:
            assert found is None  # its key is another one now
    for damaged in (b"", whole[:500], whole[:-1], whole + b"\0", b"[]" + whole[2:]):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"text\.ids"):
            read_ids(path, "key")


def test_a_file_that_was_made_elsewhere_is_linked_or_copied(tokenizer, tmp_path, monkeypatch):
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    made(tokenizer).keep(one)
    read_ids(one, "key").keep(two)
    assert os.path.samefile(one, two)
    monkeypatch.setattr(os, "link", disk_is_full)  # as where a disk has no links
    read_ids(one, "key").keep(three)
    assert not os.path.samefile(one, three) and one.read_bytes() == three.read_bytes()
    read_ids(one, "key").keep(one)
    assert listing(tmp_path) == ["one", "three", "two"]


def test_a_disk_that_is_full_leaves_nothing(tokenizer, tmp_path):
    file = made(tokenizer)
    with pytest.raises(RunError, match=r"text\.ids could not be written"), files_of_at_most(1500):
        file.keep(tmp_path / "text.ids")
    assert listing(tmp_path) == []
    file.keep(tmp_path / "text.ids")  # and can be tried again
    assert listing(tmp_path) == ["text.ids"]


def test_too_few_places_for_a_sentence_are_refused(tokenizer):
    with pytest.raises(InputError, match="longest must be at least 3"):
        made(tokenizer, 2)
