"""The words of the code that ran: the expression that a step was, what its operands are called, and the names that
values were given."""

import ast
import linecache
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import NamedTuple

from .recorder import Place

_OUR_FOLDER = str(Path(__file__).parents[1])

Span = tuple[int, int, int, int]
"""First line, last line, and the first and last column of each, columns counted in bytes."""


class Expression(NamedTuple):
    """An expression of somebody's code: its text, its line, what its operands are, the name that it is assigned to,
    and where it stands.
    """

    text: str
    line: int
    operands: tuple[str, ...]
    name: str | None
    span: Span

    def __str__(self) -> str:
        return f"`{self.text}` (line {self.line})"


def expression_at(place: Place, ours: bool = False) -> Expression | None:
    """The expression of a call; None where there is no source, or where it is our own and this is not wanted."""
    if place.code is None or place.path.startswith("<__array") or (not ours and place.path.startswith(_OUR_FOLDER)):
        return None
    return _expression(place.code, place.instruction)


@lru_cache(maxsize=4096)
def _expression(code: CodeType, instruction: int) -> Expression | None:
    for _, _, span in _spans(code, instruction):
        lines = tuple(linecache.getlines(code.co_filename))
        text = _cut(lines, span)
        if text is None:
            return None
        if text.startswith("for "):
            text = text.partition(": ")[0]
        operands = tuple(_operands(text))
        return Expression(_short(text), span[0], tuple(map(_short, operands)), _names(lines).get(span), span)
    return None


def _spans(code: CodeType, instruction: int) -> Iterator[tuple[CodeType, int, Span]]:
    positions = list(code.co_positions())
    if instruction // 2 < len(positions):
        first, last, start, end = positions[instruction // 2]
        if first is not None and last is not None and start is not None and end is not None:
            yield code, instruction, (first, last, start, end)


def _cut(lines: tuple[str, ...], span: Span) -> str | None:
    first, last, start, end = span
    if not 0 < first <= last <= len(lines):
        return None
    parts = [line.encode() for line in lines[first - 1 : last]]
    parts[-1] = parts[-1][:end]
    parts[0] = parts[0][start:]
    return " ".join(b" ".join(parts).decode(errors="replace").split())


def _operands(text: str) -> Iterator[str]:
    """The operands of an expression in the order in which NumPy is given them."""
    try:
        tree = ast.parse(text).body[0]
    except (SyntaxError, IndexError, ValueError):
        return
    node: ast.AST = tree.value if isinstance(tree, ast.Expr) else tree
    parts: list[ast.AST] = []
    match node:
        case ast.BinOp(left=left, right=right) | ast.AugAssign(target=left, value=right):
            parts = [left, right]
        case ast.Compare(left=left, comparators=[right]):
            parts = [left, right]
        case ast.UnaryOp(operand=operand):
            parts = [operand]
        case ast.Subscript(value=value, slice=index):
            parts = [value, index]
        case ast.Attribute(value=value):
            parts = [value]
        case ast.Call(func=function, args=args):
            is_method = isinstance(function, ast.Attribute) and not _is_module(function.value)
            parts = [function.value, *args] if is_method and isinstance(function, ast.Attribute) else list(args)
    for part in parts:
        yield ast.unparse(part)


def _is_module(node: ast.AST) -> bool:
    """np, numpy, np.linalg, F …: a name that a function is taken from rather than an array that has a method."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id in ("np", "numpy", "scipy", "math", "torch", "F", "jax", "jnp")


@lru_cache(maxsize=32)
def _names(lines: tuple[str, ...]) -> dict[Span, str]:
    """The names that expressions are assigned to."""
    try:
        tree = ast.parse("".join(lines))
    except (SyntaxError, ValueError):
        return {}
    found: dict[Span, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
        elif isinstance(node, ast.AnnAssign) and node.value:
            target, value = node.target, node.value
        else:
            continue
        if isinstance(target, ast.Name | ast.Attribute):
            for branch in (value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,):
                span = (branch.lineno, branch.end_lineno or 0, branch.col_offset, branch.end_col_offset or 0)
                found[span] = ast.unparse(target)
    return found


def _short(text: str) -> str:
    return text if len(text) <= 70 else text[:67] + "…"
