"""From the bytes of a text to its sentences, piece by piece, without ever holding the whole text.

Blank lines separate pieces, a first line `# Title` names one, and a line holds one sentence or more. Text wrapped to a
fixed width, and text without pieces, are brought into this form.
"""

import codecs
import math
from collections.abc import Iterable, Iterator
from itertools import chain, islice, takewhile
from os import PathLike
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .sentence_ends import BEFORE, LONG, WRAPPED, ends_sentence, is_wrapped, join_wrapped, split_fragments, split_line

USUAL = 10  # sentences in a piece, where the text itself does not say
LONGEST = 40  # a piece with more sentences than this is cut into pieces of the usual length

# Control characters are dropped, save those that are a space or a line end.
CLEANED = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0))) | {ord("\t"): " ", ord("\v"): " ", ord("\f"): " "}
CLEANED |= {ord("\n"): "\n", 0x85: "\n", 0x2028: "\n", 0x2029: "\n\n"}

Line = tuple[str, bool]
"""Words of a line with single spaces between them, and whether the line ends after them; "" is a blank line."""

END: Line = "", True


class TextPart(NamedTuple):
    """Sentences that follow one another in one piece; begins: whether they are the first of it."""

    title: str
    begins: bool
    sentences: list[str]


class TextLimits(NamedTuple):
    """How much of a text is held at a time.

    long: characters of a line; undecided: characters of a block by which it is decided at the latest whether it is
    wrapped; at_once: lines of a block that are split before their sentences are given on
    """

    long: int = LONG
    undecided: int = 1 << 24
    at_once: int = 1000


LIMITS = TextLimits()


def parts_of(blocks: Iterable[bytes], path: str | PathLike[str], limits: TextLimits = LIMITS) -> Iterator[TextPart]:
    """Read the sentences of a text, in the order of the text; a piece comes in one part or in several.

    blocks: the bytes of the text, in order
    What has no letter or digit (a row of stars) is left out, and pieces are as long as the text makes them.
    Raises InputError, naming the path, when the text is empty or not UTF-8.
    """
    size, growing = 0, False  # of the last piece, and whether it may still take in a single line
    begins = True
    for title, is_single, sentences in _blocks(_lines(decoded(blocks, path), limits.long), limits):
        # Where every line, or every paragraph, stands between blank lines, a block alone is too little.
        if not (is_single and growing):
            size, begins = 0, True
        for some in sentences:
            if some:
                yield TextPart(title, begins, some)
                size, begins = size + len(some), False
        growing = is_single and size < USUAL


def decoded(blocks: Iterable[bytes], path: str | PathLike[str]) -> Iterator[str]:
    """Decode a text. Raises InputError where it is empty or not UTF-8, with the offset."""
    decode = codecs.utf_8_decode
    rest, done = b"", 0
    for block in chain(blocks, [None]):
        data = rest if block is None else rest + block
        try:
            text, used = decode(data, "strict", block is None)
        except UnicodeDecodeError as error:
            raise InputError(
                f"{path}: expected UTF-8, found byte 0x{data[error.start]:02x} at offset {done + error.start}; "
                "save the file as UTF-8"
            ) from None
        yield text.removeprefix("\ufeff") if done == 0 else text
        rest, done = data[used:], done + used
    if done == 0:
        raise InputError(f"{path}: expected text, found an empty file; put plain text into it")


