"""Variants of an exercise: another formula in the same files, so that each learner has a problem of their own.

A variant takes one option of each choice, or the usual form of it. An option is a few edits, old text -> new text. They
are made in all that the exercise says: the learner's file, the solution, the other ways, the mistakes, hints and steps.
Those of the first choice are made first, so that a later one sees their text.
"""

import hashlib
import itertools
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import InputError
from .gap import Way


class Option(NamedTuple):
    """One option of a choice, beside the usual form.

    Args:
        name: a word, unique in the exercise, by which pieces of `right.py` and `wrong.py` are tagged
        says: what is different, as it is told to the learner: "the scores are divided by d"
        edits: text of the usual form -> what takes its place
        inputs: changes the inputs of a case where this option needs other ones
        has_edges: False where the exercise's edges are none of this option's
    """

    name: str
    says: str
    edits: Mapping[str, str]
    inputs: Callable[..., tuple[Any, ...]] | None = None
    has_edges: bool = True


Choices = tuple[tuple[Option, ...], ...]


def combinations(choices: Choices) -> list[tuple[Option, ...]]:
    """All ways to choose, without the usual form: for each way the options that are not usual."""
    ways = itertools.product(*([None, *options] for options in choices))
    return [options for way in ways if (options := tuple(option for option in way if option))]


def chosen(key: str, name: str, count: int) -> int:
    """Which of so many variants of an exercise a key stands for; the same on every machine and in every year."""
    return int.from_bytes(hashlib.sha256(f"{name}\n{as_key(key)}".encode()).digest()) % count


def as_key(text: str) -> str:
    """A text as a key: without spaces around it, and in one form where letters can be written in two.

    Raises:
        InputError: it is empty, or not of one line of letters that can be written down
    """
    key = unicodedata.normalize("NFC", text.strip())  # a folder's name comes in the other form from some systems
    if not key or not key.isprintable():
        raise InputError(f"a key must be a text on one line, got {text!r}")
    return key


def rewritten(text: str, options: Sequence[Option]) -> str:
    """Make the edits of some options in a text, one option after the other, so that a later one sees what is new.

    Where new text has several lines, they stand below the old one's line, as far in as it does.
    """
    for option in options:
        text = _edited(text, option.edits)
    return text


def _edited(text: str, edits: Mapping[str, str]) -> str:
    """Make all edits at once; of two that begin at the same place the longer one counts."""

    def new_text(match: re.Match[str]) -> str:
        line = text[text.rfind("\n", 0, match.start()) + 1 :]
        indent = line[: len(line) - len(line.lstrip())]
        first, *more = edits[match[0]].split("\n")
        return "\n".join([first, *(indent + line if line else "" for line in more)])

    olds = "|".join(re.escape(old) for old in sorted(edits, key=len, reverse=True))
    return re.sub(olds, new_text, text) if olds else text


def rewritten_ways(ways: Iterable[Way], options: Sequence[Option]) -> list[Way]:
    """The pieces of a file that hold for some options, in their words.

    A piece may begin with a tag: `# [d, -tanh] …` holds only where the option d is chosen, and tanh is not;
    `# [variant] …` in all variants, `# [-variant] …` in the usual form alone.
    """
    names, fitting = {option.name for option in options} | ({"variant"} if options else set()), []
    for text, gap in ways:
        tag, says = re.fullmatch(r"(?:\[(.*?)\] )?(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
        words = [word.strip() for word in (tag or "").split(",") if word]
        if all((word.removeprefix("-") in names) != word.startswith("-") for word in words):
            fitting.append(Way(rewritten(says, options), rewritten(gap, options)))
    return fitting
