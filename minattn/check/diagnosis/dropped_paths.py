"""Probes on the steps of the forward pass: what if one step had passed back nothing, or a multiple of what it should?

The gradient is linear in what goes back along one edge of the graph of steps: gradient = rest + c · part, with c = 1
where it is right. c = 0 is a path that was not followed, or a value that was treated as a constant; c = -1 a sign;
anything else a factor. c is found by least squares and must fit along every line at every place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ...backend import Array
from .factors import describe_factor
from .measurements import Guess, Lab
from .replay import MOVES, Edge, Replay, is_elementwise

_REDUCTIONS = {
    **{"sum": "sum", "add.reduce": "sum", "mean": "mean", "max": "maximum", "amax": "maximum", "min": "minimum"},
    **{"maximum.reduce": "maximum", "var": "variance", "std": "standard deviation", "norm": "norm"},
    **{"average": "mean", "prod": "product", "logaddexp.reduce": "logarithm of the sum of exponentials"},
}
_JOINS = {"add", "subtract", "concatenate", "stack", "setitem", "at"}


class Part(NamedTuple):
    """What goes from one step's value into another step, and how the gradient depends on it, along every line."""

    step: int
    source: int
    effect: Array


def one_path(lab: Lab, replay: Replay) -> Iterator[Guess]:
    """One part with a factor c ≠ 1; of several that would do, the one nearest to the output."""
    for part in reversed(_parts(replay)):
        change = _fit([part.effect], replay.off)
        if change is not None and replay.explains(change[0] * part.effect):
            c = float(change[0]) + 1
            if c > -1e-6 or abs(c + 1) < 1e-6:
                yield from _say(lab, replay, [part], c)
                return


def two_paths(lab: Lab, replay: Replay) -> Iterator[Guess]:
    """Two parts with the same factor, as where two statistics are held fixed; else one left out, one with a factor."""
    parts = _parts(replay)
    left_out = None
    for i, first in enumerate(reversed(parts)):
        for second in parts[: len(parts) - 1 - i]:
            change = _fit([first.effect, second.effect], replay.off)
            if change is None or not replay.explains(change[0] * first.effect + change[1] * second.effect):
                continue
            c, d = (float(value) + 1 for value in change)
            if abs(c - d) < 1e-6:
                yield from _say(lab, replay, [first, second], c)
                return
            if min(abs(c), abs(d)) < 1e-6 and min(c, d) > -1e-6:
                left_out = left_out or (first if abs(c) < 1e-6 else second)
    if left_out is not None:
        yield from _say(lab, replay, [left_out], 0.0)


def one_use(lab: Lab, replay: Replay) -> Iterator[Guess]:
    """The argument is used several times by one instruction, as in a loop, and only one of the uses is left."""
    uses = _uses(replay)
    if len(uses) < 2 or len({replay.steps[part.step].place for part in uses}) > 1:
        return
    for kept in uses:
        if replay.explains(-np.sum([part.effect for part in uses if part is not kept], axis=0)):
            which = "last" if kept is uses[-1] else "first" if kept is uses[0] else "one in the middle"
            if kept is uses[-1] and replay.leads(uses[0].step, uses[-1].step):
                sentence = (
                    f"of the {len(uses)} uses of {lab.name} the last alone is there: the earlier ones act through"
                )
                yield Guess("treated_as_constant", f"{sentence} a state that is treated as a constant")
                return
            yield Guess(
                "overwritten_not_accumulated",
                f"{lab.name} is used {len(uses)} times, and one contribution alone is left, that of the {which} use in "
                "the forward pass: each has overwritten the one before it",
            )
            return


def _parts(replay: Replay) -> list[Part]:
    """The parts that have an effect; of those with the same effect, as in a chain of steps, the last."""
    parts: list[Part] = []
    size = np.abs(replay.whole).max()
    for part in _every_part(replay):
        if np.abs(part.effect).max() > 1e-7 * size:
            same = 1e-6 * np.abs(part.effect).max()
            parts = [*(other for other in parts if np.abs(part.effect - other.effect).max() > same), part]
    return parts


