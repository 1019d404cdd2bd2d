"""Probes on the steps of the forward pass: what if the rule of one step were another one?

Each step passes back g · slope, or a product of matrices, or g moved to other places. The usual slips in such a rule
are tried at each step; what backward's gradient would then be follows without running anything again.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from ...backend import Array
from ...ops.base import sum_to_shape
from .forward_steps import ForwardSteps
from .measurements import Diagnosis, Measurements, are_equal
from .movement_rules import GradientRule, move_rules
from .step_values import StepEdge, StepValues, go_back, is_elementwise, local_gradient, local_slope

AxisExchange = Callable[[Array], Array]


class Rule(NamedTuple):
    """A wrong rule for one edge: what goes back along it at a place; None, or a ValueError, where it cannot."""

    kind: str
    sentence: str
    back: GradientRule


def wrong_rule(measured: Measurements, forward: ForwardSteps) -> Iterator[Diagnosis]:
    """The first wrong rule at one step that makes backward's gradient."""
    for edge in sorted(forward.edges, reverse=True):
        if measured.is_late:
            return
        for kind, sentence, back in _rules(forward, edge):
            if _fits(forward, edge, back):
                yield Diagnosis(kind, f"what comes out when {sentence} in {forward.line_of(edge.step)}")
                return


def wrong_rule_in_loop(measured: Measurements, forward: ForwardSteps) -> Iterator[Diagnosis]:
    """A wrong rule at an instruction that runs several times, as in a loop: then it is wrong each time."""
    runs: dict[tuple[object, int], list[StepEdge]] = {}
    for edge in forward.edges:
        runs.setdefault((forward.steps[edge.step].place, edge.operand), []).append(edge)
    for edges in runs.values():
        if measured.is_late:
            return
        if len(edges) < 2 or not 0 < edges[0].step < len(forward.steps):
            continue
        for together in zip(*(_rules(forward, edge) for edge in edges), strict=False):
            kind, sentence, _ = together[0]
            if kind != "wrong_variable" or "slope" in sentence:
                backs = {edge: rule[2] for edge, rule in zip(edges, together, strict=True)}
                if all(_fits_each_time(forward, sample, backs) for sample in forward.samples):
                    line = forward.line_of(edges[0].step)
                    yield Diagnosis(kind, f"what comes out when {sentence} in {line}, each time")
                    return


def _fits_each_time(forward: ForwardSteps, sample: StepValues, backs: dict[StepEdge, GradientRule]) -> bool:
    def rules(edge: StepEdge, adjoints: list[Array | None]) -> Array | None:
        return backs[edge](replace(sample, adjoints=adjoints)) if edge in backs else None

    try:
        adjoints, _ = go_back(forward.trace, sample.values, sample.upstream, forward.active, rules)
    except ValueError:  # the shapes do not go together
        return False
    return are_equal(adjoints[sample.argument], sample.got)


def _fits(forward: ForwardSteps, edge: StepEdge, back: GradientRule) -> bool:
    for sample in forward.samples:
        right, slopes = sample.contributions[edge], sample.slopes[edge.parent]
        try:
            with np.errstate(all="ignore"):
                other = back(sample)
        except ValueError:  # the shapes do not go together
            return False
        if other is None or slopes is None or other.shape != right.shape or not np.isfinite(other).all():
            return False
        effect = (slopes * (other - right)).reshape(len(slopes), -1).sum(axis=1)
        if np.abs(effect - sample.errors).max() > 1e-6 * np.abs(sample.errors).max():
            return False
    return True


def _rules(forward: ForwardSteps, edge: StepEdge) -> Iterator[tuple[str, str, GradientRule]]:
    step = forward.steps[edge.step]
    if step.name in ("matmul", "dot") and len(step.parents) == 2:
        yield from _products(forward, edge)
    if step.name == "einsum" and len(step.parents) == 2:
        yield from _bilinear(forward, edge)
    if is_elementwise(step):
        yield from _slopes(forward, edge)
    yield from move_rules(forward, edge)


def _products(forward: ForwardSteps, edge: StepEdge) -> Iterator[Rule]:
    """g bᵀ and aᵀ g, with a transpose too many or too few, with another matrix, or element by element."""
    own, other = edge.parent, forward.steps[edge.step].parents[1 - edge.operand]
    values = forward.samples[0].values
    if values[own].ndim < 2 or values[other].ndim < 2:
        return

    def product(index: int, turns: tuple[int, ...], sample: StepValues) -> Array:
        pair = sample.gradient(edge.step), sample.values[index]
        g, b = (x.swapaxes(-1, -2) if turn else x for x, turn in zip(pair, turns, strict=False))
        return sum_to_shape(g @ b if turns[2] else b @ g, sample.values[own].shape)

    def reshaped(sample: StepValues) -> Array:
        g, b = sample.gradient(edge.step), sample.values[other]
        b = b.reshape(*b.shape[:-2], b.shape[-1], b.shape[-2])
        return sum_to_shape(b @ g if edge.operand else g @ b, sample.values[own].shape)

    ways = sorted(np.ndindex(2, 2, 2), key=sum)
    for turns in ways:
        sentence = "a matrix is not transposed, or one is that should not be,"
        yield Rule("missing_transpose", sentence, partial(product, other, turns))
    yield Rule("missing_transpose", "a matrix is reshaped where it is to be transposed", reshaped)
    sentence = "the gradient is multiplied element by element, not as a matrix,"
    yield Rule("elementwise_for_matmul", sentence, lambda sample: sample.gradient(edge.step) * sample.values[other])
    for index, value in enumerate(values):
        if index != other and np.ndim(value) > 1:
            sentence = f"{forward.name_of(index)} stands in place of {forward.name_of(other)}"
            kind = "swapped_arguments" if index == own and not forward.others_are_right else "wrong_variable"
            for turns in ways:
                yield Rule(kind, sentence, partial(product, index, turns))


