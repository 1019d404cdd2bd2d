"""What the mistakes are tried on: the registry's samples, and some that set apart mistakes that look alike on those."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...ops import Sample, registry


def samples_of(op: str, rng: np.random.Generator) -> Iterator[Sample]:
    """Samples of a registered op, on which no two of its mistakes are the same everywhere.

    On square matrices a missing transpose has the right shape.
    """
    yield from registry[op].samples(rng)
    if op == "MatMul":
        yield Sample("square", (rng.normal(size=(3, 3)), rng.normal(size=(3, 3))))
        yield Sample("a batch of squares", (rng.normal(size=(3, 3, 3)), rng.normal(size=(3, 3, 3))))
    elif op == "Linear":
        yield Sample("square", (rng.normal(size=(2, 4)), rng.normal(size=(4, 4)), rng.normal(size=4)))
    elif op == "Transpose":
        yield Sample("a cube", (rng.normal(size=(3, 3, 3)),), {"axes": (2, 0, 1)})
    elif op == "BroadcastTo":
        yield Sample("(3, 1) to (2, 3, 4)", (rng.normal(size=(3, 1)),), {"shape": (2, 3, 4)})
