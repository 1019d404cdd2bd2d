"""A probe on a stretch of steps with a Jacobian of its own: what if only its diagonal were used?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...backend import Array
from .dropped_paths import statistic
from .measurements import Guess, Lab
from .replay import Edge, Replay, Sample

_MOST_ENTRIES = 300
_STEP = 1e-5


def block_diagonal(lab: Lab, replay: Replay) -> Iterator[Guess]:
    """A stretch from u to v of the same shape, as softmax inside attention, of which only the diagonal is used."""
    for v, step in enumerate(replay.steps):
        if not replay.active[v] or all(statistic(replay, parent) is None for parent in step.parents):
            continue
        shape = np.shape(replay.samples[0].values[v])
        for u in range(v):
            value = replay.samples[0].values[u]
            if (
                replay.active[u]
                and np.shape(value) == shape
                and 1 < np.size(value) <= _MOST_ENTRIES
                and _fits(replay, u, v)
            ):
                yield Guess(
                    "cross_terms_missing",
                    f"what comes out when only the diagonal of the Jacobian of {replay.place(v)} is used: each "
                    "element also changes the others along the axis",
                )
                return


def _fits(replay: Replay, u: int, v: int) -> bool:
    changes = []
    for sample in replay.samples:
        g = sample.adjoints[v]
        if g is None or sample.moves[u] is None:
            return False
        jacobian = _jacobian(replay, sample, u, v)
        changes.append((np.diag(jacobian) * g.ravel() - g.ravel() @ jacobian).reshape(g.shape))
    return replay.explains(replay.effect(Edge(v, 0, u), changes))


def _jacobian(replay: Replay, sample: Sample, u: int, v: int) -> Array:
    """∂v/∂u, (size, size)."""
    columns = []
    for entry in range(sample.values[u].size):
        ends = []
        for t in (_STEP, -_STEP):
            moved = sample.values[u].copy()
            moved.reshape(-1)[entry] += t
            values: list[Array] = list(sample.values[: u + 1])
            values[u] = moved
            for i in range(u + 1, v + 1):
                step = replay.steps[i]
                changed = any(values[p] is not sample.values[p] for p in step.parents)
                is_held = i in sample.held
                values.append(
                    step.run([values[p] for p in step.parents]) if changed and not is_held else sample.values[i]
                )
            ends.append(values[v])
        columns.append(np.nan_to_num((ends[0] - ends[1]) / (2 * _STEP)).ravel())
    return np.array(columns).T
