"""The checks at the door of the public functions: each refuses with one sentence what cannot be right."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .backend import device_of, is_array, like, to_host
from .tensor import Tensor


def require_floats(function: str, **inputs: Any) -> None:
    """Refuse what is not a floating-point Tensor or array."""
    for argument, value in inputs.items():
        if not hasattr(value, "dtype") or value.dtype.kind != "f":
            raise TypeError(f"{function}: {argument} must be a floating-point Tensor, got {describe(value)}")


def require_some(function: str, tensors: Sequence[Tensor]) -> None:
    """Refuse an empty list of Tensors."""
    if len(tensors) == 0:
        raise ValueError(f"{function}: tensors must be at least one Tensor, got none")


def require_one_of(function: str, argument: str, value: str, known: tuple[str, ...]) -> None:
    """Refuse an option that is not known."""
    if value not in known:
        raise ValueError(f"{function}: {argument} must be one of {', '.join(map(repr, known))}, got {value!r}")


def require_below(function: str, what: str, ids: np.ndarray[Any, np.dtype[Any]], size: int) -> None:
    """Refuse ids outside [0, size). On the host, because a GPU wraps them silently."""
    if ids.size and (ids.min() < 0 or ids.max() >= size):
        wrong = ids.min() if ids.min() < 0 else ids.max()
        raise IndexError(f"{function}: {what} {wrong} is out of range, there are {size} (0 to {size - 1})")


def boolean(function: str, argument: str, value: Any, meaning: str = "") -> Any:
    """A mask as a bare boolean array."""
    array = value.data if isinstance(value, Tensor) else value
    if not (hasattr(array, "dtype") and array.dtype.kind == "b"):
        raise TypeError(f"{function}: {argument} must be a boolean array{meaning}, got {describe(array)}")
    return array


def integers(function: str, argument: str, value: Any, beside: Tensor) -> Any:
    """Ids as an integer array on the device of another Tensor."""
    array = value.data if isinstance(value, Tensor) else value
    if not is_array(array) or device_of(array) is not device_of(beside.data):
        array = like(to_host(array), beside.data)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{function}: {argument} must be integers, got dtype {array.dtype}")
    return array.astype(np.int64)  # a copy: who changes their ids later does not change the graph


def broadcasts_to(shape: tuple[int, ...], full: tuple[int, ...]) -> bool:
    """Whether an array of one shape can be stretched to the other."""
    pairs = zip(reversed(shape), reversed(full), strict=False)
    return len(shape) <= len(full) and all(n in (1, m) for n, m in pairs)


def describe(value: Any) -> str:
    """What came instead, for a message."""
    return f"dtype {value.dtype}" if hasattr(value, "dtype") else type(value).__name__
