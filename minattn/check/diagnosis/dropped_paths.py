"""Probes on the steps of the forward pass: what if one step had passed back nothing, or a multiple of what it should?

The gradient is linear in what goes back along one edge of the graph of steps: gradient = rest + c · part, with c = 1
where it is right. c = 0 is a path that was not followed, or a value that was treated as a constant; c = -1 a sign;
anything else a factor. c is found by least squares and must fit along every line at every place.

The same for a stretch of steps with a Jacobian of its own, of which only the diagonal was used.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from ...backend import Array
from ..problem import Problem
from .factors import describe_factor
from .forward_steps import REARRANGEMENTS, ForwardSteps, follow_forward
from .measurements import Diagnosis, Measurements
from .step_values import DIFFERENCE_STEP, StepEdge, StepValues, is_elementwise

_REDUCTIONS = {
    **{"sum": "sum", "add.reduce": "sum", "mean": "mean", "max": "maximum", "amax": "maximum", "min": "minimum"},
    **{"maximum.reduce": "maximum", "var": "variance", "std": "standard deviation", "norm": "norm"},
    **{"average": "mean", "prod": "product", "logaddexp.reduce": "logarithm of the sum of exponentials"},
}
_JOINS = {"add", "subtract", "concatenate", "stack", "setitem", "at"}
_LARGEST_BLOCK = 300


class PathEffect(NamedTuple):
    """What goes from one step's value into another step, and how the gradient depends on it, along every line."""

    step: int
    parent: int
    effect: Array


def one_path(measured: Measurements, forward: ForwardSteps) -> Iterator[Diagnosis]:
    """One part with a factor c ≠ 1; of several that would do, the one nearest to the output."""
    for part in reversed(_parts(forward)):
        change = _fit([part.effect], forward.errors)
        if change is not None and forward.accounts_for(change[0] * part.effect):
            c = float(change[0]) + 1
            if c > -1e-6 or abs(c + 1) < 1e-6:
                yield from _say(measured, forward, [part], c)
                return


def two_paths(measured: Measurements, forward: ForwardSteps) -> Iterator[Diagnosis]:
    """Two parts with the same factor, as where two statistics are held fixed; else one left out, one with a factor."""
    parts = _parts(forward)
    left_out = None
    for i, first in enumerate(reversed(parts)):
        if measured.is_late:
            return
        for second in parts[: len(parts) - 1 - i]:
            change = _fit([first.effect, second.effect], forward.errors)
            if change is None or not forward.accounts_for(change[0] * first.effect + change[1] * second.effect):
                continue
            c, d = (float(value) + 1 for value in change)
            if abs(c - d) < 1e-6:
                yield from _say(measured, forward, [first, second], c)
                return
            if left_out is None and min(abs(c), abs(d)) < 1e-6 and min(c, d) > -1e-6:
                left_out = (first, second, d) if abs(c) < 1e-6 else (second, first, c)
    if left_out is not None:
        cut = next(_say(measured, forward, [left_out[0]], 0.0))
        scaled = next(_say(measured, forward, [left_out[1]], left_out[2]))
        both = f"{cut.sentence}, and at once {scaled.sentence.removeprefix('what comes out when ')}"
        yield Diagnosis(cut.kind, both, False)  # they hold together alone


def single_use_kept(measured: Measurements, forward: ForwardSteps) -> Iterator[Diagnosis]:
    """The argument is used several times by one instruction, as in a loop, and only one of the uses is left."""
    uses = _uses(forward)
    if len(uses) < 2 or len({forward.steps[part.step].place for part in uses}) > 1:
        return
    for kept in uses:
        if forward.accounts_for(-np.sum([part.effect for part in uses if part is not kept], axis=0)):
            which = "last" if kept is uses[-1] else "first" if kept is uses[0] else "one in the middle"
            if kept is uses[-1] and forward.leads_to(uses[0].step, uses[-1].step):
                alone = f"of the {len(uses)} uses of {measured.name} the last alone is there"
                sentence = f"{alone}: the earlier ones act through a state that is treated as a constant"
                yield Diagnosis("treated_as_constant", sentence)
                return
            alone = f"{measured.name} is used {len(uses)} times, and one contribution alone is left"
            sentence = f"{alone}, that of the {which} use in the forward pass: each has overwritten the one before it"
            yield Diagnosis("overwritten_not_accumulated", sentence)
            return


