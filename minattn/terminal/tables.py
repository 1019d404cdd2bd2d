"""Text for a terminal: tables and paragraphs that fit it, and texts that do nothing to it but to be read."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TextIO
from unicodedata import category, east_asian_width

UNLIMITED = 1_000_000
NARROWEST = 16
"""The fewest columns that the last column of a table is wrapped to."""

Rows = Sequence[Sequence[str]]


def width_of(stream: TextIO) -> int:
    """The columns of the terminal that a stream goes to, or those that COLUMNS says; UNLIMITED for a file or pipe."""
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and int(said) > 0:
        return int(said)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return UNLIMITED


def print_table(rows: Rows, width: int | None = None) -> None:
    """Print rows in columns that line up. The last column is wrapped where the table is wider than `width`.

    Args:
        rows: the cells of each row, equally many in each
        width: the most columns of a line, by default those of the terminal

    >>> print_table([("token", "p"), ("猫", "0.5")])
    token  p
    猫     0.5
    >>> print_table([("model", "width 128, heads 4, layers 2, positions none")], width=32)
    model  width 128, heads 4,
           layers 2, positions none
    """
    limit = width_of(sys.stdout) if width is None else width
    widths = _widths(rows)[:-1]
    indent = sum(widths) + 2 * len(widths)
    for row in rows:
        start = "".join(padded(cell, width) + "  " for cell, width in zip(row, widths, strict=False))
        for line in wrapped(row[-1], max(limit - indent, NARROWEST)):
            print((start + line).rstrip())
            start = " " * indent


def print_wide_table(rows: Rows, width: int | None = None) -> None:
    """Print rows in columns; those that do not fit follow in further tables, each beside the first column again.

    >>> print_wide_table([("token", "layer 1", "layer 2"), ("cat", "cats", "dog")], width=16)
    token  layer 1
    cat    cats
    <BLANKLINE>
    token  layer 2
    cat    dog
    """
    limit = width_of(sys.stdout) if width is None else width
    first, *others = _widths(rows)
    parts: list[list[int]] = []
    room = 0
    for i, needed in enumerate(others, 1):
        if not parts or needed + 2 > room:
            parts.append([])
            room = limit - first
        parts[-1].append(i)
        room -= needed + 2
    for number, part in enumerate(parts):
        if number:
            print()
        print_table([(row[0], *(row[i] for i in part)) for row in rows], limit)


def print_wrapped(text: str, label: str = "") -> None:
    """Print a paragraph in lines that fit the terminal, to the right of a label."""
    for i, line in enumerate(wrapped(text, max(width_of(sys.stdout) - columns(label), NARROWEST))):
        print((" " * columns(label) if i else label) + line)


def wrapped(text: str, width: int) -> list[str]:
    """A text in lines of at most so many columns, broken at spaces, and inside a word that is longer than a line.

    >>> wrapped("the old cat 一二三四五", 8)
    ['the old', 'cat', '一二三四', '五']
    """
    if columns(text) <= width:
        return [text]
    lines = [""]
    for word in text.split(" "):
        if columns(lines[-1]) + 1 + columns(word) <= width:
            lines[-1] += " " * (lines != [""]) + word
            continue
        while word:
            start = _beginning(word, width) or word[0]
            lines.append(start)
            word = word[len(start) :]
    return lines if lines[0] else lines[1:]


def columns(text: str) -> int:
    """How many columns of a terminal a text takes: two for a wide character, none for an accent that is one by itself.

    >>> columns("猫 cafe\u0301")
    7
    """
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(char) in "WF" else category(char) not in ("Mn", "Me", "Cf") for char in text)


def padded(text: str, width: int) -> str:
    """A text with spaces after it, up to so many columns."""
    return text + " " * (width - columns(text))


def shortened(text: str, longest: int) -> str:
    """The beginning of a text, in at most so many columns of one line, and without control characters.

    >>> shortened("one\\ntwo three", 8)
    'one two…'
    >>> shortened("一二三四五", 8)
    '一二三…'
    """
    start = "".join(char if char.isprintable() else " " for char in text[: longest + 1])
    if columns(start) <= longest:
        return start
    return _beginning(start, longest - 1).rstrip() + "…"


def _beginning(text: str, width: int) -> str:
    """As much of a text as so many columns hold."""
    text = text[:width]
    while columns(text) > width:
        text = text[:-1]
    return text


def _widths(rows: Rows) -> list[int]:
    return [max(map(columns, column)) for column in zip(*rows, strict=True)]
