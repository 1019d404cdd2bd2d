"""The gap of an exercise: the learner's part of a file, between two marks.

The whole file stands once, as `solution.py`. What a learner gets is made of it, with three dots in the gap. A piece of
`right.py` fills the gap; a piece of `wrong.py` has those lines that differ from the solution's.
"""

import ast
import re
import textwrap
from itertools import takewhile
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
    if (function := around_gap(solution)) is not None:
        given = [node.id for node in ast.walk(function.body[-1]) if isinstance(node, ast.Name)]
        return filled(solution, "\n".join(f"{name} = ..." for name in given))
    lines, dots = solution.splitlines(), []
    first, last = (solution[: solution.index(mark)].count("\n") for mark in (START, END))
    for node in ast.parse(solution).body:
        line = lines[node.lineno - 1]
        if first < node.lineno <= last and isinstance(node, ast.Assign):
            dots.append(f"{line[: node.value.col_offset]}...{line[node.value.end_col_offset :]}")
        elif first < node.lineno <= last:
            dots.append(f"\n\n{line}\n    ...")
    return filled(solution, "\n".join(dots))


def ways(file: Path) -> tuple[Way, ...]:
    """Read the pieces of `right.py` or `wrong.py`; none where there is no such file.

    A comment after an empty line, or at the top, begins a piece, and is its text.

    Raises:
        InputError: code stands under no comment, a comment over no code, or the file is no Python
    """
    if not file.exists():
        return ()
    opening, *pieces = re.split(r"\n\n(?=# )", "\n\n" + file.read_text(encoding="utf-8"))
    found = []
    for piece in pieces:
        lines = piece.splitlines()
        said = list(takewhile(lambda line: line.startswith("# "), lines))
        found.append(Way(" ".join(line.removeprefix("# ") for line in said), "\n".join(lines[len(said) :]).strip("\n")))
    try:
        stray = [node for node in ast.parse(opening).body if not isinstance(node, ast.Expr)]
        if not stray and all(ast.parse(way.gap).body for way in found):
            return tuple(found)
        wrong = "expected an empty line and a comment before each way to fill the gap, and code under each comment"
    except SyntaxError as error:
        wrong = f"this is no Python: {error.msg}: {(error.text or '').strip()}"
    raise InputError(f"{file.parent.name}/{file.name}: {wrong}")


def edited(solution: str, piece: str) -> str:
    """Put the lines of a piece in place of those lines of a gap that give the same names, or parts of them.

    A line that gives something new follows the one before it. Where no line has a place, the piece is the whole gap.
    """
    # the statements that give a name something, at any depth, from top to bottom
    given = [node for node in ast.walk(ast.parse(solution)) if isinstance(node, ast.stmt) and _given_by(node)]
    lines, places, last = solution.splitlines(), sorted(given, key=lambda node: node.lineno), None
    instead: dict[ast.stmt, list[str]] = {}
    ahead: list[str] = []
    names, end = set(), 0
    for statement in ast.parse(piece).body:
        text, end = piece.splitlines()[end : statement.end_lineno], statement.end_lineno or 0
        name = _given_by(statement)
        names.add(name)
        free = [place for place in places if name and _given_by(place) == name and place not in instead]
        if free:
            last = free[0]
            instead[last], ahead = ahead + text, []
        else:
            (instead[last] if last else ahead).extend(text)
    if last is None:
        return piece
    parts = tuple(f"{name}[" for name in names if name)
    for place in reversed(places):
        if place in instead or _given_by(place) in names or _given_by(place).startswith(parts):
            indent = " " * place.col_offset
            new = [indent + line if line else "" for line in instead.get(place, [])]
            lines[place.lineno - 1 : place.end_lineno] = new
    return "\n".join(lines)


def _given_by(statement: ast.stmt) -> str:
    """What a statement gives a value: `x`, `x[0]`, `a, b`, the name of a function; `x[i]` for np.add.at(x, i, …)."""
    match statement:
        case ast.Assign(targets=[target]) | ast.AugAssign(target=target):
            return ast.unparse(target)
        case ast.FunctionDef(name=name):
            return name
        case ast.Expr(ast.Call(ast.Attribute(attr="at"), [array, places, *_])):
            return f"{ast.unparse(array)}[{ast.unparse(places)}]"
    return ""


def around_gap(solution: str) -> ast.FunctionDef | None:
    """The function that has the gap in it; None where the gap is outside of functions."""
    line = solution[: solution.index(START)].count("\n") + 1
    functions = (node for node in ast.parse(solution).body if isinstance(node, ast.FunctionDef))
    return next((node for node in functions if node.lineno < line <= (node.end_lineno or 0)), None)
