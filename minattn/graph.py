"""The graph of ops that were run, and the walk that sends gradients back through it."""

import heapq
import itertools
import os
import sys
from collections.abc import Callable
from contextvars import ContextVar
from types import FrameType, TracebackType
from typing import Any, Protocol

from .backend import Array
from .ops import GradientError, Op

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_PLUMBING = {_PACKAGE + name for name in ("tensor.py", "graph.py", "functional.py")}
_ENDS = (
    os.sep + "minattn",
    os.path.join("concurrent", "futures", "thread.py"),
    os.path.join("multiprocessing", "process.py"),
)
"""Files that no line of the user's is in: our own command line, and what runs the parts of Threads and Processes."""

_kinds: dict[str, str] = {}  # what _kind said, for every op asks it of ten files

Site = tuple[str, int]  # file, line
Gradients = tuple[Array | None, ...]

_order = itertools.count()
_recording = ContextVar("recording", default=True)


class no_grad:
    """Inside `with no_grad():` ops keep nothing and results need no gradient. One switch a thread, or rather a context.

    >>> from minattn import Tensor
    >>> x = Tensor([1.0], requires_grad=True)
    >>> with no_grad():
    ...     (2 * x).requires_grad
    False
    """

    def __enter__(self) -> None:
        self.tokens = [*getattr(self, "tokens", ()), _recording.set(False)]  # one object may be entered twice

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _recording.reset(self.tokens.pop())


def grad_enabled() -> bool:
    """Whether ops record what backward needs, in this thread."""
    return _recording.get()


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
                if id(tensor) in leaves:
                    leaves[id(tensor)][1][...] += gradient
                else:
                    leaves[id(tensor)] = tensor, gradient
            elif source in gradients:
                gradients[source] += gradient
            else:
                gradients[source] = gradient
                heapq.heappush(newest, (-source.order, source))
    return list(leaves.values())


def _kind(path: str) -> str:
    """Whose code a file is."""
    return "user" if not path.startswith(_PACKAGE) else "plumbing" if path in _PLUMBING else "layer"


def _call_sites() -> list[Site]:
    """The user's line that led to an op, and the line of the layer in between, if there is one."""
    frame: FrameType | None = sys._getframe(2)
    layer: Site | None = None
    while frame is not None:
        path = frame.f_code.co_filename
        kind = _kinds.get(path) or _kinds.setdefault(path, _kind(path))
        if kind == "user":
            break
        if layer is None and kind == "layer":
            layer = path, frame.f_lineno
        frame = frame.f_back
    inside = [layer] if layer else []
    if frame is None or path.startswith("<frozen") or path.endswith(_ENDS):
        return inside
    return [(path, frame.f_lineno), *inside]
