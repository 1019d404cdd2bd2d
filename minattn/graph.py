"""The graph of ops that were run, and the walk that sends gradients back through it."""

import heapq
import itertools
from collections.abc import Callable
from typing import Any

from .backend import Array
from .ops import GradientError, Op
from .trace import call_sites, describe_call

Gradients = tuple[Array | None, ...]

_order = itertools.count()  # an op is made after its inputs: creation order is a topological order


class Node:
    """An op that was run on Tensors; it never refers to its own output, so that the graph has no reference cycle."""

    __slots__ = ("inputs", "is_saved", "needs", "op", "options", "order", "sites", "versions")

    def __init__(self, op: Op, options: dict[str, Any], inputs: tuple[Any, ...]) -> None:
        self.op, self.inputs, self.order = op, inputs, next(_order)  # the inputs are Tensors
        self.options = options  # the op's attributes from before forward added what backward needs
        self.needs = [tensor.requires_grad for tensor in inputs]  # as it was when the op ran
        self.versions = [tensor.version[0] for tensor in inputs]
        self.sites, self.is_saved = call_sites(), True

    def gradients(self, g: Array) -> Gradients:
        """The gradient of each input, given that of the output. Drops what forward kept; a next walk runs it again."""
        if self.versions != [tensor.version[0] for tensor in self.inputs]:
            raise RuntimeError(f"backward: an input of {self} was changed in place after it was used; run it again")
        if not self.is_saved:
            self.op(*(tensor.data for tensor in self.inputs))
        try:
            return self.op.gradients(g)
        except GradientError as error:
            raise GradientError(f"{error}; {self}") from None
        finally:
            vars(self.op).clear()
            vars(self.op).update(self.options)
            self.is_saved = False

    def __str__(self) -> str:
        return f"{self.op} {describe_call(self.sites)}"


def walk(
    root: Node, g: Array, gradients_of: Callable[[Node, Array], Gradients] = Node.gradients
) -> list[tuple[Any, Array]]:
    """Every leaf below `root` with its gradient, given the gradient g of root's output.

    Goes from the newest op to the oldest: when an op's turn comes, every use of its output has sent its share.
    """
    gradients: dict[Node, Array] = {root: g}
    leaves: dict[int, tuple[Any, Array]] = {}
    newest = [(-root.order, root)]
    while newest:
        _, node = heapq.heappop(newest)
        found = gradients_of(node, gradients.pop(node))
        for tensor, gradient, is_needed in zip(node.inputs, found, node.needs, strict=True):
            if not is_needed:
                continue
            if gradient is None:
                raise TypeError(f"backward: an input of {node} has requires_grad set, but is not floating-point")
            if tensor.node is None:
                if id(tensor) in leaves:
                    leaves[id(tensor)][1][...] += gradient
                else:
                    leaves[id(tensor)] = tensor, gradient
            elif tensor.node in gradients:
                gradients[tensor.node] += gradient
            else:
                gradients[tensor.node] = gradient
                heapq.heappush(newest, (-tensor.node.order, tensor.node))
    return list(leaves.values())
