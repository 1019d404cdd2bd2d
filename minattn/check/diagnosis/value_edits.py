"""Slips in what it is done with: another value for an operand, or the operand in another form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from ...trace import StepReference, expression_at
from .both_passes import BothPasses
from .step_changes import averaged, everywhere, operand_changed, operand_replaced, summed, with_value
from .values_over_time import ONCE, Alignment, Edit, Site


def value_edits(passes: BothPasses, site: Site) -> Iterator[Edit]:
    """Another value for an operand, or the operand in another form."""
    expression, i = passes.expression(site), passes.sites[site][0]
    step = passes.steps[i]
    of_backward = {sequence.name for sequence in passes.sequences.values() if not sequence.is_forward}
    words = [*expression.operands, "the first operand", "the second operand", "the third operand"]
    for place, arg in enumerate(step.args):
        later = (passes.steps[j].args[place] for j in passes.sites[site] if place < len(passes.steps[j].args))
        arg = next((a for a in later if isinstance(a, StepReference)), arg)  # a number before the first time
        old = passes.values[arg.step] if isinstance(arg, StepReference) else arg
        if not isinstance(old, np.ndarray | np.generic) or (step.name == "getitem" and place == 0):
            continue
        named = words[place] if place < len(words) else "an operand"
        for kind, told, form in other_forms(old):
            sentence = f"in {expression}, `{named}` stands where {told.format(f'`{named}`')} belongs"
            cost = {"mask_leak": 0.4, "missing_transpose": 0.6, "cross_terms_missing": 1.2}.get(kind, 1.1)
            yield Edit(kind, sentence, site, everywhere(site, partial(operand_changed, place, form)), cost)
        for key, sequence in passes.different_sequences.items():
            for alignment in passes.alignments(sequence, site):
                pairs = passes.at_time(key, alignment, site)
                if pairs is None or all(_stands_there(passes, here, place, there) for here, there in pairs.items()):
                    continue
                cost = cost_of_value(key, sequence.name)
                w = passes.values[next(iter(pairs.values()))]
                if np.shape(w) == np.shape(old) or (cost < _PLAIN_NAME and stretches(np.shape(old), np.shape(w))):
                    told = in_backticks(sequence.name) + time_words(alignment)
                    if sequence.is_forward and sequence.name in of_backward:
                        told = f"forward's {told}"
                    if alignment.is_reversed and told.strip("`").startswith(named):
                        told += " in the reverse order"
                    sentence = f"in {expression}, `{named}` stands where {told} belongs"
                    if changed := _changed_in_place(passes, arg, next(iter(pairs.values()))):
                        sentence = f"in {expression}, `{named}` has been changed in place by {changed}; {_BEFORE}"
                    change = with_value(site, key, alignment, partial(operand_replaced, place), alignment != ONCE)
                    yield Edit("wrong_variable", sentence, site, change, cost)


_PLAIN_NAME = 0.7  # cost of a value that has a name
_BEFORE = "the value that it had before belongs there"


def _changed_in_place(passes: BothPasses, arg: Any, wanted: int) -> str | None:
    """The assignment that has turned the wanted value into the one that is there, if it is one."""
    step = arg.step if isinstance(arg, StepReference) else -1
    told = None
    while step > passes.upstream and step != wanted:
        expression = expression_at(passes.steps[step].place)
        is_assignment = passes.steps[step].name in ("setitem", "at") or "=" in getattr(expression, "text", "")
        if not is_assignment or not passes.steps[step].parents:
            return None
        told, step = str(expression), passes.steps[step].parents[0]
    return told if step == wanted else None


def cost_of_value(key: object, name: str) -> float:
    """What it costs to bring in a value: an input or what has a name less than what is computed somewhere."""
    if isinstance(key, tuple) and key[0] == "slope":
        return 0.8
    if "`" not in name:
        return 0.6
    return 1.2 if "(line" in name else 0.75


def _stands_there(passes: BothPasses, here: int, place: int, there: int) -> bool:
    arg = passes.steps[here].args[place]
    return isinstance(arg, StepReference) and arg.step == there


def other_forms(x: Any) -> Iterator[tuple[str, str, Callable[[Any], Any]]]:
    """Kind, words and function for each form in which a value may belong."""
    if x.dtype.kind == "b":
        yield "mask_leak", "not {}", np.logical_not
    if x.dtype.kind != "f":
        return
    for axis in range(np.ndim(x)):
        if np.shape(x)[axis] > 1:
            along = f" along axis {axis}" if np.ndim(x) > 1 else ""
            yield "cross_terms_missing", f"the sum of {{}}{along}", partial(summed, axis)
            yield "cross_terms_missing", f"the mean of {{}}{along}", partial(averaged, axis)
            yield "wrong_index", f"{{}} one place further on{along}", partial(np.roll, shift=-1, axis=axis)
            yield "wrong_index", f"{{}} one place further back{along}", partial(np.roll, shift=1, axis=axis)
            yield "wrong_axis", f"{{}} in reversed order{along}", partial(np.flip, axis=axis)
    if np.ndim(x) > 1 and x.shape[-1] == x.shape[-2]:
        yield "missing_transpose", "{} transposed", partial(np.swapaxes, axis1=-1, axis2=-2)
        yield "missing_path", "{0} + {0}ᵀ", lambda x: x + x.swapaxes(-1, -2)
    if np.ndim(x) > 1:
        yield "cross_terms_missing", "the sum of all of {}", lambda x: np.broadcast_to(x.sum(), x.shape)
    yield "sign", "-{}", np.negative
    yield "sign", "|{}|", np.abs
    if has_few_values(x):
        return
    yield "wrong_variable", "{}²", np.square
    yield "wrong_variable", "√{}", np.sqrt
    yield "wrong_variable", "1/{}", np.reciprocal
    yield "wrong_variable", "1 - {}", lambda x: 1 - x
    yield "wrong_variable", "exp({})", np.exp
    yield "wrong_variable", "log({})", np.log


def has_few_values(x: Any) -> bool:
    """Whether an array has so few different values, as a mask has, that a function of it may fit by chance."""
    return np.size(x) > 3 and len(np.unique(x)) < 4


def time_words(alignment: Alignment) -> str:
    """Which time a value is of, for a sentence."""
    if alignment.later in (1, -1):
        return " of the time before" if (alignment.later == 1) is not alignment.is_reversed else " of the time after"
    return ""


def in_backticks(name: str) -> str:
    """A name as code, where it is not a description."""
    return name if "`" in name or " " in name else f"`{name}`"


def stretches(small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    """Whether an array of one shape is stretched to the other by broadcasting."""
    try:
        return np.broadcast_shapes(small, large) == large
    except ValueError:
        return False