def _parts(forward: ForwardSteps) -> list[PathEffect]:
    """The parts that have an effect; of those with the same effect, as in a chain of steps, the last."""
    parts: list[PathEffect] = []
    size = np.abs(forward.true_slopes).max()
    for part in _every_part(forward):
        if np.abs(part.effect).max() > 1e-7 * size:
            same = 1e-6 * np.abs(part.effect).max()
            parts = [*(other for other in parts if np.abs(part.effect - other.effect).max() > same), part]
    return parts


def _uses(forward: ForwardSteps) -> list[PathEffect]:
    """The parts that start from the argument itself."""
    return [part for part in _every_part(forward) if part.parent == forward.argument]


def _every_part(forward: ForwardSteps) -> Iterator[PathEffect]:
    """The edges, those between the same two steps as one: x goes into x * x twice."""
    between: dict[tuple[int, int], list[StepEdge]] = {}
    for edge in sorted(forward.edges):
        between.setdefault((edge.step, edge.parent), []).append(edge)
    for (step, parent), edges in between.items():
        changes = [np.sum([sample.contributions[edge] for edge in edges], axis=0) for sample in forward.samples]
        yield PathEffect(step, parent, forward.effect(edges[0], changes))


def _fit(parts: Sequence[Array], off: Array) -> Array | None:
    """The coefficients with which the parts make up `off` best; None where the parts say the same."""
    matrix = np.array(parts)
    gram = matrix @ matrix.T
    if len(parts) == 2 and np.linalg.det(gram) <= 1e-8 * gram[0, 0] * gram[1, 1]:
        return None
    solution: Array = np.linalg.solve(gram, matrix @ off)
    return solution


def _say(measured: Measurements, forward: ForwardSteps, parts: Sequence[PathEffect], c: float) -> Iterator[Diagnosis]:
    """The guess for parts with the factor c."""
    through = " and ".join(dict.fromkeys(forward.line_of(part.step) for part in parts))
    if abs(c + 1) < 1e-6:
        yield Diagnosis("sign", f"what comes out when the part that goes through {through} has the wrong sign")
        return
    if abs(c) > 1e-6:
        times = f"is multiplied by {describe_factor(c, measured.problem, partial(_factor_again, measured, parts))}"
        yield Diagnosis("constant_factor", f"what comes out when the part that goes through {through} {times}")
        return
    kinds, names = zip(*(_cut(measured, forward, part) for part in parts), strict=True)
    what = " and ".join(dict.fromkeys(names))
    if "treated_as_constant" in kinds:
        ending = "are treated as constants" if len(set(names)) > 1 else "is treated as a constant"
        yield Diagnosis("treated_as_constant", f"what comes out when {what} {ending}")
        if what.startswith("one factor"):
            sentence = f"{measured.name} acts through both factors: one path is not followed back"
            yield Diagnosis("missing_path", sentence, False)
    else:
        yield Diagnosis("missing_path", f"what comes out when {what} is not followed back")


def _factor_again(measured: Measurements, parts: Sequence[PathEffect], problem: Problem) -> float | None:
    """The factor of the same parts in another problem."""
    there = measured.again(problem)
    forward = None if there is None else follow_forward(there)
    if forward is None:
        return None
    wanted = {(part.step, part.parent) for part in parts}
    effects = [part.effect for part in _every_part(forward) if (part.step, part.parent) in wanted]
    if len(effects) < len(wanted):
        return None
    change = _fit([np.sum(effects, axis=0)], forward.errors)
    return (
        None
        if change is None or not forward.accounts_for(change[0] * np.sum(effects, axis=0))
        else float(change[0]) + 1
    )


