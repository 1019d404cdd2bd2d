"""A copy of a function in which NumPy's new arrays can be followed too, so that results may be written into them."""

import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

Apply = Callable[[str, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
"""(name, function, args, kwargs) -> a value that is followed"""


class FollowedNumPy:
    """NumPy, but arrays that are made from numbers alone are followed, and what is followed is an array already."""

    def __init__(self, apply: Apply, recorded_array: type) -> None:
        self._apply, self._recorded_array = apply, recorded_array

    def __getattr__(self, name: str) -> Any:
        if name in ("zeros", "ones", "full", "empty", "arange", "eye", "identity", "linspace", "tri"):
            return partial(self._made, name)
        if name in ("array", "asarray", "asanyarray", "ascontiguousarray"):
            return partial(self._read, name)
        return getattr(np, name)

    def _made(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self._apply(name, getattr(np, "zeros" if name == "empty" else name), args, kwargs)

    def _read(self, name: str, x: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(x, self._recorded_array):
            return self._apply("copy", np.copy, (x,), {})
        if self._holds(x):
            rows = [self._read("array", item) if isinstance(item, list | tuple) else item for item in x]
            return self._apply("stack", np.stack, (rows,), {})
        return getattr(np, name)(x, *args, **kwargs)

    def _holds(self, x: Any) -> bool:
        """Whether there is something followed in a list, or in a list in it."""
        if isinstance(x, self._recorded_array):
            return True
        return isinstance(x, list | tuple) and any(map(self._holds, x))


def with_followed_numpy(function: Any, modules: Mapping[int, Any], apply: Apply) -> Any:
    """The function, and the functions that it names, with others in place of the modules of these ids, as of NumPy."""
    known: dict[int, Any] = {}

    def replace(value: Any) -> Any:
        if id(value) in modules:
            return modules[id(value)]
        if isinstance(value, np.vectorize):
            return lambda *args: apply("vectorize", value, args, {})
        if isinstance(value, types.MethodType):
            return types.MethodType(replace(value.__func__), value.__self__)
        if not isinstance(value, types.FunctionType) or str(value.__module__).startswith("numpy"):
            return value
        if id(value) not in known:
            scope = dict(value.__globals__)
            cells = tuple(types.CellType() for _ in value.__closure__ or ())
            copy = types.FunctionType(value.__code__, scope, value.__name__, value.__defaults__, cells)
            copy.__kwdefaults__ = value.__kwdefaults__
            copy.__dict__.update(value.__dict__)  # what one function keeps there for another
            known[id(value)] = copy
            for name in _names(value.__code__):
                if name in scope:
                    scope[name] = replace(scope[name])
            for cell, old in zip(cells, value.__closure__ or (), strict=True):
                with suppress(ValueError):  # a name that was never assigned
                    cell.cell_contents = replace(old.cell_contents)
        return known[id(value)]

    return replace(function)


def _names(code: types.CodeType) -> Iterator[str]:
    """The global names in a function, and in those that are written inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)
