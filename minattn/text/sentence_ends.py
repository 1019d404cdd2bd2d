"""Where sentences end in a line of text, and whether lines were wrapped to a fixed width."""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from .spacing import is_cjk

WRAPPED = 40  # a block whose lines are all narrower than this (verse, lists) was broken on purpose
LONG = 1 << 22  # characters of a line that are read at a time; a sentence has at most about twice as many
BEFORE = 10  # characters before a dot that tell whether it ends a sentence, and the slack of a wrapped line

# Marks that end a sentence. A Western one needs a space or a CJK character behind it, a CJK one nothing.
ENDING = re.compile(r"""(?P<western>[.!?…]+)(?P<quote>["'”’»)\]]*)|[。！？]+[”’」』）》】"']*""")
ABBREVIATIONS = frozenset(("mr", "mrs", "ms", "dr", "prof", "st", "jr", "sr", "vs"))
LAST_WORD = re.compile(r"[^\W\d_]+$")


def split_line(line: str) -> list[str]:
    """Split a line into its sentences.

    >>> split_line("Mr. J. Hill paid 3.50 for it. “Why?” he asked. 我不知道。你呢？")
    ['Mr. J. Hill paid 3.50 for it.', '“Why?” he asked.', '我不知道。', '你呢？']
    """
    # What the end of the line is makes no difference.
    ends = [match.end() for match in ENDING.finditer(line) if match.end() < len(line) and _is_end(line, match)]
    return _with_letters(line[first:last] for first, last in pairwise([0, *ends, len(line)]))


def split_fragments(fragments: Iterable[tuple[str, bool]], long: int = LONG) -> Iterator[list[str]]:
    """Split lines that are too long to be held whole, so that the same sentences come as of whole lines.

    fragments: parts of lines, and whether the line ends there
    long: characters after which a sentence without an end is cut
    """
    kept, done = "", 0  # what may belong to the next sentence, and how many of its characters do not
    for text, ends_here in fragments:
        text = kept + text
        # A mark at the very end is left for the next time, when it is known what follows.
        marks = (match for match in ENDING.finditer(text, done) if ends_here or match.end() + 2 <= len(text))
        ends = [done, *(match.end() for match in marks if _is_end(text, match))]
        if ends_here:
            ends.append(len(text))
        elif len(text) - ends[-1] > long:
            space = text.rfind(" ", ends[-1] + 1)
            ends.append(space if space > 0 else ends[-1] + long)
        yield _with_letters(text[first:last] for first, last in pairwise(ends))
        start = len(text) if ends_here else max(0, ends[-1] - BEFORE)
        kept, done = text[start:], ends[-1] - start


def is_wrapped(lines: list[str]) -> bool:
    """Say whether a block is a paragraph wrapped to a fixed width, not lines that stand for themselves.

    In wrapped text the next line's first word is always one that would not have fitted any more, or hardly
    so; the last line ends a sentence, and another line stops in the middle of one.
    """
    width = max(len(line) for line in lines)
    full = all(len(line) + len(after.split(" ", 1)[0]) > width - BEFORE for line, after in pairwise(lines))
    return width >= WRAPPED and full and ends_sentence(lines[-1]) and not all(ends_sentence(line) for line in lines)


def join_wrapped(lines: list[str]) -> str:
    """Join the lines of a wrapped paragraph, with a space where the script has one."""
    text = lines[0]
    for line, after in pairwise(lines):
        text += after if is_cjk(line[-1]) and is_cjk(after[0]) else " " + after
    return text


def ends_sentence(line: str) -> bool:
    """Say whether a line stops where a sentence does."""
    tail = max(0, len(line) - BEFORE)
    return any(match.end() == len(line) and _is_end(line, match) for match in ENDING.finditer(line, tail))


def _with_letters(parts: Iterable[str]) -> list[str]:
    """The parts that say something, without the spaces around them; not a row of stars."""
    stripped = (part.strip() for part in parts)
    return [part for part in stripped if part[:1].isalnum() or any(map(str.isalnum, part))]


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
    before = line[max(0, dot - BEFORE) : dot]
    if before[-1:].isdigit():
        return touching or before.isdigit()  # 1.我们; 1. We
    found = LAST_WORD.search(before)
    word = found[0] if found else ""
    is_initial = len(word) == 1 and (word.isupper() or before[-2:-1] == ".")  # J. R. Hill; 5 p.m.
    return is_initial or word.lower() in ABBREVIATIONS
