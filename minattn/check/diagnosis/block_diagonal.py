"""A probe on a stretch of steps with a Jacobian of its own: what if only its diagonal were used?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...backend import Array
from .dropped_paths import statistic
from .forward_steps import ForwardSteps
from .measurements import Diagnosis, Measurements
from .step_values import DIFFERENCE_STEP, StepEdge, StepValues

_LARGEST_BLOCK = 300


def diagonal_of_a_block(measured: Measurements, forward: ForwardSteps) -> Iterator[Diagnosis]:
    """A stretch from u to v of the same shape, as softmax inside attention, of which only the diagonal is used."""
    for v, step in enumerate(forward.steps):
        if not forward.active[v] or all(statistic(forward, parent) is None for parent in step.parents):
            continue
        shape = np.shape(forward.samples[0].values[v])
        for u in range(v):
            value = forward.samples[0].values[u]
            if (
                forward.active[u]
                and np.shape(value) == shape
                and 1 < np.size(value) <= _LARGEST_BLOCK
                and _fits(forward, u, v)
            ):
                yield Diagnosis(
                    "cross_terms_missing",
                    f"what comes out when only the diagonal of the Jacobian of {forward.line_of(v)} is used: each "
                    "element also changes the others along the axis",
                )
                return


def _fits(forward: ForwardSteps, u: int, v: int) -> bool:
    changes = []
    for sample in forward.samples:
        g = sample.adjoints[v]
        if g is None or sample.slopes[u] is None:
            return False
        jacobian = _jacobian(forward, sample, u, v)
        changes.append((np.diag(jacobian) * g.ravel() - g.ravel() @ jacobian).reshape(g.shape))
    return forward.accounts_for(forward.effect(StepEdge(v, 0, u), changes))


def _jacobian(forward: ForwardSteps, sample: StepValues, u: int, v: int) -> Array:
    """∂v/∂u, (size, size)."""
    columns = []
    for entry in range(sample.values[u].size):
        ends = []
        for t in (DIFFERENCE_STEP, -DIFFERENCE_STEP):
            moved = sample.values[u].copy()
            moved.reshape(-1)[entry] += t
            values: list[Array] = list(sample.values[: u + 1])
            values[u] = moved
            for i in range(u + 1, v + 1):
                step = forward.steps[i]
                changed = any(values[p] is not sample.values[p] for p in step.parents)
                is_held = i in forward.held
                values.append(
                    step.run([values[p] for p in step.parents]) if changed and not is_held else sample.values[i]
                )
            ends.append(values[v])
        columns.append(np.nan_to_num((ends[0] - ends[1]) / (2 * DIFFERENCE_STEP)).ravel())
    return np.array(columns).T