def _cut(measured: Measurements, forward: ForwardSteps, part: PathEffect) -> tuple[str, str]:
    """The kind of mistake if a part is left out, and a name for what is left out."""
    values, step = forward.samples[0].values, forward.steps[part.step]
    reduction, size = statistic(forward, part.parent), np.size(values[part.parent])
    if reduction is not None and (
        size < np.size(values[part.step]) or (size < measured.x.size and reduction != part.parent)
    ):
        name = _REDUCTIONS[forward.steps[reduction].name]
        return "treated_as_constant", f"the {name} in {forward.line_of(reduction)}"
    use = next((use for use in _uses(forward) if np.allclose(use.effect, part.effect, 1e-6, 1e-12)), None)
    if use is not None and not is_elementwise(forward.steps[use.step]):
        return "missing_path", f"the use of {measured.name} in {forward.line_of(use.step)}"
    if _is_distribution(values[part.parent]):
        return "treated_as_constant", f"the softmax in {forward.line_of(part.parent)}"
    if forward.origin(part.parent) < len(forward.names) or step.name in _JOINS:
        return "missing_path", f"the path of {measured.name} through {forward.line_of(part.step)}"
    return "treated_as_constant", f"one factor of the product in {forward.line_of(part.step)}"


def statistic(forward: ForwardSteps, step: int) -> int | None:
    """The sum, mean, variance … that a step's value is, or is made of element by element; None if it is none."""
    name = forward.steps[step].name
    if name in _REDUCTIONS:
        return step
    parents = [p for p in forward.steps[step].parents if forward.active[p]]
    if not parents or not (is_elementwise(forward.steps[step]) or name in REARRANGEMENTS):
        return None
    found = [statistic(forward, parent) for parent in parents]
    return found[0] if None not in found else None


def _is_distribution(value: Array) -> bool:
    return bool((value >= 0).all()) and any(
        n > 1 and np.allclose(value.sum(axis=axis), 1) for axis, n in enumerate(value.shape)
    )


def diagonal_of_a_block(measured: Measurements, forward: ForwardSteps) -> Iterator[Diagnosis]:
    """A stretch from u to v of the same shape, as softmax inside attention, of which only the diagonal is used."""
    for v, step in enumerate(forward.steps):
        if measured.is_late:
            return
        if not forward.active[v] or all(statistic(forward, parent) is None for parent in step.parents):
            continue
        shape = np.shape(forward.samples[0].values[v])
        for u in range(v):
            value = forward.samples[0].values[u]
            is_block = np.shape(value) == shape and 1 < np.size(value) <= _LARGEST_BLOCK
            if forward.active[u] and is_block and _fits(forward, u, v):
                diagonal = f"only the diagonal of the Jacobian of {forward.line_of(v)} is used"
                sentence = f"what comes out when {diagonal}: each element also changes the others along the axis"
                yield Diagnosis("cross_terms_missing", sentence)
                return


def _fits(forward: ForwardSteps, u: int, v: int) -> bool:
    changes = []
    for sample in forward.samples:
        g = sample.adjoints[v]
        if g is None or sample.slopes[u] is None:
            return False
        jacobian = _jacobian(forward, sample, u, v)
        changes.append((np.diag(jacobian) * g.ravel() - g.ravel() @ jacobian).reshape(g.shape))
    return forward.accounts_for(forward.effect(StepEdge(v, 0, u), changes))


def _jacobian(forward: ForwardSteps, sample: StepValues, u: int, v: int) -> Array:
    """∂v/∂u, (size, size)."""
    columns = []
    for entry in range(sample.values[u].size):
        ends = []
        for t in (DIFFERENCE_STEP, -DIFFERENCE_STEP):
            moved = sample.values[u].copy()
            moved.reshape(-1)[entry] += t
            values: list[Array] = [*sample.values[:u], moved]
            for i in range(u + 1, v + 1):
                step, old = forward.steps[i], sample.values[i]
                changes = i not in forward.held and any(values[p] is not sample.values[p] for p in step.parents)
                values.append(step.run([values[p] for p in step.parents]) if changes else old)
            ends.append(values[v])
        columns.append(np.nan_to_num((ends[0] - ends[1]) / (2 * DIFFERENCE_STEP)).ravel())
    return np.array(columns).T
