"""From what somebody gives to a problem: arrays in float64, names, output, upstream. Refuses what cannot be checked."""

import inspect
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..backend import Array
from ..errors import InputError
from .error_location import describe_error
from .problem import Problem, copies, has_gradient, random_upstream
from .randomness import Randomness


def prepare(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    inputs: Any,
    names: Sequence[str] | None,
    rng: np.random.Generator,
) -> tuple[Problem, list[str]]:
    """The problem, and notes on what was done to the inputs.

    Raises InputError where there is nothing that could be checked: no input with real numbers, a forward that raises,
    or one that returns something else than one array of real numbers.
    """
    for what, function in (("forward", forward), ("backward", backward)):
        if not callable(function):
            raise InputError(f"{what} must be a function, got {_kind(function)}")
    given = tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)
    called = names_of(forward, len(given), names)
    notes: list[str] = []
    arrays = tuple(_read(name, x, notes) for name, x in zip(called, given, strict=True))
    if not any(has_gradient(x) for x in arrays):
        came = ", ".join(f"{name} is {_kind(x)}" for name, x in zip(called, arrays, strict=True)) or "none was given"
        raise InputError(f"no input holds real numbers, so that there is no gradient to check: {came}")
    randomness = Randomness(forward, backward)
    output = first_output(forward, arrays, randomness)
    upstream = random_upstream(output, rng)
    if output.size and not np.isfinite(output).any():
        raise InputError("forward gives nothing but NaN or infinity at these inputs; give inputs where it is finite")
    if not np.isfinite(output).all():
        bad = ~np.isfinite(output)
        notes.append(
            f"forward's output is not finite in {bad.sum():,} of {bad.size:,} entries; the upstream is 0 there"
        )
    problem = Problem(forward, backward, arrays, called, output, upstream, randomness)
    started = time.perf_counter()
    problem.run_forward()
    return replace(problem, seconds=time.perf_counter() - started), notes


def first_output(forward: Callable[..., Any], inputs: Sequence[Any], randomness: Randomness) -> Array:
    """forward's output. Raises InputError where forward raises, or returns what has no gradient."""
    randomness.rewind()
    try:
        with np.errstate(all="ignore"):
            output = forward(*copies(inputs))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        raise InputError(f"forward raised {describe_error(error)}") from error
    if output is None:
        raise InputError("forward returned None; it must return an array: is there a return statement at its end?")
    if isinstance(output, tuple | list | dict):
        raise InputError(
            f"forward returned a {type(output).__name__} of {len(output)}; it must return one array or a tuple, "
            "and backward, which is given the inputs too, can compute again what it needs"
        )
    array = np.asarray(output)
    if array.dtype.kind != "f":
        raise InputError(f"forward must return real numbers, got {_kind(output)}")
    return array


def make_repeatable(problem: Problem) -> Problem | None:
    """The problem, whose forward gives the same output each time; None where it does not.

    Where forward draws from the hidden generators of NumPy and Python, these are rewound too from here on.
    """
    if np.array_equal(problem.run_forward(), problem.output, equal_nan=True):
        return problem
    problem.randomness.include_global()
    problem = problem.at(problem.inputs)
    return problem if np.array_equal(problem.run_forward(), problem.output, equal_nan=True) else None


def names_of(forward: Callable[..., Any], count: int, names: Sequence[str] | None) -> tuple[str, ...]:
    """As given, else forward's own names for its parameters, else x1, x2, …"""
    if names is not None:
        if len(names) != count:
            raise InputError(f"names: expected {count}, one an input, got {len(names)}")
        return tuple(names)
    try:
        parameters = list(inspect.signature(forward).parameters.values())
    except (TypeError, ValueError):  # functions written in C have none
        parameters = []
    own = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][:count]
    return (*own, *(f"x{i + 1}" for i in range(len(own), count)))


def _read(name: str, x: Any, notes: list[str]) -> Any:
    """An input as it is checked: real numbers in float64."""
    if isinstance(x, list | float):
        x = np.asarray(x)
    if not isinstance(x, np.ndarray | np.floating):
        return x
    x = np.asarray(x)
    if x.dtype.kind == "c":
        raise InputError(f"{name} is complex; the check is for real numbers")
    if x.dtype.kind != "f":
        return x.copy()
    if not np.isfinite(x).all():
        notes.append(f"{name} holds NaN or infinity: it is taken as a constant, and its gradient is not looked at")
        return x.astype(np.float64)
    if x.dtype != np.float64:
        notes.append(
            f"{name} came in {x.dtype}, in which a slope is only known to about three digits; it is checked in float64"
        )
    return x.astype(np.float64)


def _kind(x: Any) -> str:
    if isinstance(x, np.ndarray):
        return f"an array of {x.dtype}"
    return "None" if x is None else f"of type {type(x).__name__}"


def joined(
    forward: Callable[..., Any], backward: Callable[..., Any], inputs: Sequence[Any]
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The two passes with one output, all numbers of forward's in a row, if it gives a tuple; else as they are.

    backward is then given a tuple of upstream gradients, one an output, in forward's order.

    Raises InputError for an output that is not an array of real numbers.
    """
    try:
        with np.errstate(all="ignore"):
            outputs = forward(*copies(inputs))
    except Exception:  # said in its place, where forward is called for the first time
        return forward, backward
    if not isinstance(outputs, tuple) or not outputs:
        return forward, backward
    for k, output in enumerate(outputs):
        if np.asarray(output).dtype.kind != "f":
            raise InputError(f"output {k} of forward must be an array of real numbers, got {type(output).__name__}")
    shapes: dict[int, tuple[int, ...]] = {}

    def one_output(*given: Any) -> Array:
        found = forward(*given)
        shapes.update({k: np.shape(output) for k, output in enumerate(found)})
        row: Array = np.concatenate([np.ravel(output) for output in found])
        return row

    def back(upstream: Array, *given: Any) -> Any:
        parts, start = [], 0
        for shape in shapes.values():
            size = int(np.prod(shape, dtype=int))
            parts.append(upstream[start : start + size].reshape(shape))
            start += size
        return backward(tuple(parts), *given)

    return one_output, back
