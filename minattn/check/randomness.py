"""Common random numbers: every call of a function draws the same ones, so that dropout is a function like any other."""

import contextlib
import functools
import random
import types
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

_MOST_OBJECTS = 5000  # objects that are looked at in search of generators
GENERATORS = (np.random.Generator, np.random.RandomState, random.Random)


class Randomness:
    """The generators of random numbers that some functions can reach, and their states when they were found.

    Knows those of NumPy and Python in closures, defaults, attributes, and globals that the code names.
    `include_global()` adds the hidden ones of `numpy.random` and `random`.
    """

    def __init__(self, *functions: Any) -> None:
        self.restores = [_restore(generator) for generator in find_generators(functions)]

    @property
    def is_used(self) -> bool:
        """Whether there is anything random."""
        return bool(self.restores)

    def include_global(self) -> None:
        """Let NumPy's global generator draw the same numbers in every call too."""
        numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002  learners use it
        self.restores += [lambda: np.random.set_state(numpy_state), lambda: random.setstate(python_state)]  # noqa: NPY002

    def rewind(self) -> None:
        """Put every generator back to where it was."""
        for restore in self.restores:
            restore()


def find_generators(roots: Iterable[Any]) -> list[Any]:
    """The generators that can be reached from functions, methods, partials, objects and containers."""
    found: list[Any] = []
    seen: set[int] = set()
    stack = list(roots)
    while stack and len(seen) < _MOST_OBJECTS:
        item = stack.pop()
        if id(item) in seen or isinstance(item, types.ModuleType | type | str | bytes | np.ndarray | int | float):
            continue
        seen.add(id(item))
        if isinstance(item, GENERATORS):
            found.append(item)
        else:
            stack.extend(_inside(item))
    return found


def _restore(generator: Any) -> Callable[[], None]:
    """What puts a generator back to its present state."""
    if isinstance(generator, np.random.Generator):
        bits, state = generator.bit_generator, generator.bit_generator.state
        return lambda: setattr(bits, "state", state)
    if isinstance(generator, random.Random):
        return functools.partial(generator.setstate, generator.getstate())
    return functools.partial(generator.set_state, generator.get_state())


def _inside(item: Any) -> list[Any]:
    if isinstance(item, types.FunctionType):
        cells = []
        for cell in item.__closure__ or ():
            with contextlib.suppress(ValueError):  # a name that was never assigned
                cells.append(cell.cell_contents)
        named = [item.__globals__[name] for name in item.__code__.co_names if name in item.__globals__]
        return [*cells, *named, *(item.__defaults__ or ()), *(item.__kwdefaults__ or {}).values()]
    if hasattr(item, "__self__"):  # a method
        return [item.__self__, getattr(item, "__func__", None)]
    if isinstance(item, functools.partial):
        return [item.func, *item.args, *item.keywords.values()]
    if isinstance(item, dict):
        return list(item.values())
    if isinstance(item, list | tuple | set):
        return list(item)
    return list(vars(item).values()) if hasattr(item, "__dict__") else []
