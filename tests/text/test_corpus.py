import dataclasses
import textwrap

import pytest

from minattn.errors import InputError
from minattn.text import Piece, read_pieces, shipped, split_pieces


def read(tmp_path, content):
    file = tmp_path / "text.txt"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_pieces(file)


def sentences(tmp_path, content):
    return [sentence for piece in read(tmp_path, content) for sentence in piece.sentences]


def refusal(tmp_path, content):
    with pytest.raises(InputError) as caught:
        read(tmp_path, content)
    assert "text.txt" in str(caught.value)
    return str(caught.value)


# Reading


def test_blank_lines_separate_pieces_and_a_first_line_names_one(tmp_path):
    content = "# The fire\n\nIt is warm.\nIt is old.\n \n\n# Rain\nIt falls.\nIt stops.\n\nNo title.\nNone here.\n"
    assert read(tmp_path, content) == [
        Piece("The fire", ("It is warm.", "It is old.")),
        Piece("Rain", ("It falls.", "It stops.")),
        Piece("", ("No title.", "None here.")),
    ]


def test_a_piece_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Piece("", ("One.",)).title = "Two"


def test_only_a_first_line_with_a_space_behind_its_hash_is_a_title(tmp_path):
    content = "#1 is here.\nSecond.\n\nThird.\n# Fourth.\n"
    assert [piece.title for piece in read(tmp_path, content)] == ["", ""]
    assert sentences(tmp_path, content) == ["#1 is here.", "Second.", "Third.", "# Fourth."]


def test_a_title_without_text_behind_it_makes_no_piece(tmp_path):
    content = "# One\nIt is warm.\nIt is old.\n\n# Two\n\n# Three\nIt falls.\nIt stops.\n\n# Four\n"
    assert [piece.title for piece in read(tmp_path, content)] == ["One", "Three"]


def test_bom_windows_line_ends_and_control_characters_leave_no_trace(tmp_path):
    content = "\ufeff# Ti\x07tle\r\nIt\t is\x00 wa\x1brm.\r\n It  is\u3000old.\r\rIt\x0cfalls.\x85It stops.\u2029"
    content += "New\x9f\x7f\xa0piece\u2028Still new"
    assert read(tmp_path, content) == [
        Piece("Title", ("It is warm.", "It is old.")),
        Piece("", ("It falls.", "It stops.")),
        Piece("", ("New piece", "Still new")),
    ]


@pytest.mark.parametrize(
    "line, expected",
    [
        ("It is warm. It is old! Is it? Yes", ["It is warm.", "It is old!", "Is it?", "Yes"]),
        ("Really?! Yes!!! Good", ["Really?!", "Yes!!!", "Good"]),
        ('"Go." She left. (It rained.) [Done.] End.', ['"Go."', "She left.", "(It rained.)", "[Done.]", "End."]),
        ("“Go!” She left. ‘No.’ He ran.", ["“Go!”", "She left.", "‘No.’", "He ran."]),
        ("“Stop!” he said. 'Why?' she asked.", ["“Stop!” he said.", "'Why?' she asked."]),
        ("Well... he did. Well… she did. Oh... They did.", ["Well... he did.", "Well… she did.", "Oh...", "They did."]),
        ("all is small. so is this.", ["all is small.", "so is this."]),
        ("I met J. R. Hill. He paid 3.50 for it.", ["I met J. R. Hill.", "He paid 3.50 for it."]),
        ("We met at 5 p.m. in St. Ives, Mr. Hill and I did.", ["We met at 5 p.m. in St. Ives, Mr. Hill and I did."]),
        ("Was it plan B? Yes. It was plan b. He ran.", ["Was it plan B?", "Yes.", "It was plan b.", "He ran."]),
        ("“It was plan B.” He sat by the BBC. It is old.", ["“It was plan B.”", "He sat by the BBC.", "It is old."]),
        ("It was (so). It was 50%. He ran.", ["It was (so).", "It was 50%.", "He ran."]),
        ("It was 1990. Then came 1991.", ["It was 1990.", "Then came 1991."]),
        ("1. We went. We sat.", ["1. We went.", "We sat."]),
        ("See a.com/b?c=d!e now.Here.", ["See a.com/b?c=d!e now.Here."]),
        ("我不知道。你呢？他走了！好", ["我不知道。", "你呢？", "他走了！", "好"]),
        ("他说：“走吧！”我说：「好。」完。Yes", ["他说：“走吧！”", "我说：「好。」", "完。", "Yes"]),
        ("我走了!你呢?真的.好", ["我走了!", "你呢?", "真的.", "好"]),
        ("我……我不知道。价格是3.5元。1.我们走。", ["我……我不知道。", "价格是3.5元。", "1.我们走。"]),
    ],
)
def test_a_line_is_split_where_its_sentences_end(tmp_path, line, expected):
    assert sentences(tmp_path, line) == expected


