"""Both passes of a learner, step by step, at one place, so that backward can be run again with a step changed."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ...backend import Array
from ...trace import Expression, Step, Untraceable, expression_at, record_passes
from ..problem import Problem
from ..referee import TrueGradient, measure_gradient
from .measurements import are_equal
from .step_values import is_elementwise, is_real, local_slope
from .values_over_time import (
    ALIGNMENTS,
    LATEST,
    ONCE,
    Alignment,
    Edit,
    NewValue,
    Site,
    ValuesOverTime,
    mark,
    names_in_backward,
    operand_words,
    site_of,
)

_SHAPE_ALONE = ("zeros_like", "ones_like", "empty_like", "full_like")  # what they are of does not matter
_LONGEST = 64  # times that an instruction may have run


class BothPasses:
    """The steps of forward and backward at one place, their values, and what backward should have given.

    steps: first the inputs that are followed, then the upstream, then forward's and backward's
    values: of the steps; behind them other values that a step may be given: masks, ids, slopes of forward's steps
    first, output: the first step of backward, and forward's result, None where forward is not followed
    outputs: argument -> the step that is its gradient; true: argument -> its true gradient; sites: of backward's steps
    """

    def __init__(self, problem: Problem, true: Mapping[int, TrueGradient] | None = None) -> None:
        arguments = problem.arguments
        arrays = [i for i, x in enumerate(problem.inputs) if isinstance(x, np.ndarray)]
        for self.followed in (arrays, arguments):  # masks and ids are followed too, where that is possible
            problem.randomness.rewind()
            forward, backward, dialect = problem.code or (problem.forward, problem.backward, None)
            inputs, upstream = problem.inputs, problem.upstream
            recorded = record_passes(forward, backward, inputs, self.followed, upstream, dialect)
            if recorded is not None:
                break
        if recorded is None:
            raise Untraceable("backward cannot be followed")
        items: list[Any] = recorded.returned
        places = range(len(problem.inputs)) if len(items) == len(problem.inputs) else arguments
        self.problem, self.steps, self.values = problem, recorded.steps, list(recorded.values)
        self.first, self.output = recorded.first_of_backward, recorded.output
        self.outputs = {i: step for i, step in zip(places, items, strict=False) if step is not None and i in arguments}
        self.true = {i: (true or {}).get(i) or measure_gradient(problem, i) for i in self.outputs}
        self.upstream = len(self.followed)
        actual = problem.gradients()
        for i, step in self.outputs.items():
            got = actual[i]
            if got is None or got.shape != np.shape(self.values[step]) or not _same(got, self.values[step]):
                raise Untraceable("the steps do not make up backward")
        self.runs = [_compiled(step) for step in self.steps]
        self.sites: dict[Site, tuple[int, ...]] = {}
        shared = {site_of(step) for step in self.steps[: self.first]}  # code that forward runs too is no mistake
        for i in range(self.first, len(self.steps)):
            if expression_at(self.steps[i].place) is not None and site_of(self.steps[i]) not in shared:
                site = site_of(self.steps[i])
                self.sites[site] = (*self.sites.get(site, ()), i)
        self._downstream: dict[tuple[int, ...], list[int]] = {}
        self._reached: dict[tuple[int, ...], set[int]] = {}

    @cached_property
    def wrong(self) -> list[int]:
        """The arguments whose gradient is wrong."""
        return [i for i in self.outputs if not self.is_right(i, self.values[self.outputs[i]])]

    def edited(self, edit: Edit) -> BothPasses | None:
        """The same passes with a change made; None where they cannot run with it."""
        changes = edit.changes(self)
        if changes is None:
            return None
        other = copy.copy(self)
        other.runs, other.values, other._downstream = list(self.runs), list(self.values), self._downstream
        other.__dict__.pop("wrong", None)
        for i, change in changes.items():
            other.runs[i] = change
        try:
            for i in self.downstream(sorted(changes)):
                other.values[i] = other.runs[i](other.values)
        except Exception:  # shapes that do not go together, an index beside the array
            return None
        other.sites = {site: steps for site, steps in self.sites.items() if site != edit.site}
        return other

    def name_of(self, step: int) -> str:
        """What the value of a step is called, for a sentence."""
        if step < self.upstream:
            return f"`{self.problem.names[self.followed[step]]}`"
        expression = expression_at(self.steps[step].place)
        return f"`{expression.name}`" if expression and expression.name else str(expression or self.steps[step].name)

    def is_right(self, argument: int, gradient: Any) -> bool:
        """Whether this is the argument's true gradient."""
        true = self.true[argument]
        got = np.asarray(gradient)
        return got.dtype.kind == "f" and got.shape == true.value.shape and true.agrees(got)

    def expression(self, site: Site) -> Expression:
        """The words of a site."""
        found = expression_at(self.steps[self.sites[site][0]].place)
        assert found is not None
        return found

    def downstream(self, changed: Sequence[int]) -> list[int]:
        """The steps of backward whose values follow from some steps, those included."""
        key = tuple(changed)
        if key not in self._downstream:
            reached = set(key)
            for i in range(min(key) + 1, len(self.steps)):
                if self.steps[i].name not in _SHAPE_ALONE and not reached.isdisjoint(self.steps[i].parents):
                    reached.add(i)
            self._downstream[key] = sorted(reached)
        return self._downstream[key]

    def replay(self, changes: Mapping[int, NewValue]) -> dict[int, Any] | None:
        """The gradients, by argument, with other values for some steps; None where the steps cannot run with them."""
        values = list(self.values)
        try:
            for i in self.downstream(sorted(changes)):
                values[i] = changes[i](values) if i in changes else self.runs[i](values)
        except Exception:  # shapes that do not go together, an index beside the array
            return None
        return {argument: values[step] for argument, step in self.outputs.items()}

    @cached_property
    def sequences(self) -> dict[object, ValuesOverTime]:
        """Everything that has a value, by a key that is the same at every place: inputs, upstream, steps, operands,
        slopes."""
        found: dict[object, ValuesOverTime] = {}
        for k, i in enumerate(self.followed):
            found["input", i] = ValuesOverTime((k,), self.problem.names[i], True)
        found["upstream"] = ValuesOverTime(
            (self.upstream,), upstream_name((self.problem.code or self.problem).backward), False
        )
        for i, x in enumerate(self.problem.inputs):
            if isinstance(x, np.ndarray) and i not in self.followed:
                found["input", i] = ValuesOverTime((self._keep(x),), self.problem.names[i], True)
        by_site: dict[tuple[bool, Site], list[int]] = {}
        for i in range(self.upstream + 1, len(self.steps)):
            by_site.setdefault((i < self.first, site_of(self.steps[i])), []).append(i)
        slopes: dict[object, ValuesOverTime] = {}
        for which, steps in by_site.items():  # a helper runs in both passes
            expression = expression_at(self.steps[steps[0]].place)
            if expression is None:
                continue
            is_forward = which[0]
            name = expression.name or str(expression)
            found["result", which] = ValuesOverTime(tuple(steps), name, is_forward)
            counts = {len(self.steps[i].parents) for i in steps}
            for k in range(min(counts)) if len(counts) == 1 and len(steps) > 1 else ():
                operand = operand_words(self.steps[steps[0]], k, expression) or f"operand {k + 1}"
                parents = tuple(self.steps[i].parents[k] for i in steps)
                found["operand", which, k] = ValuesOverTime(parents, f"`{operand}` of {expression}", is_forward)
            if is_elementwise(self.steps[steps[0]]) and not self._depends_on_upstream(steps[0]):
                for k, kept in self._slopes(steps):
                    varied = operand_words(self.steps[steps[0]], k, expression)
                    called = f"the slope of {expression}" + (f" by `{varied}`" if varied else "")
                    if varied and len(self.steps[steps[0]].args) == 1:
                        called = f"the slope of {self.steps[steps[0]].name} at `{varied}` (line {expression.line})"
                    slopes["slope", which, k] = ValuesOverTime(kept, called, is_forward)
        return found | slopes

    @cached_property
    def numbers(self) -> dict[str, float]:
        """The numbers that forward computes with, by what they are called there."""
        found: dict[str, float] = {}
        for step in self.steps[self.upstream + 1 : self.first]:
            expression = expression_at(step.place)
            for k, arg in enumerate(step.args):
                if expression is None or not is_elementwise(step):
                    continue
                if type(arg) in (float, np.float64) and arg not in found.values() and k < len(expression.operands):
                    found[f"`{expression.operands[k]}`"] = float(arg)
        return found

    def _slopes(self, steps: Sequence[int]) -> list[tuple[int, tuple[int, ...]]]:
        """The slope of an elementwise step by each operand, each time that it ran."""
        found = []
        for k, parent in enumerate(self.steps[steps[0]].parents):
            if not is_real(self.values[parent]) or not is_real(self.values[steps[0]]):
                continue
            kept: list[int] = []
            for i in steps:
                step = self.steps[i]
                operands = [self.values[p] for p in step.parents]
                with np.errstate(all="ignore"):
                    slope = local_slope(step, operands, k)
                if np.size(slope) < 2 or np.ptp(slope) > 1e-9 * np.abs(slope).max():  # else it is a number
                    kept.append(self._keep(slope))
            if len(kept) == len(steps):
                found.append((k, tuple(kept)))
        return found

    def _depends_on_upstream(self, step: int) -> bool:
        return step >= self.first and step in self._after_upstream

    @cached_property
    def _after_upstream(self) -> set[int]:
        return set(self.downstream([self.upstream]))

    def _keep(self, value: Any) -> int:
        self.values.append(value)
        return len(self.values) - 1

    @cached_property
    def different_sequences(self) -> dict[object, ValuesOverTime]:
        """The sequences, of two that are the same here the first alone."""
        seen: set[object] = set()
        kept, called = {}, names_in_backward(self.steps, self.first, self.values)
        for key, sequence in self.sequences.items():
            if len(sequence.steps) > _LONGEST:
                continue
            marks = tuple(mark(self.values[i]) for i in sequence.steps)
            if marks not in seen:
                name = called.get(marks[0]) if "`" in sequence.name and len(marks) == 1 else None
                kept[key] = sequence._replace(name=f"`{name}`") if name else sequence
                seen.add(marks)
        return kept

    def at_time(self, key: object, alignment: Alignment, site: Site) -> dict[int, int] | None:
        """For each step of a site, where the value of a sequence stands that belongs to it; None where none does."""
        sequence = self.sequences.get(key)
        if sequence is None:
            return None
        mine, others = self.sites[site], sequence.steps
        if alignment == ONCE:
            return self._once(others, mine)
        if alignment == LATEST:
            return self._latest(others, mine)
        if alignment.is_reversed:
            others = others[::-1]
        if len(others) != len(mine):
            return None
        pairs = {}
        for j, here in enumerate(mine):
            if 0 <= j - alignment.later < len(others):
                there = others[j - alignment.later]
                if here < there < len(self.steps) and there in self._downstream_of(mine):
                    return None
                pairs[here] = there
        return pairs or None

    def _downstream_of(self, steps: tuple[int, ...]) -> set[int]:
        return self._reached.get(steps) or self._reached.setdefault(steps, set(self.downstream(steps)))

    def _latest(self, others: tuple[int, ...], mine: tuple[int, ...]) -> dict[int, int] | None:
        before = np.searchsorted(others, mine) - 1
        return None if before.min() < 0 else {here: others[k] for here, k in zip(mine, before, strict=True)}

    def _once(self, others: tuple[int, ...], mine: tuple[int, ...]) -> dict[int, int] | None:
        if len(others) != 1 or not (others[0] < mine[0] or others[0] >= len(self.steps)):
            return None
        return dict.fromkeys(mine, others[0])

    def alignments(self, sequence: ValuesOverTime, site: Site) -> tuple[Alignment, ...]:
        """The ways in which a sequence may belong to the times that a site has run."""
        if len(sequence.steps) == 1:
            return (ONCE,)
        if len(sequence.steps) == len(self.sites[site]):
            return ALIGNMENTS
        return () if sequence.is_forward else (LATEST,)


def upstream_name(backward: Callable[..., Any]) -> str:
    """What backward calls the upstream gradient."""
    try:
        return next(iter(inspect.signature(backward).parameters), "the upstream gradient")
    except (TypeError, ValueError):
        return "the upstream gradient"


def _compiled(step: Step) -> NewValue:
    """The step as a function of all values before it."""
    parents, run = step.parents, step.run
    return lambda values: run([values[p] for p in parents])


def _same(a: Array, b: Any) -> bool:
    return are_equal(a, np.asarray(b)) or not (np.any(a) or np.any(b))
