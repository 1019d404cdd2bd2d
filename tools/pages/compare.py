"""Whether a committed page is still what its source gives: words exactly, numbers within a tolerance."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from .cells import TOLERANCES

_NUMBER = re.compile(r"([-+]?(?:\d[\d,]*\d|\d)(?:\.\d*)?(?:[eE][-+]?\d+)?|[-+]?\.\d+(?:[eE][-+]?\d+)?)")
# Below this, a number is what rounding left over, which is another on another machine.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Line:
    """A line of a page: text that must be the same and values that must be close, in turn, and where it is from."""

    parts: tuple[str, ...]
    tolerance: float = 0.0
    source: str = ""

    @property
    def text(self) -> str:
        """The line as it is written."""
        return "".join(self.parts)


def first_difference(wanted: Sequence[Line], found: Sequence[str]) -> tuple[str, int, str, str] | None:
    """The first line that differs, if any: its source, its number, what was found and what was wanted."""
    source = ""
    for number, (line, text) in enumerate(zip_longest(wanted, found), 1):
        source = line.source if line else source
        if line is None or text is None or not _same(line, text):
            nothing = "(the page ends)"
            return source, number, nothing if text is None else text, nothing if line is None else line.text
    return None


def close(one: str, other: str, tolerance: float) -> bool:
    """Whether two texts have the same words, and numbers that differ by no more than the tolerance, relatively.

    A number may be off by one unit of its last decimal, since what is rounded may fall on either side; whole numbers
    are exact where the tolerance is the usual one. White space does not count.

    >>> close("loss 0.6931", "loss 0.6932", 1e-3), close("3 of 4 right", "2 of 4 right", 1e-3)
    (True, False)
    >>> close("0.31 s", "0.74 s", float("inf")), close("0.31 s", "0.74 ms", float("inf"))
    (True, False)
    """
    words, others = _NUMBER.split(one), _NUMBER.split(other)
    if len(words) != len(others):
        return False
    same_words = all("".join(a.split()) == "".join(b.split()) for a, b in zip(words[::2], others[::2], strict=True))
    return same_words and all(_near(a, b, tolerance) for a, b in zip(words[1::2], others[1::2], strict=True))


def _same(line: Line, text: str) -> bool:
    pattern = "(.*?)".join(map(re.escape, line.parts[::2]))
    found = re.fullmatch(pattern, text)
    return found is not None and all(
        close(a, b, line.tolerance) for a, b in zip(found.groups(), line.parts[1::2], strict=True)
    )


def _near(one: str, other: str, tolerance: float) -> bool:
    if one == other:
        return True
    a, b = (float(text.replace(",", "")) for text in (one, other))
    if one.lstrip("+-").replace(",", "").isdigit() and other.lstrip("+-").replace(",", "").isdigit():
        return tolerance > TOLERANCES[""] and abs(a - b) <= tolerance * max(abs(a), abs(b))
    if max(abs(a), abs(b)) < _ROUNDING:
        return True
    last = max(_last_place(one), _last_place(other))
    return abs(a - b) <= max(1.01 * last, tolerance * max(abs(a), abs(b)))


def _last_place(number: str) -> float:
    """The value of one unit of the last digit.

    >>> _last_place("0.25"), _last_place("1.5e-3")
    (0.01, 0.0001)
    """
    digits, _, exponent = number.lower().partition("e")
    decimals = len(digits.partition(".")[2])
    return float(f"1e{int(exponent or 0) - decimals}")
