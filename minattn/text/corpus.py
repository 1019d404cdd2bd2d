"""From a text file to pieces of sentences, and from pieces to what is trained on and what is held out.

The file is plain UTF-8: blank lines separate pieces, a first line `# Title` names one, and a line holds one
sentence or more. Text wrapped to a fixed width, and text without pieces, are brought into this form.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from os import PathLike
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..runs import read_at_most, similar_path
from .spacing import is_cjk

USUAL = 10  # sentences in a piece, where the text itself does not say
LONGEST = 40  # a piece with more sentences than this is cut into pieces of the usual length
WRAPPED = 40  # a block whose lines are all narrower than this (verse, lists) was broken on purpose

# Marks that end a sentence. A Western one needs a space or a CJK character behind it, a CJK one nothing.
ENDING = re.compile(r"""(?P<western>[.!?…]+)(?P<quote>["'”’»)\]]*)|[。！？]+[”’」』）》】"']*""")
ABBREVIATIONS = frozenset(("mr", "mrs", "ms", "dr", "prof", "st", "jr", "sr", "vs"))
LAST_WORD = re.compile(r"[^\W\d_]+$")

# Control characters are dropped, save those that are a space or a line end.
CLEANED = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0))) | {ord("\t"): " ", ord("\v"): " ", ord("\f"): " "}
CLEANED |= {ord("\n"): "\n", 0x85: "\n", 0x2028: "\n", 0x2029: "\n\n"}


@dataclass(frozen=True)
class Piece:
    """A few sentences that belong together; title is "" where the text names none."""

    title: str
    sentences: tuple[str, ...]


def read_pieces(path: str | PathLike[str]) -> list[Piece]:
    """Read a text file as pieces of sentences.

    path: any UTF-8 text file
    Returns at least one piece, none of them empty; what has no letter or digit (a row of stars) is left out.
    Raises InputError when there is no such file, or it is a folder, too large, not UTF-8, or without a sentence.
    """
    return pieces_of(read_content(Path(path)), path)


def pieces_of(content: bytes, path: str | PathLike[str]) -> list[Piece]:
    """The same for a text that was read from a path already."""
    pieces = _pieces(_titled(_blocks(_decoded(content, path))))
    if not pieces:
        raise InputError(f"{path}: expected sentences, found none; put plain text into the file")
    if len(pieces) == 1:
        return _cut(pieces[0], at_least=2)
    return [part for piece in pieces for part in (_cut(piece) if len(piece.sentences) > LONGEST else [piece])]


def split_pieces(pieces: Sequence[Piece], share: float = 0.1, seed: int = 0) -> tuple[list[Piece], list[Piece]]:
    """Divide pieces into those to train on and those to hold out, the same way for the same seed.

    pieces: two or more
    share: the part of the pieces to hold out, between 0 and 1
    seed: 0 or more
    Returns (training, held out), both in the order of the text, at least one piece each. A held-out sentence
    that is also in training, in whatever case, is left out, because a model could have it by heart.
    Raises InputError when the pieces cannot be divided so.
    """
    if not 0 < share < 1:
        raise InputError(f"share must lie between 0 and 1, got {share}; 0.1 holds out a tenth")
    if len(pieces) < 2:
        raise InputError(
            f"expected at least 2 pieces, got {len(pieces)}; one is held out and one trained on, "
            "so give a text of more than one sentence"
        )
    if seed < 0:
        raise InputError(f"seed must be 0 or more, got {seed}")
    # A piece that only repeats others could end up empty, so it may not be held out.
    found_in = Counter(key for piece in pieces for key in {sentence.casefold() for sentence in piece.sentences})
    able = [i for i, piece in enumerate(pieces) if any(found_in[s.casefold()] == 1 for s in piece.sentences)]
    if not able:
        raise InputError("every piece only repeats sentences of others; give a text that says more")
    count = min(max(1, round(share * len(pieces))), len(able), len(pieces) - 1)
    chosen = set(np.random.default_rng(seed).permutation(able)[:count].tolist())
    training = [piece for i, piece in enumerate(pieces) if i not in chosen]
    known = {sentence.casefold() for piece in training for sentence in piece.sentences}
    held_out = [
        Piece(pieces[i].title, tuple(s for s in pieces[i].sentences if s.casefold() not in known))
        for i in sorted(chosen)
    ]
    return training, held_out


def shipped(name: str, package: Path | None = None) -> Path:
    """Find a file of the shipped `vocab` folder, in an installed package as in a checkout.

    name: such as "reader.en.txt" or "en/tokenizer.json"; package: the folder of minattn, unless this one
    Raises InputError when there is none of that name; it lists those that there are.
    """
    package = Path(__file__).resolve().parents[1] if package is None else package
    # Beside an installed package, `vocab` could be anybody's, so the package's own folder comes first.
    folder = package / "vocab" if (package / "vocab").is_dir() else package.parent / "vocab"
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    if name not in files:
        raise InputError(f"{name}: expected the name of a shipped file, one of {', '.join(files) or 'none'}")
    return files[name]


def read_content(path: Path) -> bytes:
    """Read a text file, or a pipe, which can be read but once. Raises InputError, also for what is too large."""
    try:
        with open(path, "rb") as file:
            return read_at_most(file, path)
    except FileNotFoundError:
        remedy = similar_path(path) or "; check the path"
        raise InputError(f"{path}: expected a text file, found nothing there{remedy}") from None
    except IsADirectoryError:
        raise InputError(f"{path}: expected a text file, found a folder; name a file in it") from None
    except InputError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise InputError(f"{path}: expected a text file, but it cannot be read: {error}") from None


