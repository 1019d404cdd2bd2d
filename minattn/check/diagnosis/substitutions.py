"""Probes that ask of what backward's gradient *would* be the true one: other inputs, another upstream or forward pass.

A formula that uses `a` where `b` belongs gives the true gradient at b := a. One without `.T` gives the true one at a
transposed input, one that forgets a mask the true one without it. A few calls of forward refuse each question.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice, product
from typing import Any

import numpy as np

from ...backend import Array
from ...trace import Step
from .forward_steps import ForwardSteps
from .measurements import Diagnosis, Measurements, axis_orders
from .step_values import DIFFERENCE_STEP, StepValues, is_elementwise, is_real

Replacements = Mapping[int, Callable[..., Any]]


def other_upstream(measured: Measurements) -> Iterator[Diagnosis]:
    """got = Jᵀ h for an h made of the upstream."""
    g = measured.problem.upstream
    for axes in axis_orders(g.ndim):
        turned = g.transpose(axes)
        if measured.is_right(measured.got, upstream=turned.reshape(g.shape)):
            if turned.shape == g.shape:
                sentence = f"the right gradient for the upstream gradient transposed by {axes}"
                yield Diagnosis("missing_transpose", sentence)
            else:
                yield Diagnosis("transposed", "the axes of the upstream gradient were moved before it was reshaped")
            return
    for axis in range(g.ndim):
        if measured.is_right(measured.got, upstream=np.flip(g, axis)):
            yield Diagnosis("wrong_axis", f"the right gradient for the upstream gradient reversed along axis {axis}")
            return
        if any(measured.is_right(measured.got, upstream=np.roll(g, k, axis)) for k in (1, -1)):
            yield Diagnosis("wrong_variable", f"the right gradient for the upstream gradient shifted along axis {axis}")
            return


def other_inputs(measured: Measurements) -> Iterator[Diagnosis]:
    """got = the true gradient where one input is transposed, replaced by another, or two are exchanged."""
    inputs, names = measured.problem.inputs, measured.problem.names
    numbers = measured.problem.arguments
    values = [(names[i], inputs[i]) for i in numbers] + [("the output", measured.problem.output)]
    for i in numbers:
        x = inputs[i]
        for axes in axis_orders(x.ndim):
            turned = x.transpose(axes)
            if turned.shape == x.shape and measured.is_right(measured.got, measured.with_input(i, turned)):
                yield Diagnosis("missing_transpose", f"the gradient that comes out where {names[i]} is transposed")
                return
        for name, value in values:
            is_other = value is not x and value.shape == x.shape
            if is_other and measured.is_right(measured.got, measured.with_input(i, value)):
                sentence = f"the gradient that comes out where {name} stands in place of {names[i]}"
                yield Diagnosis("wrong_variable", sentence)
                return
    for i, j in ((i, j) for i in numbers for j in numbers if i < j and inputs[i].shape == inputs[j].shape):
        swapped = list(inputs)
        swapped[i], swapped[j] = inputs[j], inputs[i]
        if any(measured.is_right(measured.got, swapped, argument=argument) for argument in {measured.argument, i, j}):
            sentence = f"the gradient that comes out where {names[i]} and {names[j]} are exchanged"
            yield Diagnosis("swapped_arguments", sentence)
            return


def output_for_input(measured: Measurements) -> Iterator[Diagnosis]:
    """A rule in terms of the output y, applied to the input: L(g, f(x)) is the true gradient at x.

    tanh's 1 - y² with x in place of y is such a rule, and softmax's p (g - Σ g p) with x in place of p.
    """
    output = measured.problem.output
    if output.shape != measured.x.shape:
        return
    if measured.is_right(measured.gradient_at(inputs=measured.with_input(measured.argument, output))):
        rule = f"the rule is one in terms of the output, but {measured.name} was put into it"
        yield Diagnosis("wrong_variable", f"{rule}: fed the output, it is right")


def without_mask(measured: Measurements) -> Iterator[Diagnosis]:
    """got = the true gradient where a mask lets everything through."""
    for i, x in enumerate(measured.problem.inputs):
        if not isinstance(x, np.ndarray) or i == measured.argument:
            continue
        if any(measured.is_right(measured.got, measured.with_input(i, opened)) for opened in _open_masks(x)):
            name = measured.problem.names[i]
            yield Diagnosis("mask_leak", f"the gradient that comes out without {name}: what it hides gets one too")
            return


def _open_masks(x: Array) -> Iterator[Any]:
    """The array with nothing masked, if it may be a mask: of booleans, of 0 and 1, or with very negative numbers."""
    if x.dtype.kind == "b":
        yield np.ones_like(x)
        yield np.zeros_like(x)
    elif x.dtype.kind == "f" and (x <= -1e4).any():
        yield np.where(x <= -1e4, 0.0, x)
    elif ((x == 0) | (x == 1)).all() and (x == 1).any() and (x == 0).any():
        yield np.ones_like(x)


def right_at_initial_values(measured: Measurements) -> Iterator[Diagnosis]:
    """Right where the parameters have their initial values, gains of 1 and shifts of 0, and wrong elsewhere.

    Parameters are the inputs of at most one axis that are repeated by broadcasting.
    """
    inputs, names, size = measured.problem.inputs, measured.problem.names, measured.problem.output.size
    parameters = [i for i in measured.problem.arguments if inputs[i].ndim <= 1 and inputs[i].size < size]
    choices = sorted(product((None, 1.0, 0.0), repeat=len(parameters)), key=lambda c: sum(v is not None for v in c))
    for values in islice(choices, 1, 27):
        place = list(inputs)
        for i, value in zip(parameters, values, strict=True):
            place[i] = inputs[i] if value is None else np.full_like(inputs[i], value)
        here = measured.gradient_at(inputs=place)
        if measured.is_right(here, place):
            pairs = zip(parameters, values, strict=True)
            where = " and ".join(f"{names[i]} is {value:g}" for i, value in pairs if value is not None)
            sentence = f"right where {where}, as at the start of training, and wrong elsewhere"
            yield Diagnosis("wrong_place", sentence, 1.0 in values)  # at 0 much is right that has no effect there
            return


def ones_for_input(measured: Measurements) -> Iterator[Diagnosis]:
    """got = the true gradient where another input is 1 everywhere: it was left out."""
    for i, name, x in measured.other_arguments():
        if measured.is_right(measured.got, measured.with_input(i, np.ones_like(x))):
            sentence = f"the gradient that comes out where {name} is 1 everywhere: it was left out"
            yield Diagnosis("wrong_variable", sentence)
            return


def other_value_for_argument(measured: Measurements, forward: ForwardSteps) -> Iterator[Diagnosis]:
    """got = the true gradient at another value of the forward pass, in place of the argument."""
    sample = forward.samples[0]
    for index in forward.real_steps():
        if index == forward.argument or np.shape(sample.values[index]) != measured.x.shape:
            continue
        place = list(sample.all_inputs)
        place[measured.argument] = np.asarray(sample.values[index])
        if measured.is_right(sample.got, place, sample.upstream):
            sentence = f"the gradient that comes out where {forward.name_of(index)} stands in place of {measured.name}"
            yield Diagnosis("wrong_variable", sentence)
            return


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
