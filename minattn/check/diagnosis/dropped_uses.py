"""What if one use of a value were not followed back, each time that its instruction runs, in all gradients at once?

The gradients that would then come out follow from forward's steps alone; nothing of backward is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from ...backend import Array
from ...trace import Expression, Step, expression_at
from .both_passes import BothPasses
from .local_jacobians import LocalJacobians, Use
from .step_values import StepEdge
from .values_over_time import Site, operand_words

_MOST_USES_FOR_PAIRS = 40


class Dropped(NamedTuple):
    """A hypothesis about uses of forward: how much of what should go back along their edges does.

    factors: the local Jacobians at a place -> edge -> factor
    """

    kind: str
    sentence: str
    cost: float
    factors: Callable[[LocalJacobians], Mapping[StepEdge, float]]


class Explained(NamedTuple):
    """A hypothesis, the arguments whose gradients are exactly what it says, and what it says the gradients are."""

    hypothesis: Dropped
    explained: frozenset[int]


def explain(
    here: LocalJacobians,
    left: Iterator[Dropped],
    elsewhere: Callable[[], Sequence[LocalJacobians]],
    is_over: Callable[[], bool],
) -> Iterator[Explained]:
    """The hypotheses that say, at all places, what backward gives for wrong arguments, and nothing of right ones, until
    time is over; left: those to ask, which are taken from it."""
    while not is_over() and (hypothesis := next(left, None)) is not None:
        explained = explained_by(here, hypothesis)
        if explained and all(explained_by(place, hypothesis) >= explained for place in elsewhere()):
            yield Explained(hypothesis, explained)


def explained_by(place: LocalJacobians, hypothesis: Dropped) -> frozenset[int]:
    """The wrong arguments whose gradients are those of a hypothesis; none where it speaks against a right one."""
    passes = place.passes
    predicted = place.gradients(hypothesis.factors(place))
    for i, gradient in predicted.items():
        if i not in passes.wrong and not passes.true[i].agrees(gradient):
            return frozenset()
    return frozenset(i for i in passes.wrong if i in predicted and is_what_came(passes, i, predicted[i]))


def is_what_came(passes: BothPasses, argument: int, gradient: Array) -> bool:
    """Whether a gradient is the one that backward gave."""
    got = np.asarray(passes.values[passes.outputs[argument]])
    if got.shape != gradient.shape:
        return False
    true = passes.true[argument]
    return bool((np.abs(got - gradient) <= 1e-6 * true.scale + 10 * true.tolerance).all())


def hypotheses(place: LocalJacobians) -> Iterator[Dropped]:
    """One use left out, with the wrong sign, or only at one time; all uses by one instruction; two uses."""
    named = [(use, expression) for use in place.uses if (expression := _expression(place, use)) is not None]
    for use, expression in named:
        what, kind = _told(place, use, expression)
        each = ", each time" if len(place.uses[use]) > 1 else ""
        yield Dropped(kind, f"what comes out when {what}{each}", 0.7, _all_of([use], 0.0))
        yield Dropped(
            "sign",
            f"what comes out when {_through(place, use, expression)} has the wrong sign{each}",
            0.9,
            _all_of([use], -1.0),
        )
        if each:
            for which, kept in (("last", -1), ("first", 0)):
                sentence = f"what comes out when of {_through(place, use, expression)} the {which} time alone is kept"
                yield Dropped("overwritten_not_accumulated", sentence, 0.8, _one_time(use, kept))
                sentence = f"what comes out when of {_through(place, use, expression)} the {which} time is left out"
                yield Dropped("missing_path", sentence, 0.9, _without_time(use, kept))
    for uses in _gathered(place, named):
        expression = _expression(place, uses[0])
        for which, alone in (("last", -1), ("first", 0)):
            sentence = f"what comes out when the gradient of {expression} goes back to its {which} part alone"
            yield Dropped("missing_path", sentence, 0.8, _part_alone(uses[0].site, alone))
    by_site: dict[object, list[Use]] = {}
    for use, _ in named:
        by_site.setdefault(use.site, []).append(use)
    for uses in by_site.values():
        if len(uses) > 1:
            expression = _expression(place, uses[0])
            yield Dropped(
                "treated_as_constant",
                f"what comes out when {expression} is treated as a constant",
                0.8,
                _all_of(uses, 0.0),
            )
    for (first, e), (second, f) in combinations(named[:_MOST_USES_FOR_PAIRS], 2):
        if first.site != second.site:
            what = f"{_told(place, first, e)[0]} and {_told(place, second, f)[0]}"
            yield Dropped(_told(place, first, e)[1], f"what comes out when {what}", 1.7, _all_of([first, second], 0.0))


def _gathered(place: LocalJacobians, named: Sequence[tuple[Use, Expression]]) -> Iterator[list[Use]]:
    """The uses of steps that gather several values, as np.stack does with the states of all times."""
    by_site: dict[object, list[Use]] = {}
    for use, _ in named:
        if _step(place, use).name in ("stack", "concatenate", "vstack", "hstack"):
            by_site.setdefault(use.site, []).append(use)
    yield from (uses for uses in by_site.values() if len(uses) > 2)


def _expression(place: LocalJacobians, use: Use) -> Expression | None:
    return expression_at(place.passes.steps[place.uses[use][0].step].place)


def _through(place: LocalJacobians, use: Use, expression: Expression) -> str:
    operand = operand_words(_step(place, use), use.operand, expression)
    return (
        f"what goes back through {expression}" if operand is None else f"what goes back to `{operand}` in {expression}"
    )


def _step(place: LocalJacobians, use: Use) -> Step:
    return place.passes.steps[place.uses[use][0].step]


def _told(place: LocalJacobians, use: Use, expression: Expression) -> tuple[str, str]:
    edge, passes = place.uses[use][0], place.passes
    operand = operand_words(_step(place, use), use.operand, expression)
    reduces = np.size(passes.values[edge.step]) < np.size(passes.values[edge.parent])
    if reduces and _step(place, use).name not in ("getitem", "take"):
        return f"{expression} is treated as a constant", "treated_as_constant"
    if operand is None:
        return f"the way back through {expression} is left out", "missing_path"
    if {edge.parent for edge in place.uses[use]} <= set(place.places.values()):
        return f"the use of `{operand}` in {expression} is not followed back", "missing_path"
    return f"`{operand}` in {expression} is treated as a constant", "treated_as_constant"


def _all_of(uses: Sequence[Use], c: float) -> Callable[[LocalJacobians], Mapping[StepEdge, float]]:
    return lambda place: {edge: c for use in uses for edge in place.uses.get(use, ())}


def _part_alone(site: Site, alone: int) -> Callable[[LocalJacobians], Mapping[StepEdge, float]]:
    def factors(place: LocalJacobians) -> Mapping[StepEdge, float]:
        uses = sorted(use for use in place.uses if use.site == site)
        return {edge: 0.0 for use in uses if use != uses[alone] for edge in place.uses[use]}

    return factors


def _one_time(use: Use, kept: int) -> Callable[[LocalJacobians], Mapping[StepEdge, float]]:
    def factors(place: LocalJacobians) -> Mapping[StepEdge, float]:
        edges = place.uses.get(use, [])
        return {edge: 0.0 for edge in edges if edge != edges[kept]}

    return factors


def _without_time(use: Use, left_out: int) -> Callable[[LocalJacobians], Mapping[StepEdge, float]]:
    return lambda place: dict.fromkeys(place.uses.get(use, [])[left_out:][:1], 0.0)