def _bilinear(forward: ForwardSteps, edge: StepEdge) -> Iterator[Rule]:
    """The true rule, fed with two axes of the gradient or of the other factor exchanged, or with another factor."""
    step, values = forward.steps[edge.step], forward.samples[0].values
    place = 1 - edge.operand
    other = step.parents[place]

    def fed(index: int, change_g: AxisExchange, change_b: AxisExchange, sample: StepValues) -> Array:
        operands = sample.operands(step)
        operands[place] = change_b(sample.values[index])
        return local_gradient(step, operands, edge.operand, change_g(sample.gradient(edge.step)))

    for exchange in _exchanges(np.shape(values[edge.step])):
        sentence = "two axes of the gradient are mixed up"
        yield Rule("missing_transpose", sentence, partial(fed, other, exchange, np.asarray))
    for exchange in _exchanges(np.shape(values[other])):
        sentence = f"two axes of {forward.name_of(other)} are mixed up"
        yield Rule("missing_transpose", sentence, partial(fed, other, np.asarray, exchange))
    for index in forward.real_steps():
        if index != other and np.shape(values[index]) == np.shape(values[other]):
            kind = "swapped_arguments" if index == edge.parent and not forward.others_are_right else "wrong_variable"
            sentence = f"{forward.name_of(index)} stands in place of {forward.name_of(other)}"
            yield Rule(kind, sentence, partial(fed, index, np.asarray, np.asarray))


def _exchanges(shape: tuple[int, ...]) -> Iterator[AxisExchange]:
    """Exchanges of two axes of the same length."""
    for i, j in combinations(range(len(shape)), 2):
        if shape[i] == shape[j] > 1:
            yield partial(np.swapaxes, axis1=i, axis2=j)


def _slopes(forward: ForwardSteps, edge: StepEdge) -> Iterator[Rule]:
    """g · slope with another slope, or with another sum over the axes along which the operand was repeated."""
    step, first = forward.steps[edge.step], forward.samples[0]

    def rule(kind: str, sentence: str, slope: Callable[[StepValues], Array]) -> Rule:
        def back(sample: StepValues) -> Array:
            g = sample.gradient(edge.step)
            return sum_to_shape(np.broadcast_to(g * slope(sample), g.shape), sample.values[edge.parent].shape)

        return Rule(kind, sentence, back)

    def right(sample: StepValues) -> Array:
        return local_slope(step, sample.operands(step), edge.operand)

    here, is_unary = right(first), getattr(step.function, "nin", 0) == 1
    if (np.abs(here * (1 - here)) < 1e-8).all() and step.name not in ("add", "subtract"):
        yield rule("mask_leak", "the gradient also goes where nothing came from", lambda s: np.ones(1))
        yield rule("mask_leak", "the mask is inverted", lambda s: 1 - right(s))
    elif is_unary:
        starts = [local_slope(step, first.operands(step), 0, np.full(1, place)) for place in (0.0, 1.0)]
        kind = "wrong_place" if any(abs(start[0] - 1) < 1e-6 for start in starts) else "wrong_variable"
        yield rule(kind, f"the slope of {step.name} is left out", lambda s: np.ones(1))
    elif len(step.parents) == 2:
        other = step.parents[1 - edge.operand]
        kind = "wrong_place" if forward.is_parameter(other) else "wrong_variable"
        yield rule(kind, f"the factor {forward.name_of(other)} is left out", lambda s: np.ones(1))
    if is_unary:
        sentence = f"the slope of {step.name} is taken at its output"
        yield rule("wrong_variable", sentence, lambda s: local_slope(step, s.operands(step), 0, s.values[edge.step]))
        sentence = f"the value of {step.name} stands in place of its slope"
        yield rule("wrong_variable", sentence, lambda s: s.values[edge.step])
    if step.name in ("multiply", "divide"):
        for index in forward.real_steps():
            if np.ndim(first.values[index]):
                sentence = f"{forward.name_of(index)} stands in place of another factor"
                yield rule("wrong_variable", sentence, partial(_value, index))
                yield rule("wrong_variable", f"1/{sentence}", partial(_inverse, index))


def _value(index: int, sample: StepValues) -> Any:
    return sample.values[index]


def _inverse(index: int, sample: StepValues) -> Any:
    return 1 / sample.values[index]