def test_what_has_no_letter_or_digit_is_no_sentence(tmp_path):
    assert sentences(tmp_path, "* * *\n\nIt is warm. ... !\n-----\n5 of them.\n") == ["It is warm.", "5 of them."]


@pytest.mark.parametrize("width", [45, 55, 72])
def test_a_paragraph_wrapped_to_a_width_is_joined_before_it_is_split(tmp_path, width):
    expected = [
        "The old dog slept by the fire, and nobody in the house had the heart to wake him.",
        "“Let him be!” said Mr. Hill, who was not known for any great kindness.",
        "So he slept on until the evening.",
    ]
    assert sentences(tmp_path, "# Tale\n" + textwrap.fill(" ".join(expected), width)) == expected


@pytest.mark.parametrize(
    "first, second, joined",
    [
        ("The old dog slept by the fire all day. So", "nobody had the heart to wake him that day.", 2),
        ("The old dog slept by the fire with old Mr.", "Hill, and nobody wanted to wake them up.", 1),
        ("The old dog slept all day by the big red", "fire, and nobody wanted to wake him.", 1),
    ],
)
def test_a_line_that_stops_in_mid_sentence_runs_on_into_the_next(tmp_path, first, second, joined):
    found = sentences(tmp_path, f"{first}\n{second}")
    assert " ".join(found) == f"{first} {second}" and len(found) == joined


@pytest.mark.parametrize(
    "first, joint, second",
    [
        ("老狗" * 20, " ", "in the fire and 在火边睡觉" + "睡觉" * 10 + "。"),
        ("The old dog slept by the fire, and he was", " ", "老狗，在火边睡觉。"),
        ("老狗" * 20, "", "在火边睡觉" * 8 + "。"),
    ],
)
def test_wrapped_chinese_is_joined_without_a_space_save_beside_a_latin_word(tmp_path, first, joint, second):
    assert sentences(tmp_path, f"{first}\n{second}\n") == [first + joint + second]


@pytest.mark.parametrize(
    "lines",
    [
        ["A list of things", "Bread", "Milk and a line of butter that is longer than all."],
        ["He asked her again why she went: “Why did you?”", "jam, and nothing else, was what she had come for."],
        ["The old dog slept by the fire of ours", "and no one had any heart to wake him."],
        ["Short verse in lines", "that end nowhere", "until the end."],
        ["a corpus with one sentence in a line of its own", "and no mark at all at the end of any one line"],
        ["The first line of this block ends where a sentence does.", "jam is the first word of the second one."],
    ],
)
def test_lines_that_stand_for_themselves_are_not_joined(tmp_path, lines):
    assert sentences(tmp_path, "\n".join(lines)) == lines


def test_lines_between_blank_lines_are_gathered_into_pieces_of_ten(tmp_path):
    content = "".join(f"This is number {i}.\n\n" for i in range(35))
    assert [len(piece.sentences) for piece in read(tmp_path, content)] == [10, 10, 10, 5]
    assert sentences(tmp_path, content) == [f"This is number {i}." for i in range(35)]


def test_gathering_lines_stops_at_a_block_of_several_lines_and_at_a_title(tmp_path):
    content = "One.\n\nTwo.\n\nThree.\nFour.\n\nFive.\n\n# Six\nSix.\n\nSeven.\n"
    assert read(tmp_path, content) == [
        Piece("", ("One.", "Two.")),
        Piece("", ("Three.", "Four.")),
        Piece("", ("Five.",)),
        Piece("Six", ("Six.",)),
        Piece("", ("Seven.",)),
    ]


def test_one_huge_block_is_cut_into_pieces_of_about_ten(tmp_path):
    content = "# All\n" + "".join(f"This is number {i}. " for i in range(104))
    pieces = read(tmp_path, content)
    assert {piece.title for piece in pieces} == {"All"}
    assert len(pieces) == 10 and {len(piece.sentences) for piece in pieces} == {10, 11}
    assert sentences(tmp_path, content) == [f"This is number {i}." for i in range(104)]


def test_a_huge_block_among_others_is_cut_and_a_long_piece_is_not(tmp_path):
    huge = "\n".join(f"This is number {i}." for i in range(41))
    long = "\n".join(f"That was number {i}." for i in range(40))
    assert [len(piece.sentences) for piece in read(tmp_path, f"{huge}\n\n{long}")] == [10, 10, 10, 11, 40]


def test_a_text_of_a_few_sentences_still_gives_two_pieces(tmp_path):
    assert [piece.sentences for piece in read(tmp_path, "One.\nTwo.\nThree.")] == [("One.",), ("Two.", "Three.")]
    assert read(tmp_path, "Only this.") == [Piece("", ("Only this.",))]


def test_a_line_of_a_million_characters_is_read_in_a_moment(tmp_path):
    content = "The dog slept by the fire. " * 40_000
    assert len(sentences(tmp_path, content)) == 40_000


# Refusals


