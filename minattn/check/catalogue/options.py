"""Finding the options of a registered op with which it computes what a user's forward computes."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from string import ascii_lowercase
from typing import Any

import numpy as np

from ...backend import Array
from ...ops import registry
from ..problem import Problem, copies

Options = dict[str, Any]

_EPS = (1e-5, 1e-6, 1e-8, 1e-12, 1e-3, 0.0)
_MOST = 2000  # options that are tried
_SMOOTHING = (0.0, 0.1, 0.05, 0.2)


def fitting_options(op: str, problem: Problem) -> Options | None:
    """The options with which the registered op gives the problem's output at the problem's inputs.

    None where no likely ones do: the user's forward is another function, or its options are unusual.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            likely = itertools.islice(_likely(op, problem.inputs, problem.output), _MOST)
            return next((options for options in likely if _fits(op, options, problem)), None)
        except Exception:  # inputs of which the op could make nothing
            return None


def _fits(op: str, options: Options, problem: Problem) -> bool:
    inputs = [x for x in copies(problem.inputs) if x is not None]
    try:
        output = registry[op].op(**options)(*inputs)
    except Exception:  # other shapes, other types, other options than the op's
        return False
    same = output.shape == problem.output.shape
    return same and np.allclose(output, problem.output, rtol=1e-11, atol=1e-12, equal_nan=True)


def _likely(op: str, inputs: tuple[Any, ...], output: Array) -> Iterator[Options]:
    x = next((x for x in inputs if isinstance(x, np.ndarray) and x.dtype.kind == "f"), output)
    if op in ("Softmax", "LogSoftmax", "Concatenate", "Stack"):
        yield from _choices(axis=(-1, *range(output.ndim)))
    elif op == "LogSumExp":
        yield from _choices(axis=(-1, *range(x.ndim)), keepdims=(False, True))
    elif op in ("Sum", "Mean", "Max"):
        yield from _choices(axis=_axes(x.ndim), keepdims=(False, True))
    elif op == "Variance":
        yield from _choices(axis=_axes(x.ndim), keepdims=(False, True), correction=(1, 0))
    elif op in ("Reshape", "BroadcastTo"):
        yield {"shape": output.shape}
    elif op == "Transpose":
        orders = itertools.permutations(range(x.ndim))
        yield from ({"axes": axes} for axes in orders if tuple(x.shape[i] for i in axes) == output.shape)
    elif op == "Split":
        for axis, n in enumerate(x.shape):
            length = output.shape[axis] if output.ndim == x.ndim else n
            yield from ({"start": i, "stop": i + length, "axis": axis} for i in range(n - length + 1))
    elif op == "Index":
        yield from _keys(x, output)
    elif op == "Einsum":
        a, b = inputs
        yield from _equations(a, b, output)
    elif op == "Dropout":
        kept = (output != 0) & (x != 0) if output.shape == x.shape else np.zeros(0, bool)
        yield {"p": round(float(np.median(1 - x[kept] / output[kept])), 12) if kept.any() else 1.0}
    elif op == "GELU":
        yield from _choices(approximate=("none", "tanh"))
    elif op == "LayerNorm":
        yield from _choices(eps=_EPS)
    elif op in ("ScaledDotProductAttention", "BlockedAttention"):
        yield from _choices(causal=(False, True), scale=(None, 1.0, 1 / x.shape[-1]))
    elif op in ("CrossEntropy", "LinearCrossEntropy"):
        reductions = ("none",) if output.ndim else ("mean", "sum")
        ignored = (-100, -1, *(int(y) for y in np.unique(inputs[1 if op == "CrossEntropy" else 2])))
        yield from _choices(reduction=reductions, ignore_index=ignored, label_smoothing=_SMOOTHING)
        yield {}
    else:
        yield {}


def _choices(**values: tuple[Any, ...]) -> Iterator[Options]:
    for chosen in itertools.product(*values.values()):
        yield dict(zip(values, chosen, strict=True))


def _axes(ndim: int) -> tuple[Any, ...]:
    """Every way to reduce an array: all axes, one of them, some of them."""
    some = (axes for n in range(2, ndim) for axes in itertools.combinations(range(ndim), n))
    return (None, *range(ndim), *some)


def _keys(x: Array, output: Array) -> Iterator[Options]:
    """Where each element of the output is found in x, if it is there once."""
    if np.unique(x).size == x.size:
        order = np.argsort(x, axis=None)
        found = np.searchsorted(x.ravel(), output, sorter=order)
        yield {"key": np.unravel_index(order[np.minimum(found, x.size - 1)], x.shape)}


def _equations(a: Array, b: Array, output: Array) -> Iterator[Options]:
    """Every einsum of two operands whose letters fit the lengths of their axes."""
    first, spare = ascii_lowercase[: a.ndim], ascii_lowercase[a.ndim :]
    shared = [
        [*(c for c, n in zip(first, a.shape, strict=True) if m == n or 1 in (m, n)), spare[i]]
        for i, m in enumerate(b.shape)
    ]
    for second in itertools.product(*shared):
        if len(set(second)) < b.ndim:
            continue
        lengths = dict(zip(first, a.shape, strict=True))
        for c, n in zip(second, b.shape, strict=True):
            lengths[c] = max(n, lengths.get(c, 1))
        for out in itertools.permutations(lengths, output.ndim):
            if tuple(lengths[c] for c in out) == output.shape:
                yield {"equation": f"{first},{''.join(second)}->{''.join(out)}"}
