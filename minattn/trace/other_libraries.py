"""PyTorch's names, and JAX's, on recorded NumPy arrays, so that what is written for them can be followed too.

What comes out is held against what PyTorch computes before it is believed; a name that is not here is not followed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .followed_numpy import FollowedNumPy
from .recorder import Dialect, RecordedArray, Recorder, Untraceable

_SAME = {
    *("exp", "log", "log1p", "expm1", "sin", "cos", "tanh", "sqrt", "abs", "sign", "square", "maximum", "minimum"),
    *("matmul", "outer", "einsum", "where", "zeros_like", "ones_like", "cumsum", "stack", "sum", "mean", "var", "std"),
    *("tril", "triu", "flip", "roll", "prod", "floor", "arctan", "sinh", "cosh", "diag", "trace", "logical_not"),
}
_OTHER = {
    **{"mm": "matmul", "bmm": "matmul", "mv": "matmul", "dot": "matmul", "cat": "concatenate", "concat": "concatenate"},
    **{"mul": "multiply", "sub": "subtract", "div": "divide", "add": "add", "neg": "negative", "pow": "power"},
    **{"clamp": "clip", "permute": "transpose", "atan": "arctan", "gt": "greater", "lt": "less", "t": "transpose"},
    **{"transpose": "swapaxes", "unsqueeze": "expand_dims", "ge": "greater_equal", "le": "less_equal"},
}
_KEYWORDS = {"dim": "axis", "keepdim": "keepdims", "dims": "axes"}


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), element by element."""
    return 1 / (1 + np.exp(-x))


def relu(x: Any) -> Any:
    """max(x, 0), element by element."""
    return np.maximum(x, 0)


def softmax(x: Any, axis: int = -1) -> Any:
    """exp(x) / Σ exp(x) along an axis."""
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


for _function in (sigmoid, relu):
    _function.is_elementwise = True  # type: ignore[attr-defined]
_OWN: dict[str, Callable[..., Any]] = {"sigmoid": sigmoid, "relu": relu, "softmax": softmax}


class RecordedTensor(RecordedArray):
    """A recorded array that answers to the names of PyTorch's tensors."""

    def size(self, dim: int | None = None) -> Any:
        """Its shape, or one length of it."""
        return self.value.shape if dim is None else self.value.shape[dim]

    def numel(self) -> int:
        """The number of its numbers."""
        return int(self.value.size)

    def dim(self) -> int:
        """The number of its axes."""
        return int(self.value.ndim)

    def __getattr__(self, name: str) -> Any:
        if name in ("detach", "contiguous", "clone", "float", "double", "requires_grad_", "cpu"):
            return lambda *_, **__: self._recorder.apply("copy", np.copy, (self,), {})
        if name in ("view", "reshape"):
            return lambda *shape: self._recorder.apply("reshape", np.reshape, (self, _flat(shape)), {})
        if name == "permute":
            return lambda *axes: self._recorder.apply("transpose", np.transpose, (self, _flat(axes)), {})
        if name in ("expand", "expand_as"):
            return lambda *shape: self._recorder.apply(
                "broadcast_to", np.broadcast_to, (self, _expanded(self, shape)), {}
            )
        if name == "masked_fill":
            return lambda mask, value: self._recorder.apply("where", np.where, (mask, value, self), {})
        if name.startswith("_"):
            raise Untraceable(name)
        function = _translated(name)
        return lambda *args, **kwargs: self._recorder.apply(*function, (self, *args), _renamed(kwargs))


def _expanded(x: RecordedTensor, shape: tuple[Any, ...]) -> tuple[int, ...]:
    whole = shape[0].shape if hasattr(shape[0], "shape") else _flat(shape)
    own = (1,) * (len(whole) - x.ndim) + x.shape
    return tuple(n if m == -1 else m for m, n in zip(whole, own, strict=True))


def _flat(shape: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape


def _renamed(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {_KEYWORDS.get(key, key): value for key, value in kwargs.items()}


def _translated(name: str) -> tuple[str, Callable[..., Any]]:
    """What NumPy calls a function of PyTorch, and that function. Raises Untraceable for one that is not known."""
    if name in _OWN:
        return name, _OWN[name]
    if name in _SAME or name in _OTHER:
        other = _OTHER.get(name, name)
        return other, getattr(np, other)
    raise Untraceable(name)


class FollowedTorch:
    """PyTorch's functions, on recorded arrays; anything else of the module is as it is."""

    def __init__(self, apply: Callable[..., Any], torch: Any) -> None:
        self._apply, self._torch = apply, torch

    def __getattr__(self, name: str) -> Any:
        if name in ("nn", "functional"):
            return self
        if name in ("no_grad", "float64", "float32", "Tensor", "long", "int64", "arange", "tensor"):
            return getattr(self._torch, name)
        if name in ("zeros", "ones", "empty"):
            return lambda *shape, **_: self._apply(name, np.ones if name == "ones" else np.zeros, (_flat(shape),), {})
        function = _translated(name)
        return lambda *args, **kwargs: self._apply(*function, args, _renamed(kwargs))


def torch_dialect(torch: Any) -> Callable[[Recorder], Dialect]:
    """How PyTorch is followed."""

    def dialect(recorder: Recorder) -> Dialect:
        followed = FollowedTorch(recorder.apply, torch)
        return Dialect(RecordedTensor, {id(torch): followed, id(torch.nn.functional): followed})

    return dialect


def jax_dialect(jax: Any) -> Callable[[Recorder], Dialect]:
    """How JAX is followed: by NumPy, whose names it has."""
    return lambda recorder: Dialect(RecordedArray, {id(jax.numpy): FollowedNumPy(recorder.apply, RecordedArray)})