def test_what_is_no_file_is_refused_with_its_name(tmp_path):
    with pytest.raises(InputError, match=r"gone\.txt: expected a text file, found nothing there"):
        read_pieces(tmp_path / "gone.txt")
    with pytest.raises(InputError, match=f"{tmp_path.name}: expected a text file, found a folder"):
        read_pieces(str(tmp_path))
    with pytest.raises(InputError, match="cannot be read"):
        read_pieces("a\0b")


def test_a_file_that_is_not_utf8_is_refused_with_the_byte_and_its_offset(tmp_path):
    assert "byte 0xe9 at offset 9;" in refusal(tmp_path, b"It is caf\xe9.")
    # counted from the start of the file, the BOM included
    assert "byte 0xff at offset 4;" in refusal(tmp_path, b"\xef\xbb\xbfa\xff")


@pytest.mark.parametrize("content", ["", " \n\t\n", "\ufeff", "***\n...\n", "# Only a title\n", "\0\0"])
def test_a_file_without_a_sentence_is_refused(tmp_path, content):
    assert ("expected sentences, found none" if content else "empty file") in refusal(tmp_path, content)


# Splitting


def numbered(count):
    return [Piece(f"{i}", (f"This is {i}.", f"That was {i}.")) for i in range(count)]


def test_a_split_holds_out_whole_pieces_and_loses_none():
    pieces = numbered(40)
    training, held_out = split_pieces(pieces)
    assert len(held_out) == 4
    assert sorted(training + held_out, key=pieces.index) == pieces
    # in the order of the text
    assert training == sorted(training, key=pieces.index) and held_out == sorted(held_out, key=pieces.index)


def test_a_split_is_the_same_for_a_seed_and_another_for_another():
    pieces = numbered(40)
    assert split_pieces(pieces, seed=3) == split_pieces(pieces, seed=3)
    assert split_pieces(pieces) == split_pieces(pieces, 0.1, 0)
    assert split_pieces(pieces, seed=3) != split_pieces(pieces, seed=4)


@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
def test_a_split_always_leaves_a_piece_on_each_side(share):
    for count in (2, 3, 10):
        training, held_out = split_pieces(numbered(count), share)
        assert training and held_out and len(training) + len(held_out) == count


def test_a_sentence_that_is_also_trained_on_is_not_held_out():
    pieces = [Piece(f"{i}", ("The end.", f"This is {i}.", "the END.")) for i in range(10)]
    training, held_out = split_pieces(pieces)
    assert [piece.sentences for piece in held_out] == [(f"This is {held_out[0].title}.",)]
    assert all(piece in pieces for piece in training)


def test_a_piece_that_only_repeats_others_is_never_held_out():
    pieces = [Piece("", ("The end.",))] * 9 + [Piece("new", ("This is new.",))]
    for seed in range(5):
        training, held_out = split_pieces(pieces, share=0.5, seed=seed)
        assert [piece.title for piece in held_out] == ["new"] and len(training) == 9


@pytest.mark.parametrize(
    "pieces, share, seed, message",
    [
        (numbered(1), 0.1, 0, "expected at least 2 pieces, got 1"),
        ([], 0.1, 0, "expected at least 2 pieces, got 0"),
        (numbered(5), 0.0, 0, "share must lie between 0 and 1, got 0"),
        (numbered(5), 1.0, 0, "share must lie between 0 and 1, got 1"),
        (numbered(5), float("nan"), 0, "share must lie between 0 and 1, got nan"),
        (numbered(5), 0.1, -1, "seed must be 0 or more, got -1"),
        ([Piece("", ("The end.",))] * 5, 0.1, 0, "every piece only repeats"),
    ],
)
def test_what_cannot_be_split_is_refused(pieces, share, seed, message):
    with pytest.raises(InputError, match=message):
        split_pieces(pieces, share, seed)


# Shipped files


@pytest.fixture
def package(tmp_path):
    """A package minattn in a folder of its own, as pip or a checkout would place it."""
    folder = tmp_path / "place" / "minattn"
    (folder / "text").mkdir(parents=True)
    return folder


def put(folder, content):
    (folder / "en").mkdir(parents=True)
    (folder / "en" / "tokenizer.json").write_text(content)


def test_shipped_files_are_found_inside_an_installed_package_first_and_beside_it_in_a_checkout(package):
    put(package.parent / "vocab", "checkout, or somebody else's")
    assert shipped("en/tokenizer.json", package).read_text().startswith("checkout")
    put(package / "vocab", "ours")
    assert shipped("en/tokenizer.json", package).read_text() == "ours"


@pytest.mark.parametrize("name", ["de/tokenizer.json", "en", "", "../minattn", "/etc/hostname"])
def test_a_name_that_is_not_shipped_is_refused_with_those_that_are(package, name):
    put(package / "vocab", "ours")
    with pytest.raises(InputError, match=r"one of en/tokenizer\.json"):
        shipped(name, package)


def test_a_package_without_shipped_files_says_so(package):
    with pytest.raises(InputError, match="one of none"):
        shipped("en/tokenizer.json", package)
