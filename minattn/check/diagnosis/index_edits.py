"""Slips in an index: an offset, another slice, an assignment where places repeat."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ...trace import Step, StepReference
from .both_passes import BothPasses
from .step_changes import Change, accumulated, everywhere, resolved
from .values_over_time import Edit, NewValue, Site


def index_edits(passes: BothPasses, site: Site) -> Iterator[Edit]:
    """The slips in an index; where something is added at it, what is there is read from the other index too."""
    expression, step = passes.expression(site), passes.steps[passes.sites[site][0]]
    if step.name not in ("getitem", "setitem", "at") or (step.name == "getitem" and _partner(passes, site)):
        return
    for kind, slip, change in _slips(passes, step):
        where = everywhere if kind == "overwritten_not_accumulated" else _at_target
        yield Edit(kind, f"in {expression}, {slip}", site, where(site, change), 0.5)
    for other in passes.sites:
        if (
            other != site
            and _may_share_index(passes, site, other)
            and len(passes.sites[other]) == len(passes.sites[site])
        ):
            words = passes.expression(other)
            if words.text != expression.text:
                slip = f"in {expression}, the index of {words} belongs"
                yield Edit("wrong_index", slip, site, partial(_with_keys_of, site, other, False), 0.7)
                slip = f"the indices of {expression} and {words} are to be exchanged"
                yield Edit("wrong_index", slip, site, partial(_with_keys_of, site, other, True), 0.6)


def _may_share_index(passes: BothPasses, site: Site, other: Site) -> bool:
    """Whether both are written to, or are of one line."""
    one, two = (passes.steps[passes.sites[s][0]] for s in (site, other))
    if one.name == two.name == "setitem":
        return True
    return two.name == "getitem" and one.place.line == two.place.line and _partner(passes, other) is None


def _partner(passes: BothPasses, site: Site) -> Site | None:
    """Of `x[i] += y`, which reads and writes, the other of the two."""
    steps = passes.sites[site]
    first = passes.steps[steps[0]]
    wanted, expression = {"getitem": "setitem", "setitem": "getitem"}.get(first.name), passes.expression(site)
    for other, there in passes.sites.items():
        second = passes.steps[there[0]]
        is_beside = second.name == wanted and len(there) == len(steps) and second.place.line == first.place.line
        if is_beside and passes.expression(other).text == expression.text:
            return other
    return None


def _at_target(site: Site, change: Change) -> Callable[[BothPasses], Mapping[int, NewValue] | None]:
    """A change of an index where it is read and where it is written."""

    def changes(passes: BothPasses) -> Mapping[int, NewValue] | None:
        partner = _partner(passes, site) if site in passes.sites else None
        both = [everywhere(s, change)(passes) for s in (site, partner) if s is not None]
        return {i: new for each in both if each is not None for i, new in each.items()} or None

    return changes


def _with_keys_of(site: Site, other: Site, exchanged: bool, passes: BothPasses) -> Mapping[int, NewValue] | None:
    """Each time the index that another expression has."""
    if other not in passes.sites or len(passes.sites[other]) != len(passes.sites[site]):
        return None
    changes: dict[int, NewValue] = {}
    for one, two in ((site, other), (other, site))[: 1 + exchanged]:
        for here in (one, _partner(passes, one)):
            for i, j in zip(passes.sites[here], passes.sites[two], strict=True) if here is not None else ():
                changes[i] = partial(_at_key, passes.steps[j].args[1], passes, i)
    return changes


def _slips(passes: BothPasses, step: Step) -> Iterator[tuple[str, str, Change]]:
    """Kind, words and change for each slip in the index of a step."""
    key = step.args[2] if step.name == "at" else step.args[1]
    for other in _keys_elsewhere(passes, step):
        yield "wrong_index", f"the index {_key(key)} stands where {_key(other)} belongs", partial(_at_key, other)
    for what, move in _other_keys(key):
        yield "wrong_index", f"the index is another one: {what}", partial(_at_moved_key, move)
    for what, form in _FORMS.items() if any(isinstance(p, StepReference | np.ndarray) for p in _parts(key)) else ():
        yield "wrong_index", what, partial(_at_formed_key, form)
    if step.name == "setitem":
        slip = "= overwrites what is there already; += belongs there"
        yield "overwritten_not_accumulated", slip, partial(accumulated, False)
        slip = "of places that repeat the last alone is kept; np.add.at belongs there"
        yield "overwritten_not_accumulated", slip, partial(accumulated, True)


def _one_each(x: Any, key: Any) -> Any:
    """One place a row, in place of those places in every row."""
    lengths = [np.size(part) for part in _parts(key) if np.ndim(part) == 1]
    if not lengths or not any(part == slice(None) for part in _parts(key) if isinstance(part, slice)):
        raise IndexError(key)
    return tuple(np.arange(lengths[0]) if isinstance(part, slice) else part for part in _parts(key))


def _inverse(x: Any, key: Any) -> Any:
    """Where each went, in place of where each came from."""
    if not any(np.array_equal(np.sort(part), np.arange(np.size(part))) for part in _parts(key) if np.ndim(part) == 1):
        raise IndexError(key)
    parts = tuple(np.argsort(part) if np.ndim(part) == 1 else part for part in _parts(key))
    return parts if type(key) is tuple else parts[0]


_ORDINALS = {2: "second", 3: "third"}

_FORMS: dict[str, Callable[[Any, Any], Any]] = {
    "`:` takes those places in every row; np.arange belongs there, for one place in each": _one_each,
    "the order is the other way round: what is laid back needs the inverse, np.argsort of the index": _inverse,
}


def _at_formed_key(form: Callable[[Any, Any], Any], passes: BothPasses, i: int, values: list[Any]) -> Any:
    step = passes.steps[i]
    args = list(resolved(step, values))
    place = 2 if step.name == "at" else 1
    args[place] = form(args[place - 1], args[place])
    if step.name == "setitem" and np.size(args[2]) > 1:
        args[2] = np.reshape(args[2], np.shape(args[0][args[1]]))
    return step.function(*args, **step.kwargs)


def _keys_elsewhere(passes: BothPasses, step: Step) -> list[Any]:
    """The indices of the same form that other expressions use."""
    own = step.args[2] if step.name == "at" else step.args[1]
    found = {repr(own): own}
    for other in passes.steps[passes.upstream + 1 :]:
        if other.name in ("getitem", "setitem") and type(other.args[1]) is type(own) and type(own) in (slice, tuple):
            parts = _parts(other.args[1])
            if all(type(part) in (int, slice, type(None), type(...)) for part in parts):
                found.setdefault(repr(other.args[1]), other.args[1])
    return list(found.values())[1:20]


def _parts(key: Any) -> tuple[Any, ...]:
    return key if type(key) is tuple else (key,)


def _key(key: Any) -> str:
    """An index as it is written."""

    def part(x: Any) -> str:
        if not isinstance(x, slice):
            return "..." if x is ... else str(x)
        step = "" if x.step is None else f":{x.step}"
        return f"{'' if x.start is None else x.start}:{'' if x.stop is None else x.stop}{step}"

    return f"`[{', '.join(map(part, _parts(key)))}]`"


def _other_keys(key: Any) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """An index one further on, or back: what to call it, and the change of an index of this form."""
    for shift in (1, -1):
        sign = "+" if shift > 0 else "-"
        kinds = [type(part) for part in _parts(key)]
        for k, kind in enumerate(kinds):
            if kind is int:
                which = f" of axis {k}" if len(kinds) > 1 else ""
                yield f"i {sign} 1 in place of i{which}", partial(_moved_key, (k,), (shift, shift))
            elif kind is slice:
                yield f"start and stop {sign} 1", partial(_moved_key, (k,), (shift, shift))
                yield f"start {sign} 1", partial(_moved_key, (k,), (shift, 0))
                yield f"stop {sign} 1", partial(_moved_key, (k,), (0, shift))
        if int in kinds or slice in kinds:
            for factor in (2, 3):
                scaled = f"every place is to be {factor} times as far on, as with a stride or a dilation"
                if shift > 0:
                    yield scaled, partial(_scaled_key, factor)
                if shift > 0 and slice in kinds:
                    yield f"every {_ORDINALS[factor]} of the places from there on", partial(_strided_key, factor)
        if kinds.count(int) + kinds.count(np.int64) == 2 == len(kinds) and shift > 0:
            yield "the two indices are to be exchanged", lambda key: key[::-1]
        slices = tuple(k for k, kind in enumerate(kinds) if kind is slice)
        if len(slices) > 1:
            yield f"start and stop {sign} 1 along {len(slices)} axes", partial(_moved_key, slices[-2:], (shift, shift))


def _moved_key(places: tuple[int, ...], shift: tuple[int, int], key: Any) -> Any:
    parts = list(_parts(key))
    for k in places:
        part = parts[k]
        if isinstance(part, slice):
            parts[k] = slice(_plus(part.start, shift[0]), _plus(part.stop, shift[1]), part.step)
        else:
            parts[k] = part + shift[0]
    return tuple(parts) if type(key) is tuple else parts[0]


def _scaled_key(factor: int, key: Any) -> Any:
    """Each index times a factor; a slice starts there, and is as long as it was."""
    parts: list[Any] = []
    for part in _parts(key):
        if isinstance(part, slice) and type(part.start) is int and type(part.stop) is int:
            parts.append(slice(factor * part.start, factor * part.start + part.stop - part.start, part.step))
        else:
            parts.append(factor * part if type(part) is int else part)
    return tuple(parts) if type(key) is tuple else parts[0]


def _strided_key(factor: int, key: Any) -> Any:
    """As many places as before, each a few after the one before."""

    def strided(part: Any) -> Any:
        if not (isinstance(part, slice) and type(part.start) is type(part.stop) is int and part.step is None):
            return part
        return slice(part.start, part.start + factor * (part.stop - part.start - 1) + 1, factor)

    parts = tuple(map(strided, _parts(key)))
    return parts if type(key) is tuple else parts[0]


def _plus(number: Any, shift: int) -> Any:
    if number is None and shift > 0:
        return shift
    if type(number) is not int or (number >= 0 > number + shift):
        return number
    return None if number < 0 <= number + shift else number + shift


def _at_moved_key(move: Callable[[Any], Any], passes: BothPasses, i: int, values: list[Any]) -> Any:
    """At a moved index; 0 where there is nothing at it, as before the first time."""
    step = passes.steps[i]
    key = step.args[2 if step.name == "at" else 1]
    moved = move(key)
    if step.name == "getitem" and any(type(part) is int and part < 0 for part in _parts(moved)) and moved != key:
        return np.zeros_like(values[i])
    try:
        return _at_key(moved, passes, i, values)
    except IndexError:
        if step.name != "getitem":
            raise
        return np.zeros_like(values[i])


def _at_key(key: Any, passes: BothPasses, i: int, values: list[Any]) -> Any:
    step = passes.steps[i]
    place = 2 if step.name == "at" else 1
    args = (*step.args[:place], key, *step.args[place + 1 :])
    return replace(step, args=args).run([values[p] for p in step.parents])
