"""The forward pass, step by step, with the true gradient at each step and what each passes on to the one before."""

from __future__ import annotations

import linecache
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...backend import Array
from ...trace import Step, Trace, record
from .measurements import Lab
from .step_values import Edge, Sample, is_elementwise, local_slope, take_sample

__all__ = ["Edge", "Replay", "Sample", "is_elementwise", "local_slope", "replay"]


MOVES = {
    *("transpose", "swapaxes", "reshape", "getitem", "concatenate", "stack", "moveaxis", "expand_dims", "squeeze"),
    *("broadcast_to", "copy", "astype", "ravel", "flatten", "take", "matrix_transpose", "split"),
}
"""Steps that move numbers without changing them."""


@dataclass(eq=False)
class Replay:
    """The recorded forward pass and samples of it at several places.

    names: of the inputs that are followed; argument: which of them it is about; active: the steps that depend on it;
    is_alone: whether the gradients of all other inputs are right
    """

    trace: Trace
    names: list[str]
    argument: int
    active: list[bool]
    samples: list[Sample]
    is_alone: bool

    @property
    def steps(self) -> list[Step]:
        return self.trace.steps

    @property
    def edges(self) -> list[Edge]:
        return list(self.samples[0].passed)

    @property
    def off(self) -> Array:
        """By how much the learner's gradient is off along each line, at all places."""
        return np.concatenate([sample.off for sample in self.samples])

    @property
    def whole(self) -> Array:
        """The true slope along each line, at all places."""
        return np.concatenate([sample.whole for sample in self.samples])

    def effect(self, edge: Edge, changes: list[Array]) -> Array:
        """By how much the gradient changes along every line, if so much more goes back along an edge at each place."""
        rows = []
        for sample, change in zip(self.samples, changes, strict=True):
            moves = sample.moves[edge.source]
            assert moves is not None
            rows.append((moves * change).reshape(len(moves), -1).sum(axis=1))
        return np.concatenate(rows)

    def explains(self, effect: Array) -> bool:
        """Whether this is by how much the learner's gradient is off."""
        return bool(np.abs(effect - self.off).max() <= 1e-6 * np.abs(self.off).max())

    def numbers(self) -> Iterator[int]:
        """The steps whose values are real numbers, not all the same."""
        for source, value in enumerate(self.samples[0].values):
            is_real = isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "f"
            if is_real and np.size(value) > 1 and np.ptp(value) > 0:
                yield source

    def is_parameter(self, source: int) -> bool:
        """Whether a step's value is another input that is repeated by broadcasting, as a gain is."""
        values, source = self.samples[0].values, self.origin(source)
        is_small = np.size(values[source]) < np.size(values[self.trace.output])
        return source < len(self.names) and source != self.argument and is_small

    def origin(self, step: int) -> int:
        """Where a step's numbers come from, if they have only been moved."""
        while self.steps[step].name in MOVES and len(self.steps[step].parents) == 1:
            step = self.steps[step].parents[0]
        return step

    def leads(self, start: int, end: int) -> bool:
        """Whether a step's value goes into another step, over whatever others."""
        reached = {start}
        for i in range(start + 1, end + 1):
            if reached.intersection(self.steps[i].parents):
                reached.add(i)
        return end in reached

    def place(self, step: int) -> str:
        """The line of code of a step, for a sentence."""
        path, number, _ = self.steps[step].place
        line = linecache.getline(path, number).strip()
        return f"`{line}` (line {number})" if line else f"step {step} ({self.steps[step].name})"

    def called(self, step: int) -> str:
        """The name of a step's value, for a sentence."""
        origin = self.origin(step)
        return self.names[origin] if origin < len(self.names) else f"the value of {self.place(step)}"


def replay(lab: Lab) -> Replay | None:
    """The steps of the forward pass at two places; None where it cannot be followed, or is too large."""
    problem = lab.problem
    if lab.got.shape != lab.x.shape:
        return None
    problem.randomness.rewind()
    trace = record(problem.forward, problem.inputs, problem.arguments)
    if trace is None:
        return None
    own = trace.places.index(lab.argument)
    active = _depend(trace, own)
    samples = []
    for i in range(2 if lab.x.size > 3 else 4):
        inputs: list[Any] = [problem.inputs[j] for j in trace.places]
        if i:
            inputs = [np.asarray(x * np.exp(0.3 * lab.rng.normal(size=x.shape))) for x in inputs]
        sample = take_sample(lab, trace, active, own, inputs)
        if sample is None:
            return None
        samples.append(sample)
    gradients = lab.gradients()
    is_alone = all(lab.is_true(gradients[i], argument=i) for i, _, _ in lab.others())
    return Replay(trace, [problem.names[j] for j in trace.places], own, active, samples, is_alone)


def _depend(trace: Trace, argument: int) -> list[bool]:
    """Which steps depend on the argument."""
    active = [i == argument for i in range(len(trace.places))]
    for step in trace.steps[len(active) :]:
        active.append(any(active[parent] for parent in step.parents))
    return active
