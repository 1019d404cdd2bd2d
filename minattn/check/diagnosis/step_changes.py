"""What a step of backward gives after a change of it: the building blocks of edits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ...trace import Step, StepReference
from .both_passes import BothPasses
from .step_values import local_slope
from .values_over_time import Alignment, NewValue, Site

Change = Callable[[BothPasses, int, list[Any]], Any]
"""(passes, step, the values before it) -> its value after the edit."""


def everywhere(site: Site, change: Change) -> Callable[[BothPasses], Mapping[int, NewValue] | None]:
    """The same change each time that a site runs."""

    def changes(passes: BothPasses) -> Mapping[int, NewValue] | None:
        return {i: partial(change, passes, i) for i in passes.sites.get(site, ())} or None

    return changes


def with_value(
    site: Site,
    key: object,
    alignment: Alignment,
    change: Callable[[BothPasses, int, list[Any], Any], Any],
    fills: bool = False,
) -> Callable[[BothPasses], Mapping[int, NewValue] | None]:
    """Changes that use the value of a sequence at the same time. fills: where it has none, 0 like its other values."""

    def changes(passes: BothPasses) -> Mapping[int, NewValue] | None:
        pairs = passes.at_time(key, alignment, site)
        if pairs is None:
            return None
        found: dict[int, NewValue] = {i: partial(_given, change, passes, i, other) for i, other in pairs.items()}
        if fills and len(found) < len(passes.sites[site]):
            zero = np.zeros_like(passes.values[next(iter(pairs.values()))])
            for i in set(passes.sites[site]) - set(found):
                found[i] = partial(_filled, change, passes, i, zero)
        return found

    return changes


def _filled(change: Callable[..., Any], passes: BothPasses, i: int, zero: Any, values: list[Any]) -> Any:
    return change(passes, i, values, zero)


def _given(change: Callable[..., Any], passes: BothPasses, i: int, other: int, values: list[Any]) -> Any:
    return change(passes, i, values, values[other])


def by_function(function: Callable[..., Any], passes: BothPasses, i: int, values: list[Any]) -> Any:
    """Another function of the same operands."""
    return replace(passes.steps[i], function=function).run([values[p] for p in passes.steps[i].parents])


def kept_operand(k: int, form: str, passes: BothPasses, i: int, values: list[Any]) -> Any:
    """One operand in place of the result; form: "-" or "1/" before it."""
    step = passes.steps[i]
    arg = step.args[k + (step.name == "at")]
    x = values[arg.step] if isinstance(arg, StepReference) else arg
    x = -x if form == "-" else 1 / x if form == "1/" else x
    return (
        np.broadcast_to(x, np.shape(values[i])).copy()
        if np.shape(x) != np.shape(values[i]) and np.size(x) <= np.size(values[i])
        else x
    )


def negated(passes: BothPasses, i: int, values: list[Any]) -> Any:
    """The result with its sign turned."""
    return -passes.runs[i](values)


def then(function: Callable[[Any], Any], passes: BothPasses, i: int, values: list[Any]) -> Any:
    """A function of the result."""
    return function(passes.runs[i](values))


def summed(axis: int, x: Any) -> Any:
    """The sum along an axis, as often as there was something to sum."""
    return np.broadcast_to(x.sum(axis=axis, keepdims=True), x.shape)


def averaged(axis: int, x: Any) -> Any:
    """The mean along an axis, as often as there was something to average."""
    return np.broadcast_to(x.mean(axis=axis, keepdims=True), x.shape)


def product(turned: tuple[bool, bool], exchanged: bool, passes: BothPasses, i: int, values: list[Any]) -> Any:
    """The product of two matrices, with some of them transposed, or exchanged."""
    a, b = (values[p] for p in passes.steps[i].parents)
    a, b = (x.swapaxes(-1, -2) if t and np.ndim(x) > 1 else x for x, t in zip((a, b), turned, strict=True))
    return b @ a if exchanged else a @ b


def to_the_power(m: float, passes: BothPasses, i: int, values: list[Any]) -> Any:
    """Another power of the first operand."""
    return values[passes.steps[i].parents[0]] ** float(m)


def with_number(k: int, number: float, passes: BothPasses, i: int, values: list[Any]) -> Any:
    """Another number for one argument."""
    step = passes.steps[i]
    args = (*step.args[:k], number, *step.args[k + 1 :])
    return replace(step, args=args).run([values[p] for p in step.parents])


def rerun(kwargs: dict[str, Any], passes: BothPasses, i: int, values: list[Any]) -> Any:
    """The same call with other keywords."""
    step = passes.steps[i]
    return replace(step, kwargs={**step.kwargs, **kwargs}).run([values[p] for p in step.parents])


def reduced_by(function: Callable[..., Any], passes: BothPasses, i: int, values: list[Any]) -> Any:
    """Another reduction along the same axes."""
    step = passes.steps[i]
    kwargs = {k: v for k, v in step.kwargs.items() if k in ("axis", "keepdims")}
    return function(values[step.parents[0]], *step.args[1:], **kwargs)


def cumsum_from_the_end(passes: BothPasses, i: int, values: list[Any]) -> Any:
    """A cumulative sum from the other end."""
    step = passes.steps[i]
    axis = step.kwargs.get("axis", step.args[1] if len(step.args) > 1 else None)
    return np.flip(step.run([np.flip(values[step.parents[0]], axis)]), axis)


def slope_of_step(passes: BothPasses, i: int, values: list[Any]) -> Any:
    """The slope of a function of one operand in place of its value."""
    step = passes.steps[i]
    return local_slope(step, [values[p] for p in step.parents], 0)


def exchanged_branches(passes: BothPasses, i: int, values: list[Any]) -> Any:
    """where with its branches exchanged."""
    step = passes.steps[i]
    c, a, b = (values[x.step] if isinstance(x, StepReference) else x for x in step.args)
    return np.where(c, b, a)


def branch(k: int, passes: BothPasses, i: int, values: list[Any]) -> Any:
    """One branch of where, everywhere."""
    arg = passes.steps[i].args[k]
    x = values[arg.step] if isinstance(arg, StepReference) else arg
    return np.broadcast_to(x, np.shape(values[i])).copy()


def moved_axes(passes: BothPasses, i: int, values: list[Any]) -> Any:
    """A transpose in place of a reshape to the shape of a transpose."""
    x, shape = values[passes.steps[i].parents[0]], np.shape(values[i])
    return x.reshape(shape[::-1]).T


def repeated_otherwise(passes: BothPasses, i: int, values: list[Any]) -> Any:
    """Each number repeated, in place of the whole as often, or the other way round."""
    x = values[passes.steps[i].parents[0]]
    times = [after // before for before, after in zip(np.shape(x), np.shape(values[i]), strict=True)]
    if passes.steps[i].name == "repeat":
        return np.tile(x, times)
    for axis, n in enumerate(times):
        x = np.repeat(x, n, axis=axis)
    return x


def accumulated(repeats: bool, passes: BothPasses, i: int, values: list[Any]) -> Any:
    """An assignment that adds instead; repeats: also at places that repeat."""
    step = passes.steps[i]
    x, key, value = resolved(step, values)
    x = np.array(x)
    if repeats:
        np.add.at(x, key, value)
    else:
        x[key] += value
    return x


def resolved(step: Step, values: list[Any]) -> tuple[Any, ...]:
    """A step's arguments, with the values that they stand for."""
    collect = replace(step, function=lambda *args, **kwargs: args)
    return tuple(collect.run([values[p] for p in step.parents]))


def operand_changed(place: int, form: Callable[[Any], Any], passes: BothPasses, i: int, values: list[Any]) -> Any:
    """An argument in another form."""
    args = resolved(passes.steps[i], values)
    return _called(passes.steps[i], (*args[:place], form(args[place]), *args[place + 1 :]))


def operand_replaced(place: int, passes: BothPasses, i: int, values: list[Any], w: Any) -> Any:
    """Another value for an argument."""
    args = resolved(passes.steps[i], values)
    return _called(passes.steps[i], (*args[:place], w, *args[place + 1 :]))


def _called(step: Step, args: tuple[Any, ...]) -> Any:
    return step.function(*args, **step.kwargs)
