"""Whose answers are the same up to names: what is between the marks, without names, comments and form."""

import ast
import itertools
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from ..course import Exercise
from ..gap import END, START, outdented
from ..grade import Graded

LEAST_EVIDENCE = 100
"""The nodes of syntax that two students' equal answers must have together. The solutions have 13 to 131, half of them
fewer than 45, and two who know a formula write the same: it takes a long answer, or several that are equal.
"""

MOST_ALIKE = 0.2
"""The share of a class that may have an answer for it to count: what many write says nothing of two."""


class Pair(NamedTuple):
    """Two students, the exercises in which their answers are the same up to names, and how much syntax that is."""

    first: str
    second: str
    exercises: tuple[str, ...]
    nodes: int


def shape_of(source: str) -> tuple[str, int]:
    """A text that two answers share if they differ in names alone, and its nodes; ("", 0) where there is none."""
    _, start, rest = source.partition(START)
    try:
        tree = ast.parse(outdented(rest.partition(END)[0] if start else source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "", 0
    names: dict[str, str] = {}
    count = 0
    for node in ast.walk(tree):
        count += not isinstance(node, ast.expr_context | ast.operator | ast.unaryop)
        for field in ("id", "arg", "name"):
            word = getattr(node, field, None)
            if isinstance(word, str):
                setattr(node, field, names.setdefault(word, f"n{len(names)}"))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = ""
    return ast.dump(tree), count


def known_shapes(exercise: Exercise) -> set[str]:
    """Of what everybody has: the template, the solution and the other ways that are shown with it, known slips."""
    gaps = (exercise.solution, *exercise.alternatives.values(), *(slip.gap for slip in exercise.mistakes))
    return {shape_of(exercise.text)[0], *(shape_of(exercise.fill(gap))[0] for gap in gaps)}


def similar_pairs(rows: Sequence[Graded]) -> list[Pair]:
    """The pairs of students whose answers are alike beyond chance, those with the most evidence first."""
    students = len({row.student for row in rows})
    shared: dict[tuple[str, str], list[tuple[str, int]]] = defaultdict(list)
    by_exercise: dict[tuple[str, str], tuple[Exercise, dict[str, list[tuple[str, int]]]]] = {}
    for row in rows:
        shape, nodes = shape_of(row.source)
        if nodes:
            _, shapes = by_exercise.setdefault((row.exercise.name, row.exercise.says), (row.exercise, {}))
            shapes.setdefault(shape, []).append((row.student, nodes))
    for exercise, shapes in by_exercise.values():
        known = known_shapes(exercise)
        for shape, those in shapes.items():
            if shape in known or not 2 <= len(those) <= max(2, MOST_ALIKE * students):
                continue
            for (first, nodes), (second, _) in itertools.combinations(those, 2):
                shared[first, second].append((exercise.name, nodes))
    pairs = [
        Pair(*names, tuple(name for name, _ in found), sum(nodes for _, nodes in found))
        for names, found in shared.items()
    ]
    return sorted((pair for pair in pairs if pair.nodes >= LEAST_EVIDENCE), key=lambda pair: (-pair.nodes, pair))
