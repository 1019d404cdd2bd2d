"""Whose line called an op, and which op made a NaN or an Inf, with the reason where the op knows it."""

import contextlib
import math
import os
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NoReturn, TypeAlias

import numpy as np

from ..backend import Array, array_module
from ..errors import InputError

Node: TypeAlias = Any
"""A node of the graph, which stands above this room."""

CallSite = tuple[str, int]
"""A file and a line."""

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_ENGINE = {_PACKAGE + name for name in ("tensor.py", "graph.py", "functional.py")}
_ENDS = os.sep + "minattn", os.path.join("concurrent", "futures", "thread.py"), os.sep + "contextlib.py"
"""Files that no line of the user's is in: our own command line, and what runs a part of the work, or begins it."""

_owners: dict[str, str] = {}  # what _owner said of each file, because every op asks about ten of them


def call_sites() -> list[CallSite]:
    """The user's line that led to the op which is being made, and the line of the layer in between, if there is one."""
    frame: FrameType | None = sys._getframe(2)
    layer: CallSite | None = None
    while frame is not None:
        path = frame.f_code.co_filename
        owner = _owners.get(path) or _owners.setdefault(path, _owner(path))
        if owner == "user":
            break
        if layer is None and owner == "layer":
            layer = path, frame.f_lineno
        frame = frame.f_back
    inside = [layer] if layer else []
    if frame is None or path.startswith("<frozen") or path.endswith(_ENDS):
        return inside
    return [(path, frame.f_lineno), *inside]


def describe_call(sites: list[CallSite]) -> str:
    """For a message: "called at mine.py:3, in minattn/nn/layers.py:70"."""
    return "called at " + ", in ".join(f"{os.path.relpath(path)}:{line}" for path, line in sites)


def _owner(path: str) -> str:
    """Whose code a file is."""
    return "user" if not path.startswith(_PACKAGE) else "engine" if path in _ENGINE else "layer"


def is_finite(array: Array) -> bool:
    """Whether no element is NaN or Inf. The sum of squares tells in one fast pass, unless it overflows by itself."""
    xp = array_module(array)
    total = float(xp.vdot(array, array)) if array.dtype.kind == "f" else 0.0
    return math.isfinite(total) or bool(xp.isfinite(array).all())


@contextlib.contextmanager
def finite_results() -> Iterator[Callable[[Array], Array]]:
    """Inside, NumPy warns of nothing; what this gives returns the array that it is given, unless NaN or Inf is in it.

    It raises InputError then: weights that are finite can still be too large for what is made of them.
    """

    def finite(array: Array) -> Array:
        if not is_finite(array):
            raise InputError("the model makes NaN or Inf of this text: its weights are too large, or damaged")
        return array

    with np.errstate(all="ignore"):
        yield finite


def trace_forward(root: Node | None, output: Array) -> NoReturn:
    """Name the first op whose output is not finite: all that came before it was.

    Raises FloatingPointError, always.
    """
    broken: dict[Node, Array] = {}
    stack: list[tuple[Node | None, Array]] = [(root, output)]
    while stack:
        node, result = stack.pop()
        if node is not None and node not in broken and not is_finite(result):
            broken[node] = result
            stack.extend((tensor.node, tensor.data) for tensor in node.inputs)
    if not broken:
        raise FloatingPointError(f"backward: called on a leaf that holds {_kind(output)}")
    inherited = {node for node in broken if _kind(broken[node]) in [_kind(x.data) for x in node.inputs]}
    # -inf in a mask is meant: who makes NaN of it is named, not who passes it on
    first = min(broken.keys() - inherited or broken, key=lambda node: node.order)
    inputs = [tensor.data for tensor in first.inputs]
    reason = first.op.explain(*inputs)
    for i, array in enumerate(inputs):
        if reason is None and not is_finite(array):
            reason = f"its input {i} came in with {_kind(array)}"
    raise FloatingPointError(f"forward: {first} gave {_kind(broken[first])}" + (f": {reason}" if reason else ""))


def trace_backward(walk: Callable[..., Any], root: Node | None, g: Array) -> NoReturn:
    """Walk the graph once more and name the first op whose backward made NaN or Inf from a finite upstream gradient.

    Args:
        walk: `graph.walk`, which calls the function that it is given for every op
        g: the gradient of root's output
    Raises:
        FloatingPointError: always
    """

    def gradients_of(node: Node, g: Array) -> tuple[Array | None, ...]:
        gradients: tuple[Array | None, ...] = node.gradients(g)
        for i, gradient in enumerate(gradients):
            if gradient is not None and node.inputs[i].requires_grad and not is_finite(gradient):
                reason = node.op.explain(*(tensor.data for tensor in node.inputs))
                message = f"backward: {node} gave {_kind(gradient)} as the gradient of its input {i}"
                raise FloatingPointError(message + (f": {reason}" if reason else ""))
        return gradients

    if root is not None and is_finite(g):
        walk(root, g, gradients_of)
    raise FloatingPointError("backward: NaN or Inf in the upstream gradient, or in a sum of gradients that overflowed")


def _kind(array: Array) -> str:
    """What is in an array, for a message."""
    if is_finite(array):
        return "finite numbers"
    return "NaN" if bool(array_module(array).isnan(array).any()) else "Inf"
