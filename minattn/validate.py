"""The checks at the door of the public functions: each refuses with one sentence what cannot be right."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .backend import device_of, is_array, like, to_host
from .tensor import Tensor

Parameters = Iterable[Tensor] | Iterable[tuple[str, Tensor]] | Iterable[dict[str, Any]]
"""What an optimizer takes: Tensors, Tensors with names, or groups of either with options of their own."""


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


def require_shape(function: str, argument: str, value: Any, shape: tuple[int, ...]) -> None:
    """Refuse an array of another shape."""
    if value.shape != shape:
        raise ValueError(f"{function}: {argument} has shape {value.shape}, expected {shape}")


def require_same_shapes(what: str, own: dict[str, Any], given: dict[str, Any]) -> None:
    """Refuse arrays by name that lack one, have one too many, or one of another shape."""
    if wrong := sorted(own.keys() ^ given.keys()) or [name for name in own if own[name].shape != given[name].shape]:
        raise ValueError(f"{what}: {wrong[0]} is missing, unexpected, or has another shape")


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


def parameter_groups(function: str, params: Parameters, options: dict[str, Any]) -> list[dict[str, Any]]:
    """The groups of an optimizer: dicts with "params" (a list), "names" (a list) and all options.

    Raises TypeError or ValueError for what is no list of leaves, has one twice, or has an option out of range.
    """
    if isinstance(params, Tensor):
        raise TypeError(f"{function}: expected several parameters, got a Tensor; put it into a list")
    given: list[Any] = list(params)
    given = given if given and isinstance(given[0], dict) else [{"params": given}]
    groups = [{**options, **group} for group in given]
    seen: dict[str, Tensor] = {}
    for group in groups:
        own = [group["params"]] if isinstance(group["params"], Tensor) else list(group["params"])
        named = [item if isinstance(item, tuple) else (str(len(seen) + i), item) for i, item in enumerate(own)]
        for name, p in named:
            if not (isinstance(p, Tensor) and p.is_leaf and p.dtype.kind == "f"):
                raise TypeError(f"{function}: parameter {name} must be a floating-point Tensor that no op has made")
            if name in seen:
                raise ValueError(f"{function}: two parameters have the same name, {name}")
            if any(p is other for other in seen.values()):
                raise ValueError(f"{function}: parameter {name} is there twice")
            seen[name] = p
        group |= {"params": [p for _, p in named], "names": [name for name, _ in named]}
        _require_options(function, group)
    if not seen:
        raise ValueError(f"{function}: there are no parameters to optimize")
    return groups


def _require_options(function: str, group: dict[str, Any]) -> None:
    """Refuse options of an optimizer that are out of range."""
    for name in ("lr", "weight_decay", "eps"):
        if not group.get(name, 0) >= 0:
            raise ValueError(f"{function}: {name} must not be negative, got {group[name]}")
    for name in ("momentum", "betas"):
        values = group.get(name, 0)
        if not all(0 <= value < 1 for value in (values if isinstance(values, tuple | list) else (values,))):
            raise ValueError(f"{function}: {name} must be in [0, 1), got {values}")
