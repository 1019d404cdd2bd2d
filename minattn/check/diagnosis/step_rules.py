"""Probes on the steps of the forward pass: what if the rule of one step were another one?

Each step passes back g · slope, or a product of matrices, or g moved to other places. The usual slips in such a rule
are tried at each step; what the learner's gradient would then be follows without running anything again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import NamedTuple

import numpy as np

from ...backend import Array
from ...ops.base import sum_to_shape
from .measurements import Guess, Lab, same
from .movement_rules import move_rules
from .replay import Edge, Replay, Sample, is_elementwise, local_slope
from .step_values import go_back, local_gradient


class Rule(NamedTuple):
    """A wrong rule for one edge: what goes back along it at a place; None, or a ValueError, where it cannot."""

    kind: str
    sentence: str
    back: Callable[[Sample], Array | None]


def other_rules(lab: Lab, replay: Replay) -> Iterator[Guess]:
    """The first wrong rule at one step that makes the learner's gradient."""
    for edge in sorted(replay.edges, reverse=True):
        for kind, sentence, back in _rules(replay, edge):
            if _fits(replay, edge, back):
                yield Guess(kind, f"what comes out when {sentence} in {replay.place(edge.step)}")
                return


def in_loops(lab: Lab, replay: Replay) -> Iterator[Guess]:
    """A wrong rule at an instruction that runs several times, as in a loop: then it is wrong each time."""
    runs: dict[tuple[object, int], list[Edge]] = {}
    for edge in replay.edges:
        runs.setdefault((replay.steps[edge.step].place, edge.operand), []).append(edge)
    for edges in runs.values():
        if len(edges) < 2 or not 0 < edges[0].step < len(replay.steps):
            continue
        for together in zip(*(_rules(replay, edge) for edge in edges), strict=False):
            kind, sentence, _ = together[0]
            if kind != "wrong_variable" or "slope" in sentence:
                backs = {edge: rule[2] for edge, rule in zip(edges, together, strict=True)}
                if all(_fits_each_time(replay, sample, backs) for sample in replay.samples):
                    yield Guess(kind, f"what comes out when {sentence} in {replay.place(edges[0].step)}, each time")
                    return


def _fits_each_time(replay: Replay, sample: Sample, backs: dict[Edge, Callable[[Sample], Array | None]]) -> bool:
    def rules(edge: Edge, adjoints: list[Array | None]) -> Array | None:
        return backs[edge](replace(sample, adjoints=adjoints)) if edge in backs else None

    try:
        adjoints, _ = go_back(replay.trace, sample.values, sample.upstream, replay.active, rules)
    except ValueError:  # the shapes do not go together
        return False
    return same(adjoints[sample.own], sample.learned)


def _fits(replay: Replay, edge: Edge, back: Callable[[Sample], Array | None]) -> bool:
    for sample in replay.samples:
        right, moves = sample.passed[edge], sample.moves[edge.source]
        try:
            with np.errstate(all="ignore"):
                other = back(sample)
        except ValueError:  # the shapes do not go together
            return False
        if other is None or moves is None or other.shape != right.shape or not np.isfinite(other).all():
            return False
        effect = (moves * (other - right)).reshape(len(moves), -1).sum(axis=1)
        if np.abs(effect - sample.off).max() > 1e-6 * np.abs(sample.off).max():
            return False
    return True


def _rules(replay: Replay, edge: Edge) -> Iterator[tuple[str, str, Callable[[Sample], Array | None]]]:
    step = replay.steps[edge.step]
    if step.name in ("matmul", "dot") and len(step.parents) == 2:
        yield from _products(replay, edge)
    if step.name == "einsum" and len(step.parents) == 2:
        yield from _bilinear(replay, edge)
    if is_elementwise(step):
        yield from _slopes(replay, edge)
    yield from move_rules(replay, edge)


def _products(replay: Replay, edge: Edge) -> Iterator[Rule]:
    """g bᵀ and aᵀ g, with a transpose too many or too few, with another matrix, or element by element."""
    own, other = edge.source, replay.steps[edge.step].parents[1 - edge.operand]
    values = replay.samples[0].values
    if values[own].ndim < 2 or values[other].ndim < 2:
        return

    def product(source: int, turns: tuple[int, ...]) -> Callable[[Sample], Array | None]:
        turn_g, turn_b, g_first = turns

        def back(sample: Sample) -> Array | None:
            g, b = sample.gradient(edge.step), sample.values[source]
            g, b = _turned(g, turn_g), _turned(b, turn_b)
            result = g @ b if g_first else b @ g
            return sum_to_shape(result, sample.values[own].shape)

        return back

    def reshaped(sample: Sample) -> Array:
        g, b = sample.gradient(edge.step), sample.values[other]
        b = b.reshape(*b.shape[:-2], b.shape[-1], b.shape[-2])
        return sum_to_shape(b @ g if edge.operand else g @ b, sample.values[own].shape)

    ways = sorted(np.ndindex(2, 2, 2), key=sum)
    for turns in ways:
        sentence = "a matrix is not transposed, or one is that should not be,"
        yield Rule("missing_transpose", sentence, product(other, turns))
    yield Rule("missing_transpose", "a matrix is reshaped where it is to be transposed", reshaped)
    sentence = "the gradient is multiplied element by element, not as a matrix,"
    yield Rule("elementwise_for_matmul", sentence, lambda sample: sample.gradient(edge.step) * sample.values[other])
    for source, value in enumerate(values):
        if source != other and np.ndim(value) > 1:
            sentence = f"{replay.called(source)} stands in place of {replay.called(other)}"
            kind = "swapped_arguments" if source == own and not replay.is_alone else "wrong_variable"
            for turns in ways:
                yield Rule(kind, sentence, product(source, turns))


