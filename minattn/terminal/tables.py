"""Text for a terminal: tables and paragraphs that fit it, and texts that do nothing to it but to be read."""

import os
import sys
from collections.abc import Sequence
from typing import TextIO
from unicodedata import category, east_asian_width

UNLIMITED = 1_000_000
NARROWEST = 12
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
    """Print rows in columns that line up. Where the table is wider than `width`, its last column is wrapped.

    The widest of the others are cut short where too little is left for the last one.

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
    for line in table_lines(rows, limit, sys.stdout.isatty()):
        print(line)


def table_lines(rows: Rows, width: int, inside_words: bool = True) -> list[str]:
    """The lines of what `print_table` prints; inside_words: whether a word that is too long may be broken."""
    *widths, last = _widths(rows)
    last = min(last, NARROWEST)
    while widths and sum(widths) + 2 * len(widths) + last > width and max(widths) > 1:
        widths[widths.index(max(widths))] -= 1
    lines = []
    for row in rows:
        cells = [padded(shortened(cell, most), most) for cell, most in zip(row, widths, strict=False)]
        lines += labelled("".join(f"{cell}  " for cell in cells), row[-1], width, inside_words)
    return lines


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
            room = limit - min(first, limit // 2)
        parts[-1].append(i)
        room -= needed + 2
    for number, part in enumerate(parts):
        if number:
            print()
        print_table([(row[0], *(row[i] for i in part)) for row in rows], limit)


def print_wrapped(text: str, label: str = "", stream: TextIO | None = None) -> None:
    """Print paragraphs in lines that fit the terminal, to the right of a label; stream: standard output unless given.

    What goes elsewhere than to a terminal is not broken inside a word, so that `| grep` finds a long path.
    """
    stream = stream or sys.stdout
    for line in labelled(label, text, width_of(stream), stream.isatty()):
        print(line, file=stream, flush=True)


def print_command(label: str, command: str, stream: TextIO) -> None:
    """Print a command to be copied, below its label where both do not fit a line of the terminal.

    Where the command alone needs several lines, they end in backslashes, as a shell wants it.
    """
    width = width_of(stream)
    if columns(label + command) > width:
        print_wrapped(label.rstrip(), stream=stream)
        label = ""
    *lines, last = wrapped(command, width if columns(command) <= width else width - 2, stream.isatty())
    for line in lines:
        command = command[len(line) :]
        print(label + line + (" \\" if command[:1] == " " else "\\"), file=stream)
        command = command.removeprefix(" ")
    print(label + last, file=stream, flush=True)


def labelled(label: str, text: str, width: int, inside_words: bool = True) -> list[str]:
    """A label and, to the right of it, paragraphs in lines that make at most so many columns with it.

    >>> labelled("note: ", "the old cat slept by the fire", 24)
    ['note: the old cat slept', '      by the fire']
    """
    room = max(width - columns(label), min(NARROWEST, columns(text)))
    lines = [line for part in text.split("\n") for line in wrapped(part, room, inside_words)]
    starts = [label, *[" " * columns(label)] * (len(lines) - 1)]
    return [(start + line).rstrip() for start, line in zip(starts, lines, strict=True)]


def wrapped(text: str, width: int, inside_words: bool = True) -> list[str]:
    """A text in lines of at most so many columns, broken at spaces, and inside a word that is longer than a line.

    inside_words: whether it may be broken there; such a word is a line that is too long otherwise

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
            start = (inside_words and _beginning(word, width)) or word[: 1 if inside_words else None]
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
