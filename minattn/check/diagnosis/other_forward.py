"""Probes that ask whether the gradient belongs to another forward pass: without a mask, or along another axis."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ...backend import Array
from ...trace import Step
from .forward_steps import ForwardSteps
from .measurements import Diagnosis, Measurements
from .step_values import DIFFERENCE_STEP, StepValues, is_elementwise, is_real

Replacements = Mapping[int, Callable[..., Any]]


def other_forward(measured: Measurements, forward: ForwardSteps) -> Iterator[Diagnosis]:
    """got = the gradient of the forward pass with one step, or all steps of a sort, replaced."""
    for kind, sentence, change in _changes(forward):
        if all(_belongs(forward, sample, change) for sample in forward.samples):
            yield Diagnosis(kind, f"what comes out when {sentence}")
            return


def _belongs(forward: ForwardSteps, sample: StepValues, change: Replacements) -> bool:
    """Whether a sample's gradient is that of the changed forward pass, along two random lines."""
    rng = np.random.default_rng(3)
    for _ in range(2):
        d = rng.normal(size=sample.got.shape)
        ends = []
        for t in (DIFFERENCE_STEP, -DIFFERENCE_STEP):
            moved = [x + t * d if j == forward.argument else x for j, x in enumerate(sample.inputs)]
            try:
                ends.append(np.asarray(forward.trace.run(moved, change)[forward.trace.output]))
            except Exception:  # the shapes do not go together any more
                return False
        if any(end.shape != sample.upstream.shape or not is_real(end) for end in ends):
            return False
        slopes = sample.upstream * (ends[0] - ends[1]) / (2 * DIFFERENCE_STEP)
        got = (sample.got * d).sum()
        if not abs(got - slopes.sum()) <= 1e-7 * (abs(got) + np.abs(slopes).sum()):
            return False
    return bool(np.abs(sample.got).max() > 0)


def _changes(forward: ForwardSteps) -> Iterator[tuple[str, str, Replacements]]:
    """Kind, sentence, and what takes the place of which steps."""
    first = forward.samples[0]
    steps = [(i, step) for i, step in enumerate(forward.steps) if forward.active[i] and step.parents]
    for i, step in steps:
        if _is_switch(step):
            for k, parent in enumerate(step.parents):
                if forward.active[parent] and is_real(first.values[parent]):
                    yield "mask_leak", f"there is no mask in {forward.line_of(i)}", {i: _operand(k)}
    reductions = [(i, step) for i, step in steps if isinstance(step.kwargs.get("axis"), int)]
    dims = max((np.ndim(first.values[step.parents[0]]) for _, step in reductions), default=0)
    for axis in range(dims):
        change = {i: _along(step, axis) for i, step in reductions}
        yield "wrong_axis", f"all sums and means run along axis {axis}", change
        for i, function in change.items() if len(change) > 1 else ():
            yield "wrong_axis", f"{forward.line_of(i)} runs along axis {axis}", {i: function}


def _is_switch(step: Step) -> bool:
    """where, maximum, clip; or a mask that is added (0 and a very negative number) or multiplied on (0 and 1)."""
    if step.name in ("where", "maximum", "minimum", "clip", "fmax", "fmin", "setitem"):
        return True
    masks = [arg for arg in step.args if isinstance(arg, np.ndarray) and arg.size > 1]
    if not is_elementwise(step) or len(step.args) != 2 or len(masks) != 1:
        return False
    mask = masks[0]
    if step.name == "multiply":
        return bool(((mask == 0) | (mask == 1)).all())
    return step.name == "add" and mask.dtype.kind == "f" and bool((mask <= -1e4).any())


def _operand(k: int) -> Callable[..., Any]:
    return lambda *operands: operands[k]


def _along(step: Step, axis: int) -> Callable[..., Array]:
    moved = replace(step, kwargs={**step.kwargs, "axis": axis})
    return lambda *operands: moved.run(operands)
