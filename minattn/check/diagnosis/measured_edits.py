"""Slips with a number in them, which is found by solving for it: a factor or a term that is missing, or too much."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...trace import Expression, StepReference, expression_at
from .both_passes import BothPasses
from .step_changes import everywhere, operand_changed, then, with_value
from .step_values import is_real
from .value_edits import cost_of_value, has_few_values, in_backticks, stretches, time_words
from .values_over_time import Alignment, Edit, Site


class Measured(NamedTuple):
    """An edit with a number in it that is yet to be found, in which the gradients are linear.

    usual: the number that needs no words; edit: number and its words -> the edit
    """

    usual: float | None
    edit: Callable[[float, str], Edit]


def measured_edits(passes: BothPasses, site: Site) -> Iterator[Measured]:
    """A factor too few or too many, a number that is another one, a term that is missing."""
    expression, i = passes.expression(site), passes.sites[site][0]
    value = passes.values[i]
    for told, part in _parts(np.shape(value)) if np.asarray(value).dtype.kind in "fc" else ():
        yield Measured(None, partial(_part_scaled, site, expression, told, part))
    if not is_real(value):
        return
    for key, sequence in passes.different_sequences.items():
        is_operand = isinstance(key, tuple) and key[0] == "operand"
        for alignment in passes.alignments(sequence, site):
            pairs = passes.at_time(key, alignment, site)
            if pairs is None:
                continue
            w = np.asarray(passes.values[next(iter(pairs.values()))])
            named, cost = in_backticks(sequence.name) + time_words(alignment), cost_of_value(key, sequence.name)
            is_mask = w.dtype.kind == "b" or (w.dtype.kind == "f" and bool((np.abs(w * (1 - w)) < 1e-6).all()))
            where = _Where(site, key, alignment, expression, named, cost, _new_axis(w.shape, np.shape(value)), is_mask)
            if w.dtype.kind in "fb" and where.axis is not None and not (is_operand and w.size == 1):
                for form in _FORMS if w.dtype.kind == "f" and not has_few_values(w) else ("{}", "(1 - {})"):
                    yield Measured(1.0, partial(_factor, where, form))
            if w.dtype.kind == "f" and w.shape == np.shape(value):
                yield Measured(1.0, partial(_term, where))
            for place, shape in _untouched(passes, i) if w.dtype.kind in "fb" else ():
                if stretches(w.shape, shape):
                    yield Measured(1.0, partial(_operand_factor, where, place))
    yield Measured(None, partial(_scaled, site, expression))
    yield Measured(None, partial(_shifted, site, expression))


_FORMS: dict[str, Callable[[Any], Any]] = {
    "{}": lambda w: w,
    "1/{}": np.reciprocal,
    "(1 - {})": lambda w: 1 - w,
    "{}²": np.square,
    "1/{}²": lambda w: 1 / np.square(w),
    "√{}": np.sqrt,
    "1/√{}": lambda w: 1 / np.sqrt(w),
    "exp({})": np.exp,
    "exp(-{})": lambda w: np.exp(-w),
}


class _Where(NamedTuple):
    """A value to be brought in at an expression. axis: a new axis that makes it fit, -1 for none, None if none does;
    is_mask: whether it is 0 or 1 everywhere."""

    site: Site
    key: object
    alignment: Alignment
    expression: Expression
    name: str
    cost: float
    axis: int | None
    is_mask: bool


def _new_axis(small: tuple[int, ...], large: tuple[int, ...]) -> int | None:
    if stretches(small, large):
        return -1
    if len(small) < len(large):
        for axis in range(len(small) + 1):
            if stretches((*small[:axis], 1, *small[axis:]), large):
                return axis
    return None


def _scaled(site: Site, expression: Expression, c: float, told: str) -> Edit:
    is_sign = abs(c + 1) < 1e-6
    words = f"in {expression}, the sign is turned" if is_sign else f"{expression} is to be multiplied by {told}"
    change = everywhere(site, partial(then, partial(operator.mul, c)))
    return Edit("sign" if is_sign else "constant_factor", words, site, change, 0.35 if is_sign else 1.15)


def _parts(shape: tuple[int, ...]) -> Iterator[tuple[str, Callable[[tuple[int, ...]], Any]]]:
    """Parts of an array in which a formula may be another one: words, and shape -> where."""
    if len(shape) > 1 and shape[-1] == shape[-2] > 1:
        yield "on the diagonal", lambda shape: np.eye(shape[-1], dtype=bool)
        yield "beside the diagonal", lambda shape: ~np.eye(shape[-1], dtype=bool)
        yield "above the diagonal", lambda shape: np.triu(np.ones(shape[-2:], bool), 1)
        yield "below the diagonal", lambda shape: np.tril(np.ones(shape[-2:], bool), -1)
    for axis, n in enumerate(shape):
        along = f" along axis {axis}" if len(shape) > 1 else ""
        for told, place in (("first", slice(0, 1)), ("last", slice(-1, None))) if n > 2 else ():
            yield f"in the {told} place{along}", partial(_at_places, axis, place)
        if n > 2:
            yield f"between the first and the last place{along}", partial(_at_places, axis, slice(1, -1))


def _at_places(axis: int, place: slice, shape: tuple[int, ...]) -> Any:
    where = np.zeros(shape, bool)
    where[(slice(None),) * axis + (place,)] = True
    return where


def _part_scaled(
    site: Site, expression: Expression, which: str, part: Callable[[tuple[int, ...]], Any], c: float, told: str
) -> Edit:
    words = f"what stands in {expression} {which} is to be multiplied by {told}"
    change = everywhere(site, partial(then, lambda x: x * np.where(part(np.shape(x)), c, 1)))
    return Edit("constant_factor", words, site, change, 1.2)


def _shifted(site: Site, expression: Expression, c: float, told: str) -> Edit:
    sentence = f"to {expression} the number {told} is to be added"
    return Edit("missing_path", sentence, site, everywhere(site, partial(then, partial(operator.add, c))), 2.0)


def _factor(where: _Where, form: str, c: float, told: str) -> Edit:
    times = f"{told} times " if told else ""
    is_slope = isinstance(where.key, tuple) and where.key[0] == "slope"
    sentence = f"in {where.expression}, the factor {times}{form.format(where.name)} is missing"
    if form == "1/{}":
        sentence += f": {where.name} stands there once too often, or a division by it is missing"
    change = with_value(where.site, where.key, where.alignment, partial(_times, c, _FORMS[form], where.axis))
    return Edit(
        "mask_leak" if where.is_mask else "missing_factor",
        sentence,
        where.site,
        change,
        where.cost + 0.1 + (0 if form in ("{}", "1/{}") else 0.3 + 0.5 * is_slope),
    )


def _untouched(passes: BothPasses, i: int) -> Iterator[tuple[int, tuple[int, ...]]]:
    """The arguments of a step, each with its shape, that no expression before it could change in its place: an input,
    the upstream, and in a sum what has a name."""
    step, expression = passes.steps[i], expression_at(passes.steps[i].place)
    for place, arg in enumerate(step.args):
        if not isinstance(arg, StepReference):
            continue
        is_named = expression is not None and "".join(expression.operands[place : place + 1]).isidentifier()
        if (arg.step <= passes.upstream and step.name in _WHOLE) or (is_named and step.name in ("add", "subtract")):
            yield place, np.shape(passes.values[arg.step])


_WHOLE = ("sum", "mean", "matmul", "dot", "einsum", "add.reduce", "cumsum", "outer")


def _operand_factor(where: _Where, place: int, c: float, told: str) -> Edit:
    expression = where.expression
    named = expression.operands[place] if place < len(expression.operands) else "an operand"
    times = f"{told} times " if told else ""
    sentence = f"in {expression}, `{named}` stands where `{named}` times {times}{where.name} belongs"

    def change(passes: BothPasses, i: int, values: list[Any], w: Any) -> Any:
        return operand_changed(place, lambda x: x * (c * np.asarray(w, float)), passes, i, values)

    return Edit("missing_factor", sentence, where.site, with_value(where.site, where.key, where.alignment, change), 1.0)


def _times(
    c: float,
    form: Callable[[Any], Any],
    axis: int | None,
    passes: BothPasses,
    i: int,
    values: list[Any],
    w: Any,
) -> Any:
    w = np.asarray(w)
    factor = c * form(w.astype(float) if w.dtype.kind == "b" else w)
    return passes.runs[i](values) * (factor if axis in (-1, None) else np.expand_dims(factor, axis))


def _term(where: _Where, c: float, told: str) -> Edit:
    times = "-" if abs(c + 1) < 1e-6 else f"{told} times " if told else ""
    change = with_value(where.site, where.key, where.alignment, partial(_plus_times, c))
    if where.key == ("result", (False, where.site)) and not times:
        kept = f"of the times that {where.expression} runs the last alone is kept"
        sentence = f"{kept}: each overwrites the one before, and += belongs there"
        return Edit("overwritten_not_accumulated", sentence, where.site, change, 0.5)
    sentence = f"to {where.expression} the term {times}{where.name} is to be added, which is missing"
    return Edit("missing_path", sentence, where.site, change, where.cost + 0.2 + 0.1 * bool(times))


def _plus_times(c: float, passes: BothPasses, i: int, values: list[Any], w: Any) -> Any:
    return passes.runs[i](values) + c * w