def _bilinear(replay: Replay, edge: Edge) -> Iterator[Rule]:
    """The true rule, fed with two axes of the gradient or of the other factor exchanged, or with another factor."""
    step, values = replay.steps[edge.step], replay.samples[0].values
    place = 1 - edge.operand
    other = step.parents[place]

    def fed(change_g: Callable[[Array], Array], factor: Callable[[Sample], Array]) -> Callable[[Sample], Array]:
        def back(sample: Sample) -> Array:
            operands = sample.operands(step)
            operands[place] = factor(sample)
            return local_gradient(step, operands, edge.operand, change_g(sample.gradient(edge.step)))

        return back

    right = partial(_value, other)
    for exchange in _exchanges(np.shape(values[edge.step])):
        yield Rule("missing_transpose", "two axes of the gradient are mixed up", fed(exchange, right))
    for exchange in _exchanges(np.shape(values[other])):
        factor = partial(_changed, exchange, other)
        yield Rule("missing_transpose", f"two axes of {replay.called(other)} are mixed up", fed(_same, factor))
    for source in replay.numbers():
        if source != other and np.shape(values[source]) == np.shape(values[other]):
            kind = "swapped_arguments" if source == edge.source and not replay.is_alone else "wrong_variable"
            sentence = f"{replay.called(source)} stands in place of {replay.called(other)}"
            yield Rule(kind, sentence, fed(_same, partial(_value, source)))


def _exchanges(shape: tuple[int, ...]) -> Iterator[Callable[[Array], Array]]:
    """Exchanges of two axes of the same length."""
    for i, j in combinations(range(len(shape)), 2):
        if shape[i] == shape[j] > 1:
            yield partial(np.swapaxes, axis1=i, axis2=j)


def _same(a: Array) -> Array:
    return a


def _changed(change: Callable[[Array], Array], source: int, sample: Sample) -> Array:
    return change(_value(source, sample))


def _turned(a: Array, turn: int) -> Array:
    return a.swapaxes(-1, -2) if turn else a


def _slopes(replay: Replay, edge: Edge) -> Iterator[Rule]:
    """g · slope with another slope, or with another sum over the axes along which the operand was repeated."""
    step, first = replay.steps[edge.step], replay.samples[0]

    def back(slope: Callable[[Sample], Array]) -> Callable[[Sample], Array]:
        def function(sample: Sample) -> Array:
            g = sample.gradient(edge.step)
            return sum_to_shape(np.broadcast_to(g * slope(sample), g.shape), sample.values[edge.source].shape)

        return function

    def right(sample: Sample) -> Array:
        return local_slope(step, sample.operands(step), edge.operand)

    here, is_unary = right(first), getattr(step.function, "nin", 0) == 1
    if (np.abs(here * (1 - here)) < 1e-8).all() and step.name not in ("add", "subtract"):
        yield Rule("mask_leak", "the gradient also goes where nothing came from", back(lambda s: np.ones(1)))
        yield Rule("mask_leak", "the mask is inverted", back(lambda s: 1 - right(s)))
    elif is_unary:
        starts = [local_slope(step, first.operands(step), 0, np.full(1, place)) for place in (0.0, 1.0)]
        kind = "wrong_place" if any(abs(start[0] - 1) < 1e-6 for start in starts) else "wrong_variable"
        yield Rule(kind, f"the slope of {step.name} is left out", back(lambda s: np.ones(1)))
    elif len(step.parents) == 2:
        other = step.parents[1 - edge.operand]
        kind = "wrong_place" if replay.is_parameter(other) else "wrong_variable"
        yield Rule(kind, f"the factor {replay.called(other)} is left out", back(lambda s: np.ones(1)))
    if is_unary:
        sentence = f"the slope of {step.name} is taken at its output"
        yield Rule(
            "wrong_variable", sentence, back(lambda s: local_slope(step, s.operands(step), 0, s.values[edge.step]))
        )
        sentence = f"the value of {step.name} stands in place of its slope"
        yield Rule("wrong_variable", sentence, back(lambda s: s.values[edge.step]))
    if step.name in ("multiply", "divide"):
        for source in replay.numbers():
            if np.ndim(first.values[source]):
                sentence = f"{replay.called(source)} stands in place of another factor"
                yield Rule("wrong_variable", sentence, back(partial(_value, source)))
                yield Rule("wrong_variable", f"1/{sentence}", back(partial(_inverse, source)))


def _value(source: int, sample: Sample) -> Array:
    value: Array = sample.values[source]
    return value


def _inverse(source: int, sample: Sample) -> Array:
    return 1 / _value(source, sample)
