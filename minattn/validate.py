"""The checks at the door of the public functions: each refuses with one sentence what cannot be right."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .backend import Array, device_of, is_array, like, to_host
from .tensor import Tensor, as_tensor

Group = dict[str, Any]
"""Parameters that share options of an optimizer, with those options."""

Parameters = Iterable[Tensor] | Iterable[tuple[str, Tensor]] | Iterable[dict[str, Any]]
"""What an optimizer takes: Tensors, Tensors with names, or groups of either with options of their own."""


def floats(function: str, **inputs: Any) -> list[Tensor]:
    """Tensors of what is a floating-point Tensor or array; refuses everything else."""
    for argument, value in inputs.items():
        dtype = value.data.dtype if isinstance(value, Tensor) else getattr(value, "dtype", None)
        if getattr(dtype, "kind", None) != "f":
            raise TypeError(f"{function}: {argument} must be a floating-point Tensor, got {describe(value)}")
    return [as_tensor(value) for value in inputs.values()]


def axes(
    function: str, dim: Any, keepdim: Any, numpy_names: dict[str, Any]
) -> tuple[int | tuple[int, ...] | None, bool]:
    """PyTorch's dim and keepdim, for which NumPy's axis and keepdims are also understood. No axes mean all of them."""
    dim = numpy_names.pop("axis", dim)
    keepdim = numpy_names.pop("keepdims", keepdim)
    if numpy_names:
        raise TypeError(f"{function}: unexpected argument {next(iter(numpy_names))!r}; expected dim and keepdim")
    if not isinstance(keepdim, bool | np.bool_):
        raise TypeError(f"{function}: keepdim must be True or False, got {keepdim!r}")
    if dim is None or is_integer(dim):
        return dim, bool(keepdim)
    return numbers(function, "dim", (dim,)) or None, bool(keepdim)


def numbers(function: str, argument: str, given: tuple[Any, ...]) -> tuple[int, ...]:
    """Whole numbers, given one by one or as one sequence."""
    found = tuple(given[0]) if len(given) == 1 and hasattr(given[0], "__iter__") else given
    for number in found:
        if type(number) is not int and not is_integer(number):
            raise TypeError(f"{function}: {argument} must be whole numbers, got {found!r}")
    return tuple(map(int, found))


def is_integer(value: Any) -> bool:
    """Whether this is a whole number, which True and False are not."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def axis_of(function: str, dim: int, shape: tuple[int, ...]) -> int:
    """The axis that dim names, counted from 0; an array without axes counts as one with a single axis."""
    ndim = max(len(shape), 1)
    if not is_integer(dim):
        raise TypeError(f"{function}: dim must be a whole number, got {dim!r}")
    if not -ndim <= dim < ndim:
        raise IndexError(f"{function}: dim must be one of the {ndim} axes of shape {shape}, got {dim}")
    return dim % ndim


def require_some(function: str, tensors: Sequence[Tensor]) -> None:
    """Refuse an empty list of Tensors."""
    if len(tensors) == 0:
        raise ValueError(f"{function}: tensors must be at least one Tensor, got none")


def require_one_of(function: str, argument: str, value: str, known: tuple[str, ...]) -> None:
    """Refuse an option that is not known."""
    if value not in known:
        raise ValueError(f"{function}: {argument} must be one of {', '.join(map(repr, known))}, got {value!r}")


def require_positive(function: str, **numbers: float) -> None:
    """Refuse numbers below 0, and NaN."""
    for argument, value in numbers.items():
        if not value >= 0:
            raise ValueError(f"{function}: {argument} must not be negative, got {value}")


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
    given = _several(function, params)
    given = given if isinstance(given[0], dict) else [{"params": given}]
    groups = [{**options, **group} for group in given]
    seen: dict[str, Tensor] = {}
    are_named: set[bool] = set()
    for group in groups:
        own = _several(function, group["params"])
        are_named |= {isinstance(item, tuple) for item in own}
        if len(are_named) > 1:
            raise ValueError(f"{function}: all parameters must come with a name, or none")
        named = [item if isinstance(item, tuple) else (str(len(seen) + i), item) for i, item in enumerate(own)]
        for name, p in named:
            if not (isinstance(p, Tensor) and p.is_leaf and p.dtype.kind == "f"):
                raise TypeError(f"{function}: parameter {name} must be a floating-point Tensor that no op has made")
            if name in seen:
                raise ValueError(f"{function}: two parameters have the same name, {name}")
            if any(p is other for other in seen.values()):
                raise ValueError(f"{function}: parameter {name} is there twice")
            if not getattr(p.data.flags, "writeable", True) or (p.size > 1 and 0 in p.data.strides):
                raise ValueError(
                    f"{function}: parameter {name} is memory that cannot be written, or stands for several"
                )
            seen[name] = p
        group |= {"params": [p for _, p in named], "names": [name for name, _ in named]}
        _require_options(function, group)
        if group.get("amsgrad") != options.get("amsgrad"):
            raise ValueError(f"{function}: amsgrad must be the same in all groups")
        if unknown := group.keys() - options.keys() - {"params", "names"}:
            raise TypeError(f"{function}: a group has an unknown option, {sorted(unknown)[0]!r}")
    return groups


def gradients_of(function: str, parameters: Tensor | Iterable[Tensor]) -> list[Array]:
    """The gradients of one Tensor or several, of those that have one. Raises ValueError where there is no Tensor."""
    return [p.grad for p in _several(function, parameters) if p.grad is not None]


def _several(function: str, given: Any) -> list[Any]:
    """A list of what is given one by one or as one Tensor; refuses none, as a generator gives that is used up."""
    found = [given] if isinstance(given, Tensor) else list(given)
    if not found:
        raise ValueError(f"{function}: there are no parameters (a generator gives them only once)")
    return found


def names_with_gradient(function: str, parameters: dict[str, Tensor]) -> list[str]:
    """The parameters that take part in a step; refuses a gradient of another shape."""
    names = [name for name, p in parameters.items() if p.grad is not None]
    for name in names:
        require_shape(function, f"the gradient of {name}", parameters[name].grad, parameters[name].shape)
    return names


def _require_options(function: str, group: dict[str, Any]) -> None:
    """Refuse options of an optimizer that are no numbers, or out of range."""
    for name in ("lr", "weight_decay", "eps", "momentum", "dampening", "betas"):
        values, is_share = group.get(name, 0), name in ("momentum", "betas")
        for value in values if isinstance(values, tuple | list) else (values,):
            if not isinstance(value, int | float | np.floating | np.integer):
                raise TypeError(f"{function}: {name} must be a number, got {describe(value)}")
            if not value >= 0 or (is_share and value >= 1):
                limits = "be in [0, 1)" if is_share else "not be negative"
                raise ValueError(f"{function}: {name} must {limits}, got {values}")
    if len(group.get("betas", (0, 0))) != 2:
        raise ValueError(f"{function}: betas must be two numbers, got {group['betas']}")
    if group.get("nesterov") and (group["momentum"] <= 0 or group["dampening"] != 0):
        raise ValueError(f"{function}: nesterov needs a momentum, and no dampening")
