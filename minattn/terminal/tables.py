"""What several commands print alike: tables, and texts that must not do anything to a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import category, east_asian_width


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns that line up.

    >>> print_table([("token", "p"), ("猫", "0.5")])
    token  p
    猫     0.5
    """
    widths = [max(map(columns, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip())


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
    while columns(start) >= longest:
        start = start[:-1]
    return start.rstrip() + "…"
