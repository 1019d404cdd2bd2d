"""The steps of a forward pass at one place: values, how they move, and the true gradient at each.

Every local gradient is measured by differences: no rule for any NumPy function is needed, and none can be wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...backend import Array
from ...ops.base import sum_to_shape
from ...trace import Step, Trace
from .measurements import Lab, same

_STEP = 1e-5
_LINES = 6  # random lines through the argument along which a guess is held against the learner's gradient
_MOST_NUMBERS = 20_000  # in all steps together
_LINEAR = {
    *("matmul", "sum", "mean", "add.reduce", "transpose", "swapaxes", "reshape", "getitem", "concatenate", "stack"),
    *("moveaxis", "expand_dims", "squeeze", "broadcast_to", "repeat", "tile", "roll", "flip", "astype", "copy"),
    *(
        "ravel",
        "flatten",
        "matrix_transpose",
        "einsum",
        "dot",
        "tensordot",
        "cumsum",
        "take",
        "take_along_axis",
        "item",
    ),
}


class Edge(NamedTuple):
    """An operand of a step: the value of `source` goes into `step` as operand number `operand`."""

    step: int
    operand: int
    source: int


def _no_rule(edge: Edge, adjoints: list[Array | None]) -> Array | None:
    """Every edge goes by its true rule."""
    return None


@dataclass(eq=False)
class Sample:
    """One place and one upstream.

    own: the step that is the argument; inputs: those that are followed; everything: all inputs; learned: the learner's
    gradient; values: of each step; moves: how each step's value moves along each line, (lines, *shape); adjoints: the
    true gradient of each step's value; passed: what goes back along each edge; held: steps without effect; off: by how
    much the learner's gradient is off along each line; whole: the true slope along each line
    """

    own: int
    inputs: list[Any]
    everything: list[Any]
    upstream: Array
    learned: Array
    values: list[Any]
    moves: list[Array | None]
    adjoints: list[Array | None]
    passed: dict[Edge, Array]
    held: set[int]
    off: Array
    whole: Array

    @property
    def true(self) -> Array:
        """The true gradient of the argument."""
        return self.gradient(self.own)

    def gradient(self, step: int) -> Array:
        """The true gradient of a step's value."""
        adjoint = self.adjoints[step]
        assert adjoint is not None
        return adjoint

    def operands(self, step: Step) -> list[Any]:
        return [self.values[parent] for parent in step.parents]


def take_sample(lab: Lab, trace: Trace, active: list[bool], own: int, inputs: list[Any]) -> Sample | None:
    """A sample at these inputs with a random upstream; None where the steps do not make up forward, or are too many."""
    problem = lab.problem
    everything = list(problem.inputs)
    for j, x in zip(trace.places, inputs, strict=True):
        everything[j] = x
    upstream = np.asarray(lab.rng.normal(size=problem.output.shape))
    learned = lab.learner(upstream, everything)
    if learned is None:
        return None
    with np.errstate(all="ignore"):
        try:
            values = trace.run(inputs)
            is_small = sum(np.size(value) for value in values) <= _MOST_NUMBERS
            if not is_small or not same(np.asarray(values[trace.output]), problem.call(*everything)):
                return None
            adjoints, passed = go_back(trace, values, upstream, active)
            held = {i: partial(_hold, values[i]) for i in _without_effect(trace, adjoints)}
            directions = lab.rng.normal(size=(min(_LINES, learned.size), *learned.shape))
            h = _STEP * max(1.0, 0.1 * float(np.abs(inputs[own]).max(initial=0.0)))
            ends = [
                [trace.run([x + t * d if j == own else x for j, x in enumerate(inputs)], held) for t in (h, -h)]
                for d in directions
            ]
        except Exception:  # a step that cannot be run again at another place
            return None
        moves = [_motion(value, ends, i, h) if active[i] else None for i, value in enumerate(values)]
    passed = {edge: back for edge, back in passed.items() if edge.source not in held and edge.step not in held}
    true, measured = adjoints[own], moves[trace.output]
    if true is None or measured is None:
        return None
    lines = len(directions)
    whole, got, slopes = (
        (a * b).reshape(lines, -1).sum(axis=1)
        for a, b in ((directions, true), (directions, learned), (measured, upstream))
    )
    if not np.allclose(whole, slopes, 1e-5, 1e-7):
        return None
    return Sample(
        own, inputs, everything, upstream, learned, values, moves, adjoints, passed, set(held), got - whole, whole
    )


