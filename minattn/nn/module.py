"""Module: something with named parameters, made of other such things."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Self

import numpy as np

from ..backend import Array, array_module, get_device, is_array, like, to_host
from ..tensor import Tensor


class Parameter(Tensor):
    """A Tensor that is learned: it always needs a gradient, and its data lies in one contiguous block."""

    __slots__ = ()

    def __init__(self, data: Any) -> None:
        data = data.data if isinstance(data, Tensor) else data
        xp = array_module(data)
        super().__init__(data if is_array(data) and data.flags.c_contiguous else xp.ascontiguousarray(data), True)

    def set(self, data: Array) -> None:
        """Overwrite the numbers in place with those of an array of the same shape, from any device."""
        self.data[...] = like(to_host(data).astype(self.dtype, copy=False), self.data)
        self.changed()


class LoadResult(NamedTuple):
    """What `load_state_dict(strict=False)` left out."""

    missing: list[str]
    unexpected: list[str]


class Module:
    """Base of all layers: finds its parameters by walking its attributes.

    A subclass makes Parameters and Modules, or lists, tuples and dicts of them, in `__init__`, and writes `forward`.
    """

    training = True
    forward: Callable[..., Any]

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        return self.forward(*inputs, **options)

    def children(self) -> Iterator[tuple[str, "Module"]]:
        """The modules that are attributes of this one, with their names."""
        return ((name, value) for name, value in self._attributes() if isinstance(value, Module))

    def _attributes(self) -> Iterator[tuple[str, Any]]:
        """Attributes with their names; what stands in a list, tuple or dict is called `name.0` or `name.key`."""
        for name, value in vars(self).items():
            several = dict(enumerate(value)) if isinstance(value, list | tuple) else value
            yield name, value
            if isinstance(several, dict):
                yield from ((f"{name}.{key}", item) for key, item in several.items())

    def modules(self) -> Iterator["Module"]:
        """This module and all below it, each once."""
        return (module for _, module in self._below("", set()))

    def _below(self, prefix: str, seen: set[int]) -> "Iterator[tuple[str, Module]]":
        """The same with what stands before the names of its parameters; one may be reached in several ways."""
        if id(self) not in seen:
            seen.add(id(self))
            yield prefix, self
            for name, child in self.children():
                yield from child._below(f"{prefix}{name}.", seen)

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Every parameter once, under the first name that leads to it."""
        seen: set[int] = set()
        for prefix, module in self._below("", set()):
            for name, value in module._attributes():
                if isinstance(value, Parameter) and id(value) not in seen:
                    seen.add(id(value))
                    yield prefix + name, value

    def parameters(self) -> Iterator[Parameter]:
        """Every parameter once."""
        return (parameter for _, parameter in self.named_parameters())

    def zero_grad(self) -> None:
        """Take the gradients of all parameters away."""
        for parameter in self.parameters():
            parameter.grad = None

    def train(self, mode: bool = True) -> Self:
        """Switch dropout on (or off)."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch dropout off."""
        return self.train(False)

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Inside `with model.evaluating():` dropout is off; afterwards it is as it was."""
        before = [(module, module.training) for module in self.modules()]
        self.eval()
        try:
            yield
        finally:
            for module, training in before:
                module.training = training

    def state_dict(self) -> dict[str, np.ndarray[Any, np.dtype[Any]]]:
        """Every parameter's numbers by name, as NumPy arrays; on the CPU they share memory with the parameters."""
        return {name: parameter.numpy() for name, parameter in self.named_parameters()}

    def load_state_dict(self, state: dict[str, Any], strict: bool = True) -> LoadResult:
        """Overwrite the parameters with arrays by name. Nothing is changed if anything is wrong.

        Raises ValueError if strict and names are missing or unexpected, or if a shape differs.
        """
        own = dict(self.named_parameters())
        missing = [name for name in own if name not in state]
        unexpected = [name for name in state if name not in own]
        if strict and (missing or unexpected):
            raise ValueError(f"load_state_dict: missing {missing or 'nothing'}, unexpected {unexpected or 'nothing'}")
        values = {name: state[name] for name in own if name in state}
        arrays = {name: to_host(x.data if isinstance(x, Tensor) else x) for name, x in values.items()}
        for name, array in arrays.items():
            if array.dtype.kind not in "fiu":
                raise ValueError(f"load_state_dict: {name} has dtype {array.dtype}, expected {own[name].dtype}")
            if array.shape != own[name].shape:
                raise ValueError(f"load_state_dict: {name} has shape {array.shape}, expected {own[name].shape}")
            with np.errstate(over="ignore"):
                arrays[name] = array.astype(own[name].dtype, copy=False)
            if np.isinf(arrays[name]).any() > np.isinf(array).any():
                raise ValueError(f"load_state_dict: {name} has numbers too large for {own[name].dtype}")
        for name, array in arrays.items():
            own[name].set(array)
        return LoadResult(missing, unexpected)

    def to(self, device: str) -> Self:
        """Move parameters, gradients and tables to "cpu" or "gpu", in place."""
        move = get_device(device).from_host
        return self._replace(lambda array: move(to_host(array)))

    def double(self) -> Self:
        """float64 from here on, for checking gradients."""
        return self._replace(lambda array: array.astype(np.float64))

    def float(self) -> Self:
        """float32 from here on."""
        return self._replace(lambda array: array.astype(np.float32))

    def _replace(self, change: Callable[[Array], Array]) -> Self:
        for parameter in self.parameters():
            parameter.data = change(parameter.data)
            parameter.grad = None if parameter.grad is None else change(parameter.grad)
            parameter.changed()
        for module in self.modules():
            for name, value in vars(module).items():
                if is_array(value) and value.dtype.kind == "f":
                    setattr(module, name, change(value))
        return self

    def __repr__(self) -> str:
        inside = "".join(f"\n  {name}: " + repr(child).replace("\n", "\n  ") for name, child in self.children())
        own = ", ".join(f"{name} {value.shape}" for name, value in vars(self).items() if isinstance(value, Parameter))
        return f"{type(self).__name__}({own})" + inside
