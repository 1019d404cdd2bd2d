"""A function, or a forward and a backward pass, as a list of the steps that they took."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .recorder import Dialect, RecordedArray, Recorder, Step

_MOST_STEPS_OF_BOTH_PASSES = 1500


def record(function: Callable[..., Any], inputs: Iterable[Any], which: Iterable[int]) -> RecordedSteps | None:
    """Run a function on inputs, following those at the places in `which`; None where it cannot be followed."""
    everything = list(inputs)
    places = list(which)
    recorder = Recorder(everything[i] for i in places)
    for step, i in enumerate(places):
        everything[i] = RecordedArray(recorder, step)
    try:
        output = recorder.follow(function)(*everything)
    except Exception:  # whatever a stranger's function raises on what is not an array
        return None
    return RecordedSteps(recorder.steps, output._step, places) if isinstance(output, RecordedArray) else None


@dataclass(frozen=True)
class RecordedSteps:
    """The recorded steps, the first of which are the followed inputs; output: the step that is the result."""

    steps: list[Step]
    output: int
    followed_inputs: list[int]

    def run(self, inputs: Iterable[Any], instead: Mapping[int, Callable[..., Any]] | None = None) -> list[Any]:
        """The value of every step on other inputs (those that are followed); `instead`: another function for a step.

        The function instead of a step's gets its operands, one a parent.
        """
        values: list[Any] = list(inputs)
        for i, step in enumerate(self.steps[len(values) :], len(values)):
            operands = [values[parent] for parent in step.parents]
            values.append(instead[i](*operands) if instead and i in instead else step.run(operands))
        return values


@dataclass(frozen=True)
class RecordedPasses:
    """A forward and a backward pass in one list of steps, which starts with the followed inputs and the upstream.

    values: of each step; output: forward's result, None where forward is not followed; first_of_backward: where the
    steps of backward begin; returned: for each thing that backward returned the step that it is, None where it is not
    followed
    """

    steps: list[Step]
    values: list[Any]
    output: int | None
    first_of_backward: int
    returned: list[int | None]


def record_passes(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    inputs: Sequence[Any],
    which: Sequence[int],
    upstream: Any,
    dialect: Callable[[Recorder], Dialect] | None = None,
) -> RecordedPasses | None:
    """Run forward(*inputs), then backward(upstream, *inputs), following the inputs at the places in `which` and the
    upstream. What forward keeps for backward is followed too. A forward that cannot be followed runs beside the record.

    Returns: None where backward cannot be followed.
    """
    for follows_forward in (True, False):
        recorder = Recorder((*(inputs[i] for i in which), upstream), _MOST_STEPS_OF_BOTH_PASSES, dialect)

        def followed(recorder: Recorder = recorder) -> list[Any]:
            everything = [x.copy() if isinstance(x, np.ndarray) else x for x in inputs]
            for step, i in enumerate(which):
                everything[i] = recorder.stand_in(step)
            return everything

        try:
            first, second = recorder.follow(lambda: (forward, backward))()
            if follows_forward:
                y = first(*followed())
            else:
                y = forward(*(x.copy() if isinstance(x, np.ndarray) else x for x in inputs))
            output = y._step if isinstance(y, RecordedArray) else None
            start = len(recorder.steps)
            result = second(recorder.stand_in(len(which)), *followed())
        except Exception:  # whatever a stranger's functions raise on what is not an array
            continue
        items = result if isinstance(result, tuple | list) else (result,)
        returned = [item._step if isinstance(item, RecordedArray) else None for item in items]
        return RecordedPasses(recorder.steps, recorder.values, output, start, returned)
    return None