def _uses(replay: Replay) -> list[Part]:
    """The parts that start from the argument itself."""
    return [part for part in _every_part(replay) if part.source == replay.argument]


def _every_part(replay: Replay) -> Iterator[Part]:
    """The edges, those between the same two steps as one: x goes into x * x twice."""
    between: dict[tuple[int, int], list[Edge]] = {}
    for edge in sorted(replay.edges):
        between.setdefault((edge.step, edge.source), []).append(edge)
    for (step, source), edges in between.items():
        changes = [np.sum([sample.passed[edge] for edge in edges], axis=0) for sample in replay.samples]
        yield Part(step, source, replay.effect(edges[0], changes))


def _fit(parts: Sequence[Array], off: Array) -> Array | None:
    """The coefficients with which the parts make up `off` best; None where the parts say the same."""
    matrix = np.array(parts)
    gram = matrix @ matrix.T
    if len(parts) == 2 and np.linalg.det(gram) <= 1e-8 * gram[0, 0] * gram[1, 1]:
        return None
    solution: Array = np.linalg.solve(gram, matrix @ off)
    return solution


def _say(lab: Lab, replay: Replay, parts: Sequence[Part], c: float) -> Iterator[Guess]:
    """The guess for parts with the factor c."""
    through = " and ".join(dict.fromkeys(replay.place(part.step) for part in parts))
    if abs(c + 1) < 1e-6:
        yield Guess("sign", f"what comes out when the part that goes through {through} has the wrong sign")
        return
    if abs(c) > 1e-6:
        factor = describe_factor(lab, c)
        yield Guess(
            "constant_factor", f"what comes out when the part that goes through {through} is multiplied by {factor}"
        )
        return
    kinds, names = zip(*(_cut(lab, replay, part) for part in parts), strict=True)
    what = " and ".join(dict.fromkeys(names))
    if "treated_as_constant" in kinds:
        ending = "are treated as constants" if len(set(names)) > 1 else "is treated as a constant"
        yield Guess("treated_as_constant", f"what comes out when {what} {ending}")
        if what.startswith("one factor"):
            yield Guess("missing_path", f"{lab.name} acts through both factors: one path is not followed back", False)
    else:
        yield Guess("missing_path", f"what comes out when {what} is not followed back")


def _cut(lab: Lab, replay: Replay, part: Part) -> tuple[str, str]:
    """The kind of mistake if a part is left out, and a name for what is left out."""
    values, step = replay.samples[0].values, replay.steps[part.step]
    reduction, size = statistic(replay, part.source), np.size(values[part.source])
    if reduction is not None and (
        size < np.size(values[part.step]) or (size < lab.x.size and reduction != part.source)
    ):
        name = _REDUCTIONS[replay.steps[reduction].name]
        return "treated_as_constant", f"the {name} in {replay.place(reduction)}"
    use = next((use for use in _uses(replay) if np.allclose(use.effect, part.effect, 1e-6, 1e-12)), None)
    if use is not None and not is_elementwise(replay.steps[use.step]):
        return "missing_path", f"the use of {lab.name} in {replay.place(use.step)}"
    if _is_distribution(values[part.source]):
        return "treated_as_constant", f"the softmax in {replay.place(part.source)}"
    if replay.origin(part.source) < len(replay.names) or step.name in _JOINS:
        return "missing_path", f"the path of {lab.name} through {replay.place(part.step)}"
    return "treated_as_constant", f"one factor of the product in {replay.place(part.step)}"


def statistic(replay: Replay, step: int) -> int | None:
    """The sum, mean, variance … that a step's value is, or is made of element by element; None if it is none."""
    name = replay.steps[step].name
    if name in _REDUCTIONS:
        return step
    parents = [p for p in replay.steps[step].parents if replay.active[p]]
    if not parents or not (is_elementwise(replay.steps[step]) or name in MOVES):
        return None
    found = [statistic(replay, parent) for parent in parents]
    return found[0] if None not in found else None


def _is_distribution(value: Array) -> bool:
    return bool((value >= 0).all()) and any(
        n > 1 and np.allclose(value.sum(axis=axis), 1) for axis, n in enumerate(value.shape)
    )
