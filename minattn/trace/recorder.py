"""The steps of a forward pass: NumPy's calls, recorded while it runs, so that each step can be run again by itself.

A `RecordedArray` stands for an array and answers to NumPy's protocols (NEP 13 and 18): what is computed from it is
computed as always, and written down as a `Step`. Where a function does what cannot be followed (`float(x)`, writing
into a plain array), `record` returns None.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..backend import Array
from .followed_numpy import FollowedNumPy, with_followed_numpy

_MOST_STEPS = 400
_INSIDE = (str(Path(__file__).parent), str(Path(np.__file__).parent))


class Untraceable(Exception):
    """The function does something that a RecordedArray cannot follow."""


@dataclass(frozen=True)
class StepReference:
    """The value of an earlier step, in the arguments of a later one."""

    step: int


@dataclass(frozen=True)
class Step:
    """One call: function(*args, **kwargs), where a StepReference stands for the value of an earlier step.

    parents: the steps that the arguments refer to, in order, one an operand
    place: file, line and instruction of the call
    """

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    parents: tuple[int, ...]
    place: tuple[str, int, int]

    def run(self, operands: Iterable[Any]) -> Any:
        """The call with other operands, one a parent."""
        supply = iter(operands)
        given = self.args, dict(self.kwargs)
        args, kwargs = _map_leaves(lambda x: next(supply) if isinstance(x, StepReference) else x, given)
        return self.function(*args, **kwargs)


class Recorder:
    """The steps so far, and the value of each."""

    def __init__(self, inputs: Iterable[Any]) -> None:
        self.values: list[Any] = list(inputs)
        self.steps = [Step("input", lambda: None, (), {}, (), ("", 0, 0)) for _ in self.values]

    def apply(self, name: str, function: Callable[..., Any], given: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        """Call and write down; a RecordedArray for what is an array, anything else as it is."""
        if len(self.steps) > _MOST_STEPS:
            raise Untraceable(f"more than {_MOST_STEPS} steps")
        parents: list[int] = []
        args, kwargs = _with_references((given, dict(named)), parents)
        step = Step(name, function, args, kwargs, tuple(parents), _place())
        value = step.run([self.values[i] for i in parents])
        if isinstance(value, list | tuple):  # np.split and the like: a step for each of the arrays
            return type(value)(self.apply(name, _item(function, i), given, named) for i in range(len(value)))
        if not isinstance(value, np.ndarray | np.generic):
            return value
        self.steps.append(step)
        self.values.append(np.asarray(value))
        return RecordedArray(self, len(self.steps) - 1)


class RecordedArray(NDArrayOperatorsMixin):
    """Stands for an array that a Recorder follows."""

    def __init__(self, recorder: Recorder, step: int) -> None:
        self._recorder, self._step = recorder, step

    @property
    def value(self) -> Any:
        """The numbers of the step that it stands for."""
        return self._recorder.values[self._step]

    shape, ndim, size, dtype, flags, strides, nbytes = (
        property(operator.attrgetter(f"value.{name}"))
        for name in ("shape", "ndim", "size", "dtype", "flags", "strides", "nbytes")
    )
    T = property(lambda self: self._recorder.apply("transpose", np.transpose, (self,), {}))
    mT = property(lambda self: self._recorder.apply("matrix_transpose", np.matrix_transpose, (self,), {}))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        if method == "at":
            inputs[0]._stand_for(self._recorder.apply("at", _at, (ufunc, *inputs), kwargs))
            return None
        name, function = ufunc.__name__, ufunc
        if method != "__call__":
            name, function = f"{name}.{method}", getattr(ufunc, method)
        return self._write_to(self._recorder.apply(name, function, inputs, kwargs), out)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        kwargs = dict(kwargs)
        out = kwargs.pop("out", None)
        return self._write_to(self._recorder.apply(function.__name__, function, args, kwargs), out)

    def _write_to(self, result: Any, out: Any) -> Any:
        target = out[0] if isinstance(out, tuple) else out
        if isinstance(target, RecordedArray):
            target._stand_for(result)
            return target
        return result  # `plain += recorded` binds the name to what comes back

    def _stand_for(self, other: RecordedArray) -> None:
        self._step = other._step

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_") or name in _FORBIDDEN or not callable(getattr(np.ndarray, name, None)):
            raise Untraceable(name)

        def method(*args: Any, **kwargs: Any) -> Any:
            out = kwargs.pop("out", None)
            return self._write_to(self._recorder.apply(name, call, (self, *args), kwargs), out)

        def call(x: Any, *args: Any, **kwargs: Any) -> Any:
            return getattr(x, name)(*args, **kwargs)

        return method

    def __getitem__(self, key: Any) -> Any:
        return self._recorder.apply("getitem", operator.getitem, (self, key), {})

    def __setitem__(self, key: Any, value: Any) -> None:
        self._stand_for(self._recorder.apply("setitem", _set, (self, key, value), {}))

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.value)

    def __index__(self) -> int:
        return operator.index(self.value)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise Untraceable("np.asarray of an array that is followed")

    def __float__(self) -> float:
        raise Untraceable("a Python number made of an array that is followed")


_FORBIDDEN = {"tolist", "item", "fill", "sort", "partition", "put", "resize", "tobytes", "setflags", "view", "setfield"}


def _item(function: Callable[..., Any], which: int) -> Callable[..., Any]:
    """… -> function(…)[which]"""
    return lambda *args, **kwargs: function(*args, **kwargs)[which]


def _at(ufunc: np.ufunc, x: Array, key: Any, *values: Any) -> Array:
    x = np.array(x)
    ufunc.at(x, key, *values)
    return x


def _set(x: Array, key: Any, value: Any) -> Array:
    x = np.array(x)
    x[key] = value
    return x


def _place() -> tuple[str, int, int]:
    """File, line and instruction of the caller outside of this package and of NumPy."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_INSIDE):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno, frame.f_lasti


def _with_references(item: Any, parents: list[int]) -> Any:
    """The same structure with a StepReference for every RecordedArray."""

    def refer(leaf: Any) -> Any:
        if not isinstance(leaf, RecordedArray):
            return leaf
        parents.append(leaf._step)
        return StepReference(leaf._step)

    return _map_leaves(refer, item)


def _map_leaves(change: Callable[[Any], Any], item: Any) -> Any:
    """The same structure of tuples, lists, dicts and slices, with each thing in it changed."""
    if type(item) in (tuple, list):
        return type(item)(_map_leaves(change, part) for part in item)
    if type(item) is dict:
        return {key: _map_leaves(change, part) for key, part in item.items()}
    if isinstance(item, slice):
        return slice(*(_map_leaves(change, part) for part in (item.start, item.stop, item.step)))
    return change(item)


def record(function: Callable[..., Any], inputs: Iterable[Any], which: Iterable[int]) -> RecordedSteps | None:
    """Run a function on inputs, following those at the places in `which`; None where it cannot be followed."""
    everything = list(inputs)
    places = list(which)
    recorder = Recorder(everything[i] for i in places)
    for step, i in enumerate(places):
        everything[i] = RecordedArray(recorder, step)
    try:
        numpy = FollowedNumPy(recorder.apply, RecordedArray)
        output = with_followed_numpy(function, numpy, recorder.apply)(*everything)
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
