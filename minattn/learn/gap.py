"""The gap of an exercise: the learner's part of a file, between two marks.

The whole file stands once, as `solution.py`. What a learner gets is made of it, with three dots in the gap; what
`right.py` and `wrong.py` have in the gap is taken out of functions that are otherwise like the solution's.
"""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError

START, END = "# --- your part ---", "# --- end of your part ---"


class Way(NamedTuple):
    """A way to fill the gap.

    Args:
        text: what `right.py` calls it, or the sentence that `wrong.py` answers it with
        gap: what fills it, at the left margin
    """

    text: str
    gap: str


def gap_of(source: str) -> str | None:
    """Take out what is in the gap of a file, without spaces at the ends of lines; None if its marks are gone."""
    _, start, rest = source.partition(START)
    gap, end, _ = rest.partition(END)
    return "\n".join(line.rstrip() for line in gap.splitlines()).strip() if start and end else None


def outdented(gap: str) -> str:
    """Move the lines of a gap to the left margin."""
    return textwrap.dedent(gap).strip("\n").rstrip()


def filled(source: str, gap: str) -> str:
    """Put something else into the gap of a file."""
    before, _, rest = source.partition(START)
    _, _, after = rest.partition(END)
    indent = before[before.rindex("\n") + 1 :]
    return f"{before}{START}\n{textwrap.indent(outdented(gap), indent)}\n{indent}{END}{after}"


def emptied(solution: str) -> str:
    """Put three dots into the gap for each name that it has to give, which makes the learner's file.

    In a function these are the names that it returns. A gap outside of functions keeps what it defines: `NAME = ...`,
    and the first line of each function.
    """
    tree, lines = ast.parse(solution), solution.splitlines()
    function = _around_gap(tree, solution)
    if function is not None:
        given = [node.id for node in ast.walk(function.body[-1]) if isinstance(node, ast.Name)]
        return filled(solution, "\n".join(f"{name} = ..." for name in given))
    first, last = (solution[: solution.index(mark)].count("\n") for mark in (START, END))
    dots = []
    for node in tree.body:
        line = lines[node.lineno - 1]
        if first < node.lineno <= last and isinstance(node, ast.Assign):
            dots.append(f"{line[: node.value.col_offset]}...{line[node.value.end_col_offset :]}")
        elif first < node.lineno <= last:
            dots.append(f"\n\n{line}\n    ...")
    return filled(solution, "\n".join(dots))


def ways(file: Path, solution: str) -> tuple[Way, ...]:
    """Read the ways to fill the gap, one for each function of a file; none where there is no such file.

    Args:
        file: `right.py` or `wrong.py`
        solution: the text of `solution.py`

    Raises:
        InputError: a function does not begin and end as the one with the gap does
    """
    if not file.exists():
        return ()
    text = file.read_text(encoding="utf-8")
    lines, function, found = text.splitlines(), _around_gap(ast.parse(solution), solution), []
    for node in ast.parse(text).body:
        if not isinstance(node, ast.FunctionDef):
            continue
        said = ast.get_docstring(node) or ""
        body = _lines(lines, node.body[0].end_lineno or 0, node.end_lineno)
        before, after = "", _lines(lines, node.body[-1].lineno - 1, node.end_lineno)
        if function is not None:
            before, after = _beside_gap(function, solution)
        if not (said and body.startswith(before) and body.endswith(after)):
            raise InputError(
                f"{file.parent.name}/{file.name}: {node.name} must have a docstring, and begin and end as the function "
                "with the gap does in solution.py"
            )
        gap = outdented(body.removeprefix(before).removesuffix(after))
        found.append(Way(" ".join(said.split()), gap))
    return tuple(found)


def _around_gap(tree: ast.Module, source: str) -> ast.FunctionDef | None:
    """The function that has the gap in it; None where the gap is outside of functions."""
    line = source[: source.index(START)].count("\n") + 1
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    return next((node for node in functions if node.lineno < line <= (node.end_lineno or 0)), None)


def _beside_gap(function: ast.FunctionDef, source: str) -> tuple[str, str]:
    """The lines of a function before its gap and after it."""
    lines = source.splitlines()
    first, last = (source[: source.index(mark)].count("\n") for mark in (START, END))
    return _lines(lines, function.body[0].lineno - 1, first), _lines(lines, last + 1, function.end_lineno)


def _lines(lines: list[str], first: int, end: int | None) -> str:
    return "\n".join(lines[first:end]).strip("\n")
