"""Slips in an index: an offset, another slice, an assignment where places repeat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ...trace import Step
from .both_passes import BothPasses
from .step_changes import Change, accumulated


def index_slips(passes: BothPasses, step: Step) -> Iterator[tuple[str, str, Change]]:
    """Kind, words and change for each slip in the index of a step, where it has one."""
    if step.name not in ("getitem", "setitem", "at"):
        return
    key = step.args[2] if step.name == "at" else step.args[1]
    for other in _keys_elsewhere(passes, step):
        yield "wrong_index", f"the index {_key(key)} stands where {_key(other)} belongs", partial(_at_key, other)
    for what, move in _other_keys(key):
        yield "wrong_index", f"the index is another one: {what}", partial(_at_moved_key, move)
    if step.name == "setitem":
        slip = "= overwrites what is there already; += belongs there"
        yield "overwritten_not_accumulated", slip, partial(accumulated, False)
        slip = "of places that repeat the last alone is kept; np.add.at belongs there"
        yield "overwritten_not_accumulated", slip, partial(accumulated, True)


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


def _plus(number: Any, shift: int) -> Any:
    if number is None and shift > 0:
        return shift
    return number + shift if type(number) is int and number + shift >= 0 else number


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
