"""What a learner's code computes, by instruction: its values each time that it ran, and changes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...trace import Expression, Step, StepReference, expression_at

Site = tuple[int, int]
"""An instruction of somebody's code: its code object's id and its number there. In a loop it runs several times."""

NewValue = Callable[[list[Any]], Any]
"""The values of all steps before -> another value for a step."""


class Alignment(NamedTuple):
    """How the times that one instruction ran go with those of another: in the same order or reversed, or some times
    later; where there is none, nothing is changed."""

    is_reversed: bool
    later: int


ONCE = Alignment(False, 99)
LATEST = Alignment(False, 98)
"""The value of the last time before."""
ALIGNMENTS = tuple(Alignment(order, later) for later in (0, 1, -1) for order in (False, True))


class ValuesOverTime(NamedTuple):
    """The values that one thing has had, one for each time that its instruction ran.

    steps: where in the list of values they stand; name: what to call it
    """

    steps: tuple[int, ...]
    name: str
    is_forward: bool


class Edit(NamedTuple):
    """A change at one place of backward.

    kind, sentence: the mistake that it undoes; site: where; changes: passes -> the new value of each step, None where
    the edit means nothing; cost: the less, the likelier a learner has made this slip
    """

    kind: str
    sentence: str
    site: Site
    changes: Callable[[Any], Mapping[int, NewValue] | None]
    cost: float = 1.0


def site_of(step: Step) -> Site:
    """The instruction of a step."""
    return id(step.place.code), step.place.instruction


def operand_words(step: Step, k: int, expression: Expression) -> str | None:
    """What a step's parent number k is called in its expression; None where that cannot be told."""
    places = [place for place, arg in enumerate(step.args) if isinstance(arg, StepReference)]
    if len(places) != len(step.parents) or places[k] >= len(expression.operands):
        return None
    return expression.operands[places[k]]


def names_in_backward(steps: Sequence[Step], first: int, values: Sequence[Any]) -> dict[object, str]:
    """By the mark of a value the one name that backward has for it, even where a helper has computed it."""
    shared = {step.place.code for step in steps[:first]}  # what a helper of both passes calls it says nothing here
    found: dict[str, set[object]] = {}
    for i, step in enumerate(steps[first:], first):
        expression = expression_at(step.place) if step.place.code not in shared else None
        if expression is None:
            continue
        if expression.name is not None:
            found.setdefault(expression.name, set()).add(mark(values[i]))
        for k, parent in enumerate(step.parents):
            words = operand_words(step, k, expression)
            if words is not None and words.isidentifier() and np.size(values[parent]) > 1:
                found.setdefault(words, set()).add(mark(values[parent]))
    return {next(iter(marks)): name for name, marks in found.items() if len(marks) == 1}


def mark(value: Any) -> object:
    """A mark that is equal for values that are the same up to rounding."""
    x = np.asarray(value)
    if x.dtype.kind == "f":
        return x.shape, (np.round(x, 9) + 0.0).tobytes()
    return x.shape, x.dtype.kind, x.tobytes()
