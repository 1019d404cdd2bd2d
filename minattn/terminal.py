"""What several commands print alike: tables, and texts that must not do anything to a terminal."""

from __future__ import annotations

from collections.abc import Sequence


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns that line up.

    >>> print_table([("token", "p"), ("a", "0.5")])
    token  p
    a      0.5
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def shortened(text: str, longest: int) -> str:
    """The beginning of a text, in one line and without control characters.

    >>> shortened("one\\ntwo three", 8)
    'one two…'
    """
    text = "".join(char if char.isprintable() else " " for char in text[: longest + 1])
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
