"""What every step of forward passes back, measured once, so that a backward pass with other rules costs no run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from ...backend import Array
from ...ops.base import sum_to_shape
from ...trace import Step
from .both_passes import BothPasses
from .forward_steps import REARRANGEMENTS
from .step_values import DIFFERENCE_STEP, LINEAR, StepEdge, is_elementwise, is_real, local_slope
from .values_over_time import Site, site_of

_MOVES = REARRANGEMENTS | {"setitem"}
_MOST_NUMBERS = 400_000  # of all local Jacobians together


class Use(NamedTuple):
    """An operand of an instruction of forward: the edges along which something goes back there, in all its times."""

    site: Site
    operand: int


class LocalJacobians:
    """The local Jacobian of each edge of forward's steps at one place. Raises ValueError where they would be too large.

    uses: the edges of each use
    """

    def __init__(self, passes: BothPasses) -> None:
        if passes.output is None:
            raise ValueError("forward is not followed")
        self.passes, self.output = passes, passes.output
        self.places = {i: k for k, i in enumerate(passes.followed) if i in passes.outputs}
        active = set(self.places.values())
        self.edges: list[StepEdge] = []
        self._slopes: dict[StepEdge, Array] = {}
        self._matrices: dict[StepEdge, Array] = {}
        self._sources: dict[StepEdge, Array] = {}
        self.uses: dict[Use, list[StepEdge]] = {}
        numbers = 0
        for i in range(passes.upstream + 1, self.output + 1):
            step, value = passes.steps[i], passes.values[i]
            if active.isdisjoint(step.parents) or not is_real(value):
                continue
            active.add(i)
            operands = [passes.values[p] for p in step.parents]
            for k, parent in enumerate(step.parents):
                if parent not in active or not is_real(passes.values[parent]):
                    continue
                edge = StepEdge(i, k, parent)
                numbers += np.size(value) * (1 if is_elementwise(step) else np.size(operands[k]))
                if numbers > _MOST_NUMBERS:
                    raise ValueError("too large to measure")
                with np.errstate(all="ignore"):
                    if is_elementwise(step):
                        self._slopes[edge] = local_slope(step, operands, k)
                    elif step.name in _MOVES:
                        self._sources[edge] = _source(passes, edge)
                    elif not _is_product(step, operands):
                        self._matrices[edge] = _matrix(passes, edge)
                self.edges.append(edge)
                self.uses.setdefault(Use(site_of(step), k), []).append(edge)

    def back(self, edge: StepEdge, g: Array) -> Array:
        """What goes back along an edge."""
        shape = np.shape(self.passes.values[edge.parent])
        if edge in self._slopes:
            return sum_to_shape(np.broadcast_to(g * self._slopes[edge], g.shape), shape)
        if edge in self._sources:
            source = self._sources[edge]
            summed: Array = np.bincount(source.ravel(), weights=g.ravel(), minlength=int(np.prod(shape, dtype=int)) + 1)
            return summed[1:].reshape(shape)
        if edge in self._matrices:
            product: Array = (g.ravel() @ self._matrices[edge]).reshape(shape)
            return product
        a, b = (self.passes.values[p] for p in self.passes.steps[edge.step].parents)
        return sum_to_shape(g @ b.swapaxes(-1, -2) if edge.operand == 0 else a.swapaxes(-1, -2) @ g, shape)

    def gradients(self, factors: Mapping[StepEdge, float]) -> dict[int, Array]:
        """The gradient of each argument, if along some edges so many times what should go back does."""
        adjoints, zeros = self.adjoints(factors), np.zeros_like
        return {i: adjoints.get(k, zeros(self.passes.values[k], dtype=float)) for i, k in self.places.items()}

    def parts(self) -> Iterator[tuple[StepEdge, Array]]:
        """What goes back along each edge."""
        adjoints = self.adjoints()
        for edge in self.edges:
            if edge.step in adjoints:
                yield edge, self.back(edge, adjoints[edge.step])

    def adjoints(self, factors: Mapping[StepEdge, float] = {}) -> dict[int, Array]:
        """The gradient of each step's value, if along some edges so many times what should go back does."""
        adjoints: dict[int, Array] = {self.output: self.passes.problem.upstream}
        for edge in reversed(self.edges):
            g = adjoints.get(edge.step)
            c = factors.get(edge, 1.0)
            if g is None or c == 0:
                continue
            back = self.back(edge, g)
            back = back if c == 1 else c * back
            before = adjoints.get(edge.parent)
            adjoints[edge.parent] = back if before is None else before + back
        return adjoints


def _is_product(step: Step, operands: list[Array]) -> bool:
    return step.name in ("matmul", "dot") and len(operands) == 2 and all(x.ndim == 2 for x in operands)


def _source(passes: BothPasses, edge: StepEdge) -> Array:
    """For each number of a step that only moves numbers, the place in the operand that it comes from, counted from 1; 0
    where it comes from elsewhere."""
    step = passes.steps[edge.step]
    operands = [np.zeros_like(x) if is_real(x) else x for x in (passes.values[p] for p in step.parents)]
    x = operands[edge.operand]
    operands[edge.operand] = np.arange(1.0, x.size + 1).reshape(x.shape)
    return np.asarray(step.run(operands)).astype(int)


def _matrix(passes: BothPasses, edge: StepEdge) -> Array:
    """∂value/∂operand of a step, (size of the value, size of the operand), by differences."""
    step, value = passes.steps[edge.step], passes.values[edge.step]
    operands = [passes.values[p] for p in step.parents]
    x = np.asarray(operands[edge.operand])
    h = 1.0 if step.name in LINEAR else DIFFERENCE_STEP * max(1e-3, float(np.abs(x).max(initial=0.0)))
    columns = []
    for entry in range(x.size):
        ends = []
        for t in (h, -h):
            moved = x.copy()
            moved.reshape(-1)[entry] += t
            ends.append(np.asarray(step.run([*operands[: edge.operand], moved, *operands[edge.operand + 1 :]])))
        columns.append(np.nan_to_num((ends[0] - ends[1]) / (2 * h)).ravel())
    return np.array(columns).T.reshape(np.size(value), x.size)
