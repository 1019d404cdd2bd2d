"""A walkthrough's source: a Python file in py:percent form, and the prose of its Chinese translation."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from minattn.errors import InputError
from minattn.runs import read_bytes

from .terms import marked_in, with_links

# How exactly a cell's numbers come back on another machine: relative, by its tag.
TOLERANCES = {"": 1e-3, "rough": 0.1, "timed": float("inf")}
FOLDED = "folded"
TRANSLATION_SEPARATOR = "<!-- cell -->"

_HEAD = re.compile(r"# %%(?P<markdown> \[markdown\])?(?: tags=(?P<tags>\[.*\]))?\s*")
# Code, or mathematics in a line; and code, mathematics as GitHub wants it, or a dollar that is one.
_INLINE = re.compile(r"(`[^`]+`)|(?<![\w\\$\u0080-\uffff])\$(?=\S)((?:[^$`\\]|\\.)+?)(?<=\S)\$(?![\w$])")
_INLINE_SHOWN = re.compile(r"\$`[^`]+`\$|`[^`]+`|\\\$")


@dataclass(frozen=True)
class Cell:
    """One cell: its kind, the number of the line before its first, its lines, its tags.

    Lines of prose are without comment marks, and their mathematics is as GitHub wants it; the terms that they mark are
    links to the glossary.
    """

    is_prose: bool
    line: int
    lines: tuple[str, ...]
    tags: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()

    @property
    def tolerance(self) -> float:
        """How far its numbers may be from those of the page, relatively."""
        return max(TOLERANCES[tag] for tag in ("", *self.tags) if tag in TOLERANCES)


def read_cells(page: Path) -> list[Cell]:
    """The cells of a page.

    Raises:
        InputError: a line is not of the form; the message names it
    """
    lines = read_bytes(page).decode("utf-8").splitlines()
    heads = [i for i, line in enumerate(lines) if line.startswith("# %%")]
    if not heads or any(line.strip() for line in lines[: heads[0]]):
        raise InputError(f'{page}:1: a page must start with a cell, "# %%" or "# %% [markdown]"')
    cells = [_read_cell(page, lines, at, end) for at, end in zip(heads, [*heads[1:], len(lines)], strict=True)]
    if not cells[0].is_prose or not cells[0].lines[0].startswith("# "):
        raise InputError(f'{page}:1: the first cell must be [markdown] and start with a title, "# # 7. Cross-entropy"')
    return cells


def read_translation(file: Path, cells: list[Cell]) -> list[Cell]:
    """The prose cells of a page in another language, with the tags of the first; as many as the page has.

    Raises:
        InputError: the numbers of cells differ, or what a cell and its translation quote from the page
    """
    lines = read_bytes(file).decode("utf-8").splitlines()
    ends = [*(i for i, line in enumerate(lines) if line.strip() == TRANSLATION_SEPARATOR), len(lines)]
    firsts = [0, *(end + 1 for end in ends[:-1])]
    prose = [cell for cell in cells if cell.is_prose]
    if len(firsts) != len(prose):
        raise InputError(f"{file}: {len(firsts)} cells of prose, but its page has {len(prose)}")
    translation = []
    for cell, first, end in zip(prose, firsts, ends, strict=True):
        number = first + _blank(lines[first:end])
        source = _stripped(lines[first:end])
        text = _for_github(file, number + 1, source, "glossary.zh.md")
        found = Cell(True, number, text, cell.tags, _marks(source))
        if quoted(found) != quoted(cell):
            raise InputError(
                f"{file}:{found.line + 1}: this cell quotes {quoted(found)}, "
                f"but its original at line {cell.line + 1} of the page quotes {quoted(cell)}"
            )
        if sorted(found.marks) != sorted(cell.marks):
            raise InputError(
                f"{file}:{found.line + 1}: this cell introduces {list(found.marks)}, "
                f"but its original at line {cell.line + 1} of the page introduces {list(cell.marks)}"
            )
        translation.append(found)
    return translation


def split_quotes(line: str) -> list[str]:
    """A line of prose as text, expression, text, … , text.

    >>> split_quotes("the loss is {{loss:.2f}} nats")
    ['the loss is ', 'loss:.2f', ' nats']
    """
    return re.split(r"\{\{(.+?)\}\}", line)


def quoted(cell: Cell) -> list[str]:
    """What a cell of prose quotes from its page, sorted."""
    return sorted(expression for line in cell.lines for expression in split_quotes(line)[1::2])


def _read_cell(page: Path, lines: list[str], at: int, end: int) -> Cell:
    head = _HEAD.fullmatch(lines[at])
    if head is None:
        raise InputError(f'{page}:{at + 1}: expected "# %%", then " [markdown]" or nothing, then tags=[…] or nothing')
    tags = _read_tags(page, at + 1, head["tags"] or "[]")
    body = lines[at + 1 : end]
    if head["markdown"]:
        for number, line in enumerate(body, at + 2):
            if line.strip() and line != "#" and not line.startswith("# "):
                raise InputError(f'{page}:{number}: a line of a [markdown] cell must start with "# ", got {line!r}')
        body = [line[2:] for line in body]
    text = _stripped(body)
    if not text:
        raise InputError(f"{page}:{at + 1}: an empty cell; fill it or take it away")
    number = at + 1 + _blank(body)
    if not head["markdown"]:
        return Cell(False, number, text, tags)
    return Cell(True, number, _for_github(page, number + 1, text, "glossary.md"), tags, _marks(text))


def _marks(lines: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for line in lines for name in marked_in(line))


def _read_tags(page: Path, line: int, text: str) -> tuple[str, ...]:
    known = {*TOLERANCES, FOLDED} - {""}
    try:
        tags = tuple(ast.literal_eval(text))
    except (ValueError, SyntaxError):
        tags = (text,)
    if not known.issuperset(tags):
        raise InputError(f"{page}:{line}: tags must be a list of {', '.join(sorted(known))}, got {text}")
    return tags


def _stripped(lines: list[str]) -> tuple[str, ...]:
    """The lines without blank ones at both ends."""
    filled = [i for i, line in enumerate(lines) if line.strip()]
    return tuple(line.rstrip() for line in lines[filled[0] : filled[-1] + 1]) if filled else ()


def _blank(lines: list[str]) -> int:
    """How many blank lines come first."""
    return next((i for i, line in enumerate(lines) if line.strip()), 0)


def _for_github(file: Path, first: int, lines: tuple[str, ...], glossary: str) -> tuple[str, ...]:
    """Marked terms as links, $…$ and $$ as GitHub reads them: in the plain form _, * and \\ would be Markdown first.

    Raises InputError for a $ without its partner, or beside a letter or digit, where GitHub would show it as it is.
    """
    shown, inside = [], ""  # the mark that ends a block of code or of mathematics
    for number, line in enumerate(lines, first):
        mark = line.strip()[:3]
        if mark in ("```", "$$") and inside in ("", mark):
            inside = "" if inside else mark
            line = line.replace("$$", "```math" if inside else "```") if mark == "$$" else line
        elif not inside:
            source, line = line, with_links(line, glossary)
            line = _INLINE.sub(lambda found: f"$`{found[2]}`$" if found[2] else found[0], line)
            if "$" in _INLINE_SHOWN.sub("", line):
                raise InputError(
                    f"{file}:{number}: a $ of mathematics must have a partner on its line, no letter, digit or "
                    f"Chinese sign before the first and none but signs after the second, and $$ its own line: {source}"
                )
        shown.append(line)
    if inside:
        raise InputError(f"{file}:{first}: a block of {inside} in this cell is not closed")
    return tuple(shown)
