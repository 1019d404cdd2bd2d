"""Probes that ask of what the learner's gradient *would* be the true one: other inputs, or another upstream.

A formula that uses `a` where `b` belongs gives the true gradient at b := a. One without `.T` gives the true one at a
transposed input, one that forgets a mask the true one without it. A few calls of forward refuse each question.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, permutations, product
from typing import Any

import numpy as np

from ...backend import Array
from .measurements import Guess, Lab
from .replay import Replay


def other_upstream(lab: Lab) -> Iterator[Guess]:
    """got = Jᵀ h for an h made of the upstream."""
    g = lab.problem.upstream
    for axes in list(permutations(range(g.ndim)))[1:] if g.ndim <= 4 else ():
        turned = g.transpose(axes)
        if lab.is_true(lab.got, upstream=turned.reshape(g.shape)):
            if turned.shape == g.shape:
                sentence = f"the right gradient for the upstream gradient transposed by {axes}"
                yield Guess("missing_transpose", sentence)
            else:
                yield Guess("transposed", "the axes of the upstream gradient were moved before it was reshaped")
            return
    for axis in range(g.ndim):
        if lab.is_true(lab.got, upstream=np.flip(g, axis)):
            yield Guess("wrong_axis", f"the right gradient for the upstream gradient reversed along axis {axis}")
            return
        if any(lab.is_true(lab.got, upstream=np.roll(g, k, axis)) for k in (1, -1)):
            yield Guess("wrong_variable", f"the right gradient for the upstream gradient shifted along axis {axis}")
            return


def other_inputs(lab: Lab) -> Iterator[Guess]:
    """got = the true gradient where one input is transposed, replaced by another, or two are exchanged."""
    inputs, names = lab.problem.inputs, lab.problem.names
    numbers = lab.problem.arguments
    values = [(names[i], inputs[i]) for i in numbers] + [("the output", lab.problem.output)]
    for i in numbers:
        x = inputs[i]
        for axes in list(permutations(range(x.ndim)))[1:] if x.ndim <= 4 else ():
            turned = x.transpose(axes)
            if turned.shape == x.shape and lab.is_true(lab.got, lab.with_input(i, turned)):
                yield Guess("missing_transpose", f"the gradient that comes out where {names[i]} is transposed")
                return
        for name, value in values:
            if value is not x and value.shape == x.shape and lab.is_true(lab.got, lab.with_input(i, value)):
                yield Guess("wrong_variable", f"the gradient that comes out where {name} stands in place of {names[i]}")
                return
    for i, j in ((i, j) for i in numbers for j in numbers if i < j and inputs[i].shape == inputs[j].shape):
        swapped = list(inputs)
        swapped[i], swapped[j] = inputs[j], inputs[i]
        if any(lab.is_true(lab.got, swapped, argument=argument) for argument in {lab.argument, i, j}):
            sentence = f"the gradient that comes out where {names[i]} and {names[j]} are exchanged"
            yield Guess("swapped_arguments", sentence)
            return


def output_for_input(lab: Lab) -> Iterator[Guess]:
    """A rule in terms of the output y, applied to the input: L(g, f(x)) is the true gradient at x.

    tanh's 1 - y² with x in place of y is such a rule, and softmax's p (g - Σ g p) with x in place of p.
    """
    output = lab.problem.output
    if output.shape == lab.x.shape and lab.is_true(lab.learner(inputs=lab.with_input(lab.argument, output))):
        sentence = (
            f"the rule is one in terms of the output, but {lab.name} was put into it: fed the output, it is right"
        )
        yield Guess("wrong_variable", sentence)


def without_mask(lab: Lab) -> Iterator[Guess]:
    """got = the true gradient where a mask lets everything through."""
    for i, x in enumerate(lab.problem.inputs):
        if not isinstance(x, np.ndarray) or i == lab.argument:
            continue
        if any(lab.is_true(lab.got, lab.with_input(i, opened)) for opened in _open_masks(x)):
            name = lab.problem.names[i]
            yield Guess("mask_leak", f"the gradient that comes out without {name}: what it hides gets one too")
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


def initial_values(lab: Lab) -> Iterator[Guess]:
    """Right where the parameters have their initial values, gains of 1 and shifts of 0, and wrong elsewhere.

    Parameters are the inputs of at most one axis that are repeated by broadcasting.
    """
    inputs, names, size = lab.problem.inputs, lab.problem.names, lab.problem.output.size
    parameters = [i for i in lab.problem.arguments if inputs[i].ndim <= 1 and inputs[i].size < size]
    choices = sorted(product((None, 1.0, 0.0), repeat=len(parameters)), key=lambda c: sum(v is not None for v in c))
    for values in islice(choices, 1, 27):
        place = list(inputs)
        for i, value in zip(parameters, values, strict=True):
            place[i] = inputs[i] if value is None else np.full_like(inputs[i], value)
        here = lab.learner(inputs=place)
        if lab.is_true(here, place):
            pairs = zip(parameters, values, strict=True)
            where = " and ".join(f"{names[i]} is {value:g}" for i, value in pairs if value is not None)
            yield Guess("wrong_place", f"right where {where}, as at the start of training, and wrong elsewhere")
            return


def ones_for_input(lab: Lab) -> Iterator[Guess]:
    """got = the true gradient where another input is 1 everywhere: it was left out."""
    for i, name, x in lab.others():
        if lab.is_true(lab.got, lab.with_input(i, np.ones_like(x))):
            yield Guess("wrong_variable", f"the gradient that comes out where {name} is 1 everywhere: it was left out")
            return


def other_values(lab: Lab, replay: Replay) -> Iterator[Guess]:
    """got = the true gradient at another value of the forward pass, in place of the argument."""
    sample = replay.samples[0]
    for source in replay.numbers():
        if source == replay.argument or np.shape(sample.values[source]) != lab.x.shape:
            continue
        place = list(sample.everything)
        place[lab.argument] = np.asarray(sample.values[source])
        if lab.is_true(sample.learned, place, sample.upstream):
            sentence = f"the gradient that comes out where {replay.called(source)} stands in place of {lab.name}"
            yield Guess("wrong_variable", sentence)
            return
