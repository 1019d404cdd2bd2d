"""An op, and a function of Tensors, as a forward and a backward on plain arrays."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..backend import Array
from ..errors import InputError
from ..ops import GradientError, Op, sum_to_shape
from ..tensor import Tensor
from .problem import has_gradient


class OpPasses:
    """The two passes of an op. A new op runs forward each time; backward asks the one that ran last."""

    def __init__(self, op: Op) -> None:
        self.op = self.last = op

    def forward(self, *inputs: Any) -> Array:
        """The op's output, and what its backward needs."""
        self.last = copy.copy(self.op)
        return self.last(*inputs)

    def backward(self, upstream: Array, *inputs: Any) -> Any:
        """The op's gradients, summed over what was broadcast; what is no gradient is handed on, to be judged."""
        try:
            return self.last.gradients(upstream)
        except GradientError:
            returned = self.last.backward(upstream)
        if self.op.broadcasts and isinstance(returned, tuple) and len(returned) == len(inputs):
            pairs = zip(returned, inputs, strict=True)
            return tuple(sum_to_shape(g, np.shape(x)) if isinstance(g, np.ndarray) else g for g, x in pairs)
        return returned


class TensorPasses:
    """The two passes of a function of Tensors: forward runs it and keeps its graph, backward goes back through that.

    given: what the function is called with; Tensors and arrays of real numbers are replaced, the rest stays.
    """

    def __init__(self, function: Callable[..., Any], given: Sequence[Any]) -> None:
        self.function = function
        self.is_tensor = [isinstance(x, Tensor) or has_gradient(x) for x in given]
        self.inputs: list[Any] = []
        self.output: Tensor | None = None

    def forward(self, *arrays: Any) -> Array:
        """The function's output as an array."""
        self.inputs = [
            Tensor(x, requires_grad=has_gradient(x)) if is_tensor else x
            for x, is_tensor in zip(arrays, self.is_tensor, strict=True)
        ]
        output = self.function(*self.inputs)
        if not isinstance(output, Tensor):
            raise InputError(f"the function must return a Tensor, got {type(output).__name__}")
        self.output = output
        return output.data

    def backward(self, upstream: Array, *arrays: Any) -> tuple[Array | None, ...]:
        """The gradients that `Tensor.backward` leaves."""
        assert self.output is not None  # forward runs first
        return gradients_of(self.output, upstream, self.inputs)


def gradients_of(output: Tensor, upstream: Array, inputs: Sequence[Any]) -> tuple[Array | None, ...]:
    """What comes back to each input: zeros where nothing does, None for what is not a Tensor with a gradient."""
    leaves = [x if isinstance(x, Tensor) and x.requires_grad else None for x in inputs]
    for leaf in leaves:
        if leaf is not None:
            leaf.grad = None
    if output.requires_grad:
        output.backward(upstream)
    return tuple(
        None if leaf is None else np.zeros_like(leaf.data) if leaf.grad is None else leaf.grad for leaf in leaves
    )
