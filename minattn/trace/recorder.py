"""The steps of a forward pass: NumPy's calls, recorded while it runs, so that each step can be run again by itself.

A `RecordedArray` stands for an array and answers to NumPy's protocols (NEP 13 and 18): what is computed from it is
computed as always, and written down as a `Step`. What cannot be followed (`float(x)`, writing into a plain array)
raises Untraceable.
"""

from __future__ import annotations

import dis
import operator
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

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


class Place(NamedTuple):
    """Where a call stands: its file, line and instruction, and the code object that this is an instruction of."""

    path: str
    line: int
    instruction: int
    code: types.CodeType | None = None


@dataclass(frozen=True)
class Step:
    """One call: function(*args, **kwargs), where a StepReference stands for the value of an earlier step.

    parents: the steps that the arguments refer to, in order, one an operand
    """

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    parents: tuple[int, ...]
    place: Place

    def run(self, operands: Sequence[Any]) -> Any:
        """The call with other operands, one a parent."""
        return self._call(operands)

    @cached_property
    def _call(self) -> Callable[[Sequence[Any]], Any]:
        """The call as a function of its operands: fast where they stand among the arguments themselves."""
        function, args, kwargs = self.function, self.args, dict(self.kwargs)
        places = [k for k, arg in enumerate(args) if isinstance(arg, StepReference)]
        if len(places) < len(self.parents):

            def call(operands: Sequence[Any]) -> Any:
                supply = iter(operands)
                given = _map_leaves(lambda x: next(supply) if isinstance(x, StepReference) else x, (args, kwargs))
                return function(*given[0], **given[1])

            return call
        if len(args) == len(places) == 1:
            return lambda operands: function(operands[0], **kwargs)
        if len(args) == len(places) == 2:
            return lambda operands: function(operands[0], operands[1], **kwargs)

        def filled(operands: Sequence[Any]) -> Any:
            given = list(args)
            for place, operand in zip(places, operands, strict=True):
                given[place] = operand
            return function(*given, **kwargs)

        return filled


class Dialect(NamedTuple):
    """Another library's way to say what NumPy says: what stands for an array, and by id what stands for its modules."""

    array: Callable[[Recorder, int], Any]
    modules: Mapping[int, Any]


class Recorder:
    """The steps so far, at most so many, and the value of each."""

    def __init__(
        self, inputs: Iterable[Any], most: int = _MOST_STEPS, dialect: Callable[[Recorder], Dialect] | None = None
    ) -> None:
        self.values: list[Any] = list(inputs)
        self.steps = [Step("input", lambda: None, (), {}, (), Place("", 0, 0)) for _ in self.values]
        self.most = most
        self.dialect = dialect(self) if dialect is not None else Dialect(RecordedArray, {})

    def follow(self, function: Any) -> Any:
        """The function, written down while it runs."""
        modules = {id(np): FollowedNumPy(self.apply, RecordedArray), **self.dialect.modules}
        return with_followed_numpy(function, modules, self.apply)

    def stand_in(self, step: int) -> Any:
        """What stands for the value of a step."""
        return self.dialect.array(self, step)

    def apply(self, name: str, function: Callable[..., Any], given: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        """Call and write down; a RecordedArray for what is an array, anything else as it is."""
        if len(self.steps) > self.most:
            raise Untraceable(f"more than {self.most} steps")
        parents: list[int] = []
        args, kwargs = _with_references((given, dict(named)), parents)
        step = Step(name, function, args, kwargs, tuple(parents), _place())
        value = step.run([self.values[i] for i in parents])
        if isinstance(value, list | tuple):  # np.split and the like: a step for each of the arrays
            items = [self.apply(name, _item(function, i), given, named) for i in range(len(value))]
            return value._make(items) if hasattr(value, "_make") else type(value)(items)
        if not isinstance(value, np.ndarray | np.generic):
            return value
        self.steps.append(step)
        self.values.append(np.asarray(value))
        self.noted(len(self.steps) - 1)
        return self.stand_in(len(self.steps) - 1)

    def noted(self, step: int) -> None:
        """Called for each step that was written down, while what called it still runs."""


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
        if function in _IN_PLACE:
            if isinstance(args[0], RecordedArray):
                args[0]._stand_for(self._recorder.apply(function.__name__, _copied_by(function), args, kwargs))
                return None
            raise Untraceable(f"{function.__name__} into an array that is not followed")
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

    def __int__(self) -> int:
        return int(self.value)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise Untraceable("np.asarray of an array that is followed")

    def __float__(self) -> float:
        raise Untraceable("a Python number made of an array that is followed")


_IN_PLACE = {np.put_along_axis, np.fill_diagonal, np.copyto, np.putmask, np.place, np.put}
_FORBIDDEN = {"tolist", "item", "fill", "sort", "partition", "put", "resize", "tobytes", "setflags", "view", "setfield"}


def _item(function: Callable[..., Any], which: int) -> Callable[..., Any]:
    """… -> function(…)[which]"""
    return lambda *args, **kwargs: function(*args, **kwargs)[which]


def _copied_by(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that writes into its first argument, as one that gives a new array."""

    def call(x: Array, *args: Any, **kwargs: Any) -> Array:
        x = np.array(x)
        function(x, *args, **kwargs)
        return x

    return call


def _at(ufunc: np.ufunc, x: Array, key: Any, *values: Any) -> Array:
    x = np.array(x)
    ufunc.at(x, key, *values)
    return x


def _set(x: Array, key: Any, value: Any) -> Array:
    x = np.array(x)
    x[key] = value
    return x


def _place() -> Place:
    """The place of the caller outside of this package and of NumPy."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_INSIDE):
        frame = frame.f_back
    return Place(frame.f_code.co_filename, frame.f_lineno, _instruction(frame.f_code, frame.f_lasti), frame.f_code)


@lru_cache(maxsize=4096)
def _instruction(code: types.CodeType, last: int) -> int:
    """Where the instruction begins in whose bytes a frame stands: behind its beginning, once Python has adapted it."""
    return max((i.offset for i in dis.get_instructions(code) if i.offset <= last), default=last)


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
