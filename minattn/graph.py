"""The graph of ops that were run, and the walk that sends gradients back through it."""

import heapq
import itertools
import os
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Protocol

from .backend import Array
from .ops import GradientError, Op
from .ops.base import as_array

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_PLUMBING = {_PACKAGE + name for name in ("tensor.py", "graph.py", "functional.py")}
_SCRIPT = os.sep + "minattn"

Site = tuple[str, int]  # file, line
Gradients = tuple[Array | None, ...]

_order = itertools.count()
_mode = threading.local()


class no_grad:
    """Inside `with no_grad():` ops keep nothing and results need no gradient. One switch a thread.

    >>> from minattn import Tensor
    >>> x = Tensor([1.0], requires_grad=True)
    >>> with no_grad():
    ...     (2 * x).requires_grad
    False
    """

    def __enter__(self) -> None:
        self.before = [*getattr(self, "before", ()), grad_enabled()]  # one object may be entered twice
        _mode.enabled = False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _mode.enabled = self.before.pop()


def grad_enabled() -> bool:
    """Whether ops record what backward needs, in this thread."""
    return getattr(_mode, "enabled", True)


class Variable(Protocol):
    """What the graph needs to know of a Tensor."""

    data: Array
    requires_grad: bool
    node: "Node | None"
    version: list[int]


class Node:
    """An op that was run on Tensors. It never refers to its own output, so that the graph has no reference cycle.

    Creation order is already a topological order: an op is made after its inputs.
    """

    __slots__ = ("inputs", "is_saved", "op", "options", "order", "sites", "versions")

    def __init__(self, op: Op, options: dict[str, Any], inputs: tuple[Variable, ...]) -> None:
        self.op = op
        self.options = options  # the op's attributes from before forward added what backward needs
        self.inputs = inputs
        self.order = next(_order)
        self.versions = [tensor.version[0] for tensor in inputs]
        self.sites = _call_sites()
        self.is_saved = True

    def gradients(self, upstream: Array) -> Gradients:
        """The gradient of each input. Then drops what forward kept; another walk runs forward again to get it back."""
        if self.versions != [tensor.version[0] for tensor in self.inputs]:
            raise RuntimeError(
                f"backward: an input of {self} was changed in place after it was used; run the forward pass again"
            )
        if not self.is_saved:
            self.op(*(tensor.data for tensor in self.inputs))
        try:
            return self.op.gradients(upstream)
        except GradientError as error:
            raise GradientError(f"{error}; {self}") from None
        finally:
            vars(self.op).clear()
            vars(self.op).update(self.options)
            self.is_saved = False

    def __str__(self) -> str:
        return f"{self.op} called at " + ", in ".join(f"{os.path.relpath(path)}:{line}" for path, line in self.sites)


def walk(
    root: Node, upstream: Array, pull: Callable[[Node, Array], Gradients] = Node.gradients
) -> list[tuple[Any, Array]]:
    """Every leaf below `root` with its gradient, given the gradient of root's output.

    Goes from the newest op to the oldest, without recursion: when an op's turn comes, every use of its output has
    sent its share, so each op is visited once. `pull` asks an op for the gradients of its inputs.
    """
    gradients: dict[Node, Array] = {root: upstream}
    leaves: dict[int, tuple[Variable, Array]] = {}
    newest = [(-root.order, root)]
    while newest:
        _, node = heapq.heappop(newest)
        for tensor, gradient in zip(node.inputs, pull(node, gradients.pop(node)), strict=True):
            if gradient is None or not tensor.requires_grad:
                continue
            source = tensor.node
            if source is None:
                known = leaves.get(id(tensor))
                leaves[id(tensor)] = (tensor, gradient if known is None else as_array(known[1] + gradient))
            elif source in gradients:
                gradients[source] += gradient
            else:
                gradients[source] = gradient
                heapq.heappush(newest, (-source.order, source))
    return list(leaves.values())


def _call_sites() -> list[Site]:
    """The user's line that led to an op, and the line of the layer in between, if there is one."""
    frame: FrameType | None = sys._getframe(2)
    layer: Site | None = None
    while frame is not None:
        path = frame.f_code.co_filename
        if not path.startswith(_PACKAGE):
            break
        if layer is None and path not in _PLUMBING:
            layer = path, frame.f_lineno
        frame = frame.f_back
    inside = [layer] if layer else []
    if frame is None or path.startswith("<frozen") or path.endswith(_SCRIPT):  # our own command line
        return inside
    return [(path, frame.f_lineno), *inside]
