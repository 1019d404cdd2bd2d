"""A text that is read block by block: the same sentences and pieces as of the whole, whatever the blocks."""

import random

import numpy as np
import pytest

from minattn.errors import InputError
from minattn.text import parsing, pieces_of
from minattn.text.parsing import TextLimits, parts_of, piece_sizes
from minattn.text.sentence_ends import split_line

SIGNS = [
    "a",
    "Bc ",
    "dog ",
    "Mr. ",
    ". ",
    "! ",
    "?",
    "…",
    "... ",
    "\n",
    "\n\n",
    "\r\n",
    "\r",
    "# ",
    "\n# T",
    "\t",
    "。",
]
SIGNS += ["我", "”", ' "', "1.", "\u2028", "\u2029", "\x85", "\x01", "3.5 ", "\n***\n", "Well.", "é"]
SIGNS += ["ß", "\u3000", "the end of the long long line that is wrapped at some width or so\n", "x" * 45 + " y.\n"]


def in_blocks(data, rng):
    while data:
        size = rng.choice([1, 2, 3, 7, 50])
        yield data[:size]
        data = data[size:]


def told(blocks, **limits):
    """Pieces as lists of sentences before they are cut, and their titles; or the complaint."""
    pieces = []
    try:
        for part in parts_of(blocks, "it", TextLimits(**limits)):
            if part.begins:
                pieces.append([part.title])
            pieces[-1] += part.sentences
    except InputError as error:
        return str(error)
    return pieces


@pytest.mark.parametrize("seed", range(4))
def test_blocks_of_any_size_give_the_same(seed):
    rng = random.Random(seed)
    for _ in range(200):
        data = "".join(rng.choices(SIGNS, k=rng.choice([3, 20, 100]))).encode()
        if rng.random() < 0.1:
            data = data[: len(data) // 2] + b"\xc3" + data[len(data) // 2 :]
        if rng.random() < 0.2:
            data = b"\xef\xbb\xbf" + data
        assert told(in_blocks(data, rng)) == told([data])


@pytest.mark.parametrize("lines_at_once", [1, 2, 3])
def test_a_block_of_many_lines_is_given_on_in_parts(lines_at_once):
    rng = random.Random(0)
    texts = ["".join(rng.choices(SIGNS, k=60)).encode() for _ in range(100)]
    whole = [told([text]) for text in texts]
    assert [told([text], at_once=lines_at_once) for text in texts] == whole


def test_a_line_that_is_too_long_to_be_held_gives_the_same_sentences():
    inside = [sign for sign in SIGNS if not set(sign) & set("\n\r#\u2028\u2029\x85")]
    for limit in (60, 300):
        rng, compared = random.Random(limit), 0
        for _ in range(200):
            line = "".join(rng.choices(inside, k=300))
            expected = split_line(" ".join(line.translate(parsing.CLEANED).split()))
            if max(map(len, expected)) < limit // 2:  # a longer one may be cut
                found = told(in_blocks(f"Begin.\n\n{line}\n\nEnd.".encode(), rng), long=limit)
                assert [s for piece in found for s in piece[1:]] == ["Begin.", *expected, "End."]
                compared += 1
        assert compared > 20


def test_a_sentence_without_an_end_is_cut_between_words():
    words = " ".join(f"word{i}" for i in range(200))
    (piece,) = told(in_blocks(words.encode(), random.Random(0)), long=100)
    assert len(piece) > 5 and max(map(len, piece)) < 300
    assert " ".join(piece[1:]) == words
    (piece,) = told(in_blocks(b"x" * 1000, random.Random(0)), long=100)
    assert "".join(piece) == "x" * 1000 and max(map(len, piece)) < 300


def test_many_spaces_are_not_kept():
    (piece,) = told(in_blocks(b" " * 1000 + b"A word." + b" " * 1000 + b"Another.", random.Random(0)), long=100)
    assert piece == ["", "A word.", "Another."]


def test_a_huge_wrapped_block_is_joined_as_a_small_one_is():
    words = [f"word{i}{'.' * (i % 9 == 0)}" for i in range(400)]
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > 50:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    text = ("\n".join(lines) + " end.\n\nMore here.\n").encode()
    whole = told([text])
    assert told([text], undecided=300, at_once=3) == whole and len(whole[0]) > 40


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_the_place_of_a_byte_that_is_not_utf_8_is_told_of_the_whole_text(size):
    data = "Ein Käse.\n".encode() * 20 + b"\xff"
    with pytest.raises(InputError, match=f"found byte 0xff at offset {len(data) - 1}"):
        list(parts_of((data[i : i + size] for i in range(0, len(data), size)), "it"))
    data = data[:-1] + "é".encode()[:1]  # half a character at the end
    with pytest.raises(InputError, match=f"found byte 0xc3 at offset {len(data) - 1}"):
        list(parts_of((data[i : i + size] for i in range(0, len(data), size)), "it"))


def test_pieces_are_cut_as_equal_as_can_be():
    assert [sizes.tolist() for sizes in piece_sizes(np.array([3]))] == [[1, 2], [2]]
    assert [sizes.tolist() for sizes in piece_sizes(np.array([1]))] == [[1], [1]]
    sizes, counts = piece_sizes(np.array([40, 41, 5, 10**7]))
    assert counts.tolist() == [1, 4, 1, 10**6] and sizes[:6].tolist() == [40, 10, 10, 10, 11, 5]
    assert (sizes[6:] == 10).all()


def test_a_great_many_lines_of_one_word_are_pieces_of_ten():
    pieces = pieces_of("".join(f"word{i}\n" for i in range(5000)).encode(), "it")
    assert len(pieces) == 500 and {len(piece.sentences) for piece in pieces} == {10}