def piece_sizes(raw: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Cut pieces that are too long into consecutive ones of about the usual length, as equal as can be.

    raw: (N,) the sentences of each piece, as the text divides it; a single piece is cut into two at least
    Returns (sizes, counts): the sentences of each piece that is made, and into how many each one of raw was cut.
    """
    usual = np.rint(raw / USUAL).astype(np.int64)
    counts = np.minimum(np.maximum(2, usual), raw) if len(raw) == 1 else np.where(raw > LONGEST, usual, 1)
    last = np.cumsum(counts)
    sizes = np.empty(counts.sum(), np.int32)
    for start in range(0, len(sizes), 1 << 20):  # some at a time: there may be many more than in raw
        i = np.arange(start, min(start + (1 << 20), len(sizes)))
        origin = np.searchsorted(last, i, side="right")
        total, count = raw[origin], counts[origin]
        i -= last[origin] - count
        sizes[start : start + len(i)] = total * (i + 1) // count - total * i // count
    return sizes, counts


def _lines(texts: Iterable[str], long: int) -> Iterator[Line]:
    """Yield lines with single spaces and without control characters; one of more characters than is long in parts."""
    rest, is_inside = "", False  # what stands after the last line end, and whether words of its line were given on
    for text in chain(texts, [None]):
        rest += "\n" if text is None else text
        if text is not None and len(rest) <= long and not ("\n" in text or "\r" in text):
            continue
        held = "\r" if rest.endswith("\r") else ""  # perhaps the first half of a line end
        rest = rest.removesuffix(held).replace("\r\n", "\n").replace("\r", "\n").translate(CLEANED)
        *lines, rest = rest.split("\n")
        for line in lines:
            yield _words(line, is_inside), True
            is_inside = False
        if len(rest) > long:
            part = rest[: max(rest.rfind(" "), 0) or len(rest)].rstrip()
            if part:
                yield _words(part, is_inside), False
                is_inside = True
            rest = rest[len(part) or -1 :]  # the space is kept for the part that follows
        rest += held


def _words(line: str, goes_on: bool) -> str:
    """The words of a line with single spaces between them; of one that goes on, also the space before them."""
    words = " ".join(line.split())
    return " " + words if goes_on and words and line[0].isspace() else words


def _blocks(lines: Iterator[Line], limits: TextLimits) -> Iterator[tuple[str, bool, Iterator[list[str]]]]:
    """Yield for each run of lines between blank ones its title, "" if none, whether it is a single line, its sentences.

    The sentences have to be taken before the next block is asked for. A title that stands alone is that of the block
    after it; a single line has no title.
    """
    title = ""
    for line in lines:
        if not line[0]:
            continue
        if line[0].startswith("# "):
            title = line[0][2:].strip() or title
            while not line[1]:
                line = next(lines, END)
            line = next(lines, END)
            if not line[0]:
                continue
        yield title, *_sentences(line, lines, not title, limits)
        title = ""


def _sentences(
    line: Line, lines: Iterator[Line], may_be_single: bool, limits: TextLimits
) -> tuple[bool, Iterator[list[str]]]:
    """Whether the block that begins with a line is that line alone, and its sentences, some at a time."""
    block, width, least, size = [line[0]], len(line[0]), math.inf, len(line[0])
    while line[1]:
        line = next(lines, END)
        if not line[0]:  # the block is whole
            if len(block) == 1 or not is_wrapped(block):
                return may_be_single and len(block) == 1, iter([_split_all(block)])
            return False, iter([split_line(join_wrapped(block))])
        least = min(least, len(block[-1]) + len(line[0].split(" ", 1)[0]))
        width = max(width, len(line[0]))
        block.append(line[0])
        size += len(line[0])
        # The longer the block grows, the less it can be wrapped: see `is_wrapped`.
        if least <= max(width, WRAPPED) - BEFORE:
            break
        if size > limits.undecided:
            if width >= WRAPPED and not all(map(ends_sentence, block)):
                return False, split_fragments(_joined_anew(block, lines, limits.at_once), limits.long)
            break
    if not line[1]:
        block.pop()
    return False, _split_lines(block, line, lines, limits)


def _split_all(lines: list[str]) -> list[str]:
    return [sentence for line in lines for sentence in split_line(line)]


def _split_lines(block: list[str], line: Line, lines: Iterator[Line], limits: TextLimits) -> Iterator[list[str]]:
    """The sentences of lines that stand for themselves, up to a blank one: those of a block, and what follows.

    line: the last one that was read; where it does not end, it is not in the block
    """
    yield _split_all(block)
    block = []
    if line[1]:
        line = next(lines, END)
    while line[0]:
        if not line[1]:
            yield from split_fragments(_to_line_end(line, lines), limits.long)
        else:
            block.append(line[0])
        if len(block) == limits.at_once:
            yield _split_all(block)
            block = []
        line = next(lines, END)
    yield _split_all(block)


def _to_line_end(line: Line, lines: Iterator[Line]) -> Iterator[Line]:
    """A line that comes in parts, to its end."""
    yield line
    while not line[1]:
        line = next(lines, END)
        yield line


def _joined_anew(block: list[str], lines: Iterator[Line], at_once: int) -> Iterator[Line]:
    """The lines of a wrapped block, up to a blank one, as fragments of a single line."""
    last, rest = "", takewhile(lambda line: line[0] != "", lines)
    while block:
        text = join_wrapped([last, *block] if last else block)
        yield text[len(last) :], False
        last = block[-1]
        block = [words for words, _ in islice(rest, at_once)]
    yield "", True
