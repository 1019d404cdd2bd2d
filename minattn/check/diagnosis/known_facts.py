"""What can be said of a gradient that looks like no known mistake: which entries are wrong, by which factor, and which
value of backward is the last that is right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...backend import Array
from ...trace import expression_at
from ..referee import TrueGradient
from .both_passes import BothPasses
from .local_jacobians import LocalJacobians
from .values_over_time import mark, site_of


def known_facts(passes: BothPasses, here: LocalJacobians | None, argument: int) -> list[str]:
    """Sentences without a capital and a full stop; none where nothing is known."""
    true, got = passes.true[argument], np.asarray(passes.values[passes.outputs[argument]], float)
    if got.shape != true.value.shape:
        return []
    facts = [fact for fact in (_where(passes, true, got, argument), _ratio(true, got)) if fact]
    if here is not None and (last := _last_right_value(passes, here, argument)):
        facts.append(last)
    return facts


def _where(passes: BothPasses, true: TrueGradient, got: Array, argument: int) -> str | None:
    """Which entries are wrong, where not all are."""
    wrong = true.wrong(got)
    if wrong.all() or not wrong.any():
        return None
    count = f"{int(wrong.sum())} of {wrong.size} entries are wrong"
    for name, condition in _conditions(passes, argument):
        if np.array_equal(condition, wrong):
            return f"{count}: those where {name}"
        if np.array_equal(~condition, wrong):
            return f"{count}: those where not {name}"
    for axis, n in enumerate(wrong.shape):
        others = tuple(a for a in range(wrong.ndim) if a != axis)
        some, every = wrong.any(axis=others), wrong.all(axis=others)
        if n > 1 and np.array_equal(some, every):
            places = ", ".join(map(str, np.flatnonzero(every)))
            return f"{count}: those at {places} along axis {axis}"
    return count


def _conditions(passes: BothPasses, argument: int) -> Iterator[tuple[str, Array]]:
    x = passes.problem.inputs[argument]
    yield f"{passes.problem.names[argument]} is positive", x > 0
    for sequence in passes.different_sequences.values():
        value = np.asarray(passes.values[sequence.steps[0]])
        if len(sequence.steps) == 1 and value.dtype.kind == "b" and value.shape == x.shape:
            yield f"{sequence.name} holds", value


def _ratio(true: TrueGradient, got: Array) -> str | None:
    """The factor by which all wrong entries are wrong."""
    wrong = true.wrong(got) & (np.abs(true.value) > 1e-6 * true.scale)
    if wrong.sum() < 2:
        return None
    ratios = got[wrong] / true.value[wrong]
    c = float(ratios[0])
    if np.abs(ratios - c).max() > 1e-5 * abs(c):
        return None
    return f"there it is {c:.6g} times what is right" if c else "there it is 0"


def _last_right_value(passes: BothPasses, here: LocalJacobians, argument: int) -> str | None:
    """Every value of backward is held against the true gradients of forward's values, and of their parts: the last that
    is one, and leads to the gradient in question."""
    known: dict[object, str] = {}
    for value, name in true_parts(passes, here):
        if np.size(value) > 1 and np.any(value):
            known.setdefault(mark(value), name)
    output = passes.outputs[argument]
    after_upstream, needed = set(passes.downstream([passes.upstream])), {output}
    for i in range(output, passes.first - 1, -1):
        if i not in needed:
            continue
        needed.update(passes.steps[i].parents)
        step = passes.steps[i]
        expression, called = expression_at(step.place), known.get(mark(passes.values[i]))
        times = passes.sites.get(site_of(step), ())
        is_right = called and step.name != "getitem" and all(mark(passes.values[t]) in known for t in times)
        if is_right and expression and i in after_upstream and i != output:
            return f"{expression} is right still, it is {called}; what is made of it afterwards is not"
    return None


def true_parts(passes: BothPasses, here: LocalJacobians) -> Iterator[tuple[Any, str]]:
    """The true gradient of each value of forward, and what goes back along each use, with its name."""
    for step, gradient in here.adjoints().items():
        yield gradient, f"the gradient of {passes.name_of(step)}"
    for edge, part in here.parts():
        yield part, f"what goes back to {passes.name_of(edge.parent)}"