def _decoded(data: bytes, path: str | PathLike[str]) -> str:
    """The characters of a text, or a sentence why it has none."""
    if not data:
        raise InputError(f"{path}: expected text, found an empty file; put plain text into it")
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: expected UTF-8, found byte 0x{data[error.start]:02x} at offset {error.start}; "
            "save the file as UTF-8"
        ) from None


def _blocks(text: str) -> Iterator[list[str]]:
    """Yield the runs of lines between blank ones, each line with single spaces and without control characters."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(CLEANED)
    block: list[str] = []
    for line in [*text.split("\n"), ""]:
        words = " ".join(line.split())
        if words:
            block.append(words)
        elif block:
            yield block
            block = []


def _titled(blocks: Iterable[list[str]]) -> Iterator[tuple[str, list[str]]]:
    """Divide blocks into a title, "" if none, and other lines; one that stands alone is that of the block after it."""
    title = ""
    for lines in blocks:
        if lines[0].startswith("# "):
            title, lines = lines[0][2:].strip() or title, lines[1:]
        if lines:
            yield title, lines
            title = ""


def _pieces(blocks: Iterable[tuple[str, list[str]]]) -> list[Piece]:
    """Make a piece of each block, but one piece of neighbouring untitled blocks of a single line.

    Where every line, or every paragraph, stands between blank lines, a block alone is too little.
    """
    pieces: list[Piece] = []
    growing = False  # whether the last piece may still take in a single line
    for title, lines in blocks:
        joined = [_joined(lines)] if _is_wrapped(lines) else lines
        sentences = tuple(sentence for line in joined for sentence in _split(line))
        single = not title and len(lines) == 1
        if single and growing:
            sentences = pieces.pop().sentences + sentences
        pieces.append(Piece(title, sentences))
        growing = single and len(sentences) < USUAL
    return [piece for piece in pieces if piece.sentences]


def _cut(piece: Piece, at_least: int = 1) -> list[Piece]:
    """Cut a piece into consecutive ones of about the usual length, as equal as can be."""
    total = len(piece.sentences)
    count = min(max(at_least, round(total / USUAL)), total)
    edges = [total * i // count for i in range(count + 1)]
    return [Piece(piece.title, piece.sentences[first:last]) for first, last in pairwise(edges)]


def _is_wrapped(lines: list[str]) -> bool:
    """Say whether a block is a paragraph wrapped to a fixed width, not lines that stand for themselves.

    In wrapped text the next line's first word is always one that would not have fitted any more, or hardly
    so; the last line ends a sentence, and another line stops in the middle of one.
    """
    width = max(len(line) for line in lines)
    full = all(len(line) + len(after.split(" ", 1)[0]) > width - 10 for line, after in pairwise(lines))
    return width >= WRAPPED and full and _ends(lines[-1]) and not all(_ends(line) for line in lines)


def _joined(lines: list[str]) -> str:
    """Join the lines of a wrapped paragraph, with a space where the script has one."""
    text = lines[0]
    for line, after in pairwise(lines):
        text += after if is_cjk(line[-1]) and is_cjk(after[0]) else " " + after
    return text


def _ends(line: str) -> bool:
    """Say whether a line stops where a sentence does."""
    tail = max(0, len(line) - 10)
    return any(match.end() == len(line) and _is_end(line, match) for match in ENDING.finditer(line, tail))


def _split(line: str) -> list[str]:
    """Split a line into its sentences.

    >>> _split("Mr. J. Hill paid 3.50 for it. “Why?” he asked. 我不知道。你呢？")
    ['Mr. J. Hill paid 3.50 for it.', '“Why?” he asked.', '我不知道。', '你呢？']
    """
    ends = [match.end() for match in ENDING.finditer(line) if _is_end(line, match)]
    parts = [line[first:last].strip() for first, last in pairwise([0, *ends, len(line)])]
    return [part for part in parts if any(character.isalnum() for character in part)]


def _is_end(line: str, match: re.Match[str]) -> bool:
    """Say whether a matched mark ends a sentence, which . ! ? do only before a space or a CJK character."""
    mark = match["western"]
    if mark is None:
        return True
    after = line[match.end() : match.end() + 2]
    touching = after[:1] != "" and is_cjk(after[0])
    if after and after[0] != " " and not touching:
        return False
    pause = mark.endswith(("…", ".."))
    if (pause or match["quote"]) and after.lstrip()[:1].islower():
        return False  # “Stop!” he said. Well... he did.
    if pause and touching:
        return False  # 我……我不知道。
    return mark != "." or match["quote"] != "" or not _dot_belongs_to_word(line, match.start(), touching)


def _dot_belongs_to_word(line: str, dot: int, touching: bool) -> bool:
    """Say whether a dot is part of a short form, an initial or a number; touching a CJK character, or not."""
    # Ten characters hold every short form, and stay cheap in a line of a million.
    before = line[max(0, dot - 10) : dot]
    if before[-1:].isdigit():
        return touching or before.isdigit()  # 1.我们; 1. We
    found = LAST_WORD.search(before)
    word = found[0] if found else ""
    is_initial = len(word) == 1 and (word.isupper() or before[-2:-1] == ".")  # J. R. Hill; 5 p.m.
    return is_initial or word.lower() in ABBREVIATIONS
