"""The forward pass, step by step, with the true gradient at each step and what each passes on to the one before."""

import linecache
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...backend import Array
from ...trace import RecordedSteps, record
from .measurements import Measurements
from .step_values import StepEdge, StepValues, is_real, measure_lines, measure_steps, without_effect

_OUR_FOLDER = str(Path(__file__).parents[2])
_SPREADS = (0.3, 0.03, 0.003)  # how far other places lie, tried in turn: where a branch is taken, it should stay taken

REARRANGEMENTS = {
    *("transpose", "swapaxes", "reshape", "getitem", "concatenate", "stack", "moveaxis", "expand_dims", "squeeze"),
    *("broadcast_to", "copy", "astype", "ravel", "flatten", "take", "matrix_transpose", "split"),
}
"""Steps that move numbers without changing them."""


@dataclass(eq=False)
class ForwardSteps:
    """The recorded forward pass, and its values at several places.

    names: of the inputs that are followed; argument: which of them it is about; active: the steps that depend on it
    samples: one for each place; held: steps whose value makes no difference, as the maximum that softmax subtracts
    others_are_right: whether the gradients of all other inputs are right
    steps: in the order in which forward takes them; edges: those along which something goes back
    errors, true_slopes: by how much backward's gradient is off, and the true slope, along each line at all places
    """

    trace: RecordedSteps
    names: list[str]
    argument: int
    active: list[bool]
    samples: list[StepValues]
    held: set[int]
    others_are_right: bool

    def __post_init__(self) -> None:
        self.steps = self.trace.steps
        edges = self.samples[0].contributions
        self.edges = [edge for edge in edges if self.held.isdisjoint((edge.parent, edge.step))]
        self.errors = np.concatenate([sample.errors for sample in self.samples])
        self.true_slopes = np.concatenate([sample.true_slopes for sample in self.samples])

    def effect(self, edge: StepEdge, changes: list[Array]) -> Array:
        """By how much the gradient changes along every line, if so much more goes back along an edge at each place."""
        rows = []
        for sample, change in zip(self.samples, changes, strict=True):
            slopes = sample.slopes[edge.parent]
            assert slopes is not None
            rows.append((slopes * change).reshape(len(slopes), -1).sum(axis=1))
        return np.concatenate(rows)

    def accounts_for(self, effect: Array) -> bool:
        """Whether this is by how much backward's gradient is off."""
        return bool(np.abs(effect - self.errors).max() <= 1e-6 * np.abs(self.errors).max())

    def real_steps(self) -> Iterator[int]:
        """The steps whose values are real numbers, not all the same."""
        for i, value in enumerate(self.samples[0].values):
            if is_real(value) and np.size(value) > 1 and np.ptp(value) > 0:
                yield i

    def is_parameter(self, step: int) -> bool:
        """Whether a step's value is another input that is repeated by broadcasting, as a gain is."""
        values, origin = self.samples[0].values, self.origin(step)
        is_small = np.size(values[origin]) < np.size(values[self.trace.output])
        return origin < len(self.names) and origin != self.argument and is_small

    def origin(self, step: int) -> int:
        """Where a step's numbers come from, if they have only been moved."""
        while self.steps[step].name in REARRANGEMENTS and len(self.steps[step].parents) == 1:
            step = self.steps[step].parents[0]
        return step

    def leads_to(self, start: int, end: int) -> bool:
        """Whether a step's value goes into another step, over whatever others."""
        reached = {start}
        for i in range(start + 1, end + 1):
            if reached.intersection(self.steps[i].parents):
                reached.add(i)
        return end in reached

    def line_of(self, step: int) -> str:
        """The line of code of a step, for a sentence."""
        path, number, *_ = self.steps[step].place
        line = "" if path.startswith(_OUR_FOLDER) else linecache.getline(path, number).strip()
        return f"`{line}` (line {number})" if line else self.steps[step].name

    def name_of(self, step: int) -> str:
        """The name of a step's value, for a sentence."""
        origin = self.origin(step)
        return self.names[origin] if origin < len(self.names) else f"the value of {self.line_of(step)}"


def follow_forward(measured: Measurements) -> ForwardSteps | None:
    """The steps of the forward pass at two places or more; None where it cannot be followed, or is too large."""
    problem = measured.problem
    if measured.got.shape != measured.x.shape:
        return None
    problem.randomness.rewind()
    trace = record(problem.forward, problem.inputs, problem.arguments)
    if trace is None:
        return None
    argument = trace.followed_inputs.index(measured.argument)
    active = _dependents(trace, argument)
    here: list[Any] = [problem.inputs[j] for j in trace.followed_inputs]
    samples: list[StepValues] = []
    for _ in range(2 if measured.x.size > 3 else 4):
        for spread in _SPREADS:
            if measured.is_late:
                return None
            inputs = here if not samples else [_moved(measured, x, spread) for x in here]
            sample = measure_steps(measured, trace, active, argument, inputs)
            if sample is not None or not samples:
                break
        if sample is None:
            return None
        samples.append(sample)
    held = set.intersection(*(without_effect(trace, sample.adjoints) for sample in samples))
    if not all(measure_lines(measured, trace, active, sample, held) for sample in samples):
        return None
    gradients = measured.gradients_at()
    others_are_right = all(measured.is_right(gradients[i], argument=i) for i, _, _ in measured.other_arguments())
    names = [problem.names[j] for j in trace.followed_inputs]
    return ForwardSteps(trace, names, argument, active, samples, held, others_are_right)


def _moved(measured: Measurements, x: Array, spread: float) -> Array:
    """An input with each entry made larger or smaller, its sign kept."""
    return np.asarray(x * np.exp(spread * measured.rng.normal(size=x.shape)))


def _dependents(trace: RecordedSteps, argument: int) -> list[bool]:
    """Which steps depend on the argument."""
    active = [i == argument for i in range(len(trace.followed_inputs))]
    for step in trace.steps[len(active) :]:
        active.append(any(active[parent] for parent in step.parents))
    return active