def _motion(value: Any, ends: list[list[list[Any]]], step: int, h: float) -> Array | None:
    """How a step's value moves along each line; None where it is no array of real numbers."""
    if not isinstance(value, np.ndarray | np.generic) or value.dtype.kind != "f":
        return None
    return np.array([np.nan_to_num((up[step] - down[step]) / (2 * h)) for up, down in ends])


def go_back(
    trace: Trace,
    values: list[Any],
    upstream: Array,
    active: list[bool],
    rules: Callable[[Edge, list[Array | None]], Array | None] = _no_rule,
) -> tuple[list[Array | None], dict[Edge, Array]]:
    """The gradient of every active step's value, and what goes back along each edge between two of them.

    rules: (edge, gradients so far) -> what goes back along the edge by another rule; None for the true one
    """
    adjoints: list[Array | None] = [None] * len(values)
    adjoints[trace.output] = upstream
    passed: dict[Edge, Array] = {}
    for i in range(trace.output, -1, -1):
        g, step = adjoints[i], trace.steps[i]
        if g is None:
            continue
        operands = [values[parent] for parent in step.parents]
        for k, parent in enumerate(step.parents):
            value = values[parent]
            if not active[parent] or not isinstance(value, np.ndarray | np.generic) or value.dtype.kind != "f":
                continue
            edge = Edge(i, k, parent)
            other = rules(edge, adjoints)
            back = local_gradient(step, operands, k, g) if other is None else other
            passed[edge] = back
            before = adjoints[parent]
            adjoints[parent] = back if before is None else before + back
    return adjoints, passed


def _without_effect(trace: Trace, adjoints: list[Array | None]) -> list[int]:
    """Steps whose value makes no difference in the end, as the maximum that softmax subtracts; they are held still."""
    sizes = [0.0 if a is None else float(np.abs(a).max(initial=0.0)) for a in adjoints]
    users: dict[int, float] = {}
    for i, step in enumerate(trace.steps):
        for parent in step.parents:
            users[parent] = max(users.get(parent, 0.0), sizes[i])
    return [i for i, size in users.items() if i >= len(trace.places) and size > 0 and sizes[i] <= 1e-8 * size]


def _hold(value: Any, *operands: Any) -> Any:
    """A step that gives what it gave, whatever comes in."""
    return value


def local_gradient(step: Step, operands: list[Any], k: int, g: Array) -> Array:
    """What a step passes back to one operand, given the gradient of its value."""
    if is_elementwise(step):
        return sum_to_shape(np.broadcast_to(g * local_slope(step, operands, k), g.shape), np.shape(operands[k]))
    x = np.asarray(operands[k])
    back = np.zeros(x.shape)
    h = 1.0 if step.name in _LINEAR else _STEP * max(1e-3, float(np.abs(x[np.isfinite(x)]).max(initial=0.0)))
    for entry in range(x.size):
        ends = []
        for t in (h, -h):
            moved = x.copy()
            moved.reshape(-1)[entry] += t
            ends.append(step.run([*operands[:k], moved, *operands[k + 1 :]]))
        back.reshape(-1)[entry] = (g * np.nan_to_num((ends[0] - ends[1]) / (2 * h))).sum()
    return back


def is_elementwise(step: Step) -> bool:
    """Whether each number of the result comes from one number of each operand."""
    function = step.function
    return (isinstance(function, np.ufunc) and function.signature is None) or function in (np.where, np.clip)


def local_slope(step: Step, operands: list[Any], k: int, at: Array | None = None) -> Array:
    """∂result/∂operand of an elementwise step, like the result; `at`: with another value of that operand."""
    x = operands[k] if at is None else at
    h = 1e-4 * np.where(np.isfinite(x) & (x != 0), np.abs(x), 1e-2)
    ends = [step.run([*operands[:k], x + t * h, *operands[k + 1 :]]) for t in (2, 1, -1, -2)]
    return np.nan_to_num((8 * (ends[1] - ends[2]) - (ends[0] - ends[3])) / (12 * h))
