"""Slips that stand at several expressions of backward at once: a variable that is wrong wherever it is used, or a loop
that runs the wrong way."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ...trace import Step, StepReference
from .both_passes import BothPasses
from .measured_edits import Measured
from .step_changes import everywhere, then
from .value_edits import cost_of_value, in_backticks, other_forms
from .values_over_time import Edit, NewValue, Site, operand_words

_MOST_VARIABLES = 12


def joint_edits(passes: BothPasses) -> Iterator[Edit]:
    """Loops the other way round; for a variable another value, or itself in another form, wherever it is used."""
    yield from _loops(passes)
    for key, name, uses in list(_variables(passes))[:_MOST_VARIABLES]:
        first, old = uses[0], passes.values[passes.different_sequences[key].steps[0]]
        lines = sorted({passes.expression(site).line for site in uses})
        where = f"`{name}` (line{'s' * (len(lines) > 1)} {' and '.join(map(str, lines))})"
        for kind, told, form in other_forms(old):
            words = f"wherever {where} is used, {told.format(f'`{name}`')} belongs"
            yield Edit(kind, words, first, partial(_substituted, key, None, form), 1.4)
        for other, sequence in passes.different_sequences.items():
            if other == key or len(sequence.steps) != 1:
                continue
            w = passes.values[sequence.steps[0]]
            if np.shape(w) == np.shape(old) and np.asarray(w).dtype.kind == "f":
                words = f"wherever {where} is used, {in_backticks(sequence.name)} belongs"
                cost = cost_of_value(other, sequence.name) + 0.5
                yield Edit("wrong_variable", words, first, partial(_substituted, key, other, None), cost)


def joint_numbers(passes: BothPasses) -> Iterator[tuple[Site, Measured]]:
    """For a number that several expressions multiply or divide by another one, with an expression where it stands."""
    found: dict[tuple[str, bool], list[Site]] = {}
    for site, (i, *_) in passes.sites.items():
        step = passes.steps[i]
        operands = passes.expression(site).operands
        for k, arg in enumerate(step.args) if step.name in ("multiply", "divide") else ():
            is_number = type(arg) in (int, float, np.float64) and k < len(operands) and operands[k].isidentifier()
            if is_number and (step.name == "multiply" or k == 1):
                found.setdefault((operands[k], step.name == "divide"), []).append(site)
    for (name, divides), sites in found.items():
        if len(sites) > 1:
            line = min(passes.expression(site).line for site in sites)
            yield sites[-1], Measured(None, partial(_number_scaled, name, divides, sites, line))


def _number_scaled(name: str, divides: bool, sites: list[Site], line: int, c: float, told: str) -> Edit:
    words = f"`{name}` is another number wherever it is used (first in line {line})"
    words += f": what is {'divided' if divides else 'multiplied'} by it is to be multiplied by {told}"

    def changes(passes: BothPasses) -> Mapping[int, NewValue] | None:
        each = [everywhere(site, partial(then, partial(operator.mul, c)))(passes) or {} for site in sites]
        return {i: new for found in each for i, new in found.items()} or None

    return Edit("constant_factor", words, sites[0], changes, 1.2)


def _variables(passes: BothPasses) -> Iterator[tuple[object, str, list[Site]]]:
    """The values that backward uses at several expressions by one name: key, name, expressions."""
    sequences = passes.different_sequences.items()
    by_step = {sequence.steps[0]: key for key, sequence in sequences if len(sequence.steps) == 1}
    uses: dict[int, list[Site]] = {}
    names: dict[int, str] = {}
    for site, steps in passes.sites.items():
        for k, parent in enumerate(passes.steps[steps[0]].parents):
            words = operand_words(passes.steps[steps[0]], k, passes.expression(site))
            if words is not None and words.isidentifier():
                names[parent] = words
                uses.setdefault(parent, []).append(site)
    for parent, sites in uses.items():
        value = passes.values[parent]
        if len(set(sites)) > 1 and parent in by_step and np.asarray(value).dtype.kind == "f" and np.size(value) > 1:
            yield by_step[parent], names[parent], sites


def _substituted(
    key: object, other: object, form: Callable[[Any], Any] | None, passes: BothPasses
) -> Mapping[int, NewValue] | None:
    """Another value for one, or a form of it, in each step of backward that uses it."""
    old = passes.sequences.get(key)
    new = passes.sequences.get(other) if form is None else old
    if old is None or new is None or len(old.steps) != 1 or len(new.steps) != 1:
        return None
    v, w = old.steps[0], new.steps[0]
    users = [i for steps in passes.sites.values() for i in steps if v in passes.steps[i].parents]
    if not users or min(users) <= w < len(passes.steps):
        return None

    def changed(i: int, values: list[Any]) -> Any:
        x = values[w] if form is None else form(values[w])
        return passes.steps[i].run([x if p == v else values[p] for p in passes.steps[i].parents])

    return {i: partial(changed, i) for i in users}


def _loops(passes: BothPasses) -> Iterator[Edit]:
    """Each loop of backward the other way round."""
    for sites in _bodies(passes):
        line = min(passes.expression(site).line for site in sites)
        words = f"the loop around line {line} runs the wrong way: what it does first is to be done last"
        yield Edit("wrong_index", words, sites[0], partial(_reversed, sites), 1.0)


def _bodies(passes: BothPasses) -> list[list[Site]]:
    """The expressions that run equally often, and not one after the other."""
    bodies: list[list[Site]] = []
    ends: list[tuple[int, int]] = []
    for site, steps in sorted(passes.sites.items(), key=lambda item: item[1][0]):
        for k, (n, last) in enumerate(ends):
            if n == len(steps) and steps[0] < last:
                bodies[k].append(site)
                ends[k] = (n, max(last, steps[-1]))
                break
        else:
            if len(steps) > 1:
                bodies.append([site])
                ends.append((len(steps), steps[-1]))
    return bodies


def _reversed(sites: list[Site], passes: BothPasses) -> Mapping[int, NewValue] | None:
    """Each time what the loop takes from outside at the opposite time; what it carries along stays as it is."""
    groups = [passes.sites.get(site, ()) for site in sites]
    if len({len(steps) for steps in groups}) != 1:
        return None
    inside = {i for steps in groups for i in steps}
    inside |= {i for i in range(min(inside), max(inside) + 1) if not inside.isdisjoint(passes.steps[i].parents)}
    changes: dict[int, NewValue] = {}
    for steps in groups:
        for i, opposite in zip(steps, reversed(steps), strict=True):
            step = passes.steps[opposite]
            args = _merged(passes.steps[i].args, step.args, inside)
            changes[i] = partial(_run, replace(step, args=args))
    return changes


def _merged(own: Any, opposite: Any, inside: set[int]) -> Any:
    if type(own) is not type(opposite):
        leaf = own if isinstance(own, StepReference) and own.step in inside else opposite
        return own if isinstance(opposite, StepReference) and opposite.step in inside else leaf
    if type(own) in (tuple, list) and len(own) == len(opposite):
        return type(own)(_merged(a, b, inside) for a, b in zip(own, opposite, strict=True))
    if isinstance(own, StepReference) and (own.step in inside or opposite.step in inside):
        return own
    return opposite


def _run(step: Step, values: list[Any]) -> Any:
    def read(item: Any) -> Any:
        if isinstance(item, StepReference):
            return values[item.step]
        return type(item)(map(read, item)) if type(item) in (tuple, list) else item

    return step.function(*map(read, step.args), **step.kwargs)
