"""Backward passes that were written for PyTorch or JAX, checked and diagnosed like those for NumPy."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..backend import Array
from ..errors import InputError
from ..trace import jax_dialect, torch_dialect
from .entry import check_backward
from .problem import Code
from .report import Report


def check_autograd_function(
    function: Any, inputs: Sequence[Any], names: Sequence[str] | None = None, seed: int = 0
) -> Report:
    """Check the backward of a `torch.autograd.Function`, and say what is probably wrong with it.

    Args:
        function: the class, with `forward(ctx, *inputs)` and `backward(ctx, *upstreams)`
        inputs: tensors or arrays; real numbers become float64, everything else is handed on as it is
        names: of the inputs, if not those of forward's parameters

    Raises:
        InputError: where nothing can be checked, or PyTorch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise InputError("PyTorch is not installed: pip install torch") from error
    if not (isinstance(function, type) and issubclass(function, torch.autograd.Function)):
        raise InputError(f"function must be a subclass of torch.autograd.Function, got {function!r}")

    def tensors(arrays: Sequence[Any], follows: bool) -> list[Any]:
        found = [torch.from_numpy(np.array(x)) if isinstance(x, np.ndarray) else x for x in arrays]
        return [x.requires_grad_(follows) if torch.is_tensor(x) and x.is_floating_point() else x for x in found]

    def forward(*arrays: Any) -> Any:
        apply: Callable[..., Any] = function.apply
        outputs = apply(*tensors(arrays, False))
        return tuple(y.numpy() for y in outputs) if isinstance(outputs, tuple) else outputs.numpy()

    def backward(upstream: Any, *arrays: Any) -> tuple[Array | None, ...]:
        given = tensors(arrays, True)
        apply: Callable[..., Any] = function.apply
        outputs = apply(*given)
        several = isinstance(outputs, tuple)
        back = [torch.from_numpy(np.array(g)) for g in (upstream if several else (upstream,))]
        sources = [x for x in given if torch.is_tensor(x) and x.requires_grad]
        found = iter(torch.autograd.grad(outputs, sources, back if several else back[0], allow_unused=True))
        gradients = [next(found) if torch.is_tensor(x) and x.requires_grad else None for x in given]
        return tuple(None if g is None else g.numpy() for g in gradients)

    class Context:
        """What PyTorch's context does for the two passes."""

        saved_tensors: tuple[Any, ...] = ()

        def save_for_backward(self, *saved: Any) -> None:
            """Keep them for backward."""
            self.saved_tensors = saved

    kept: dict[str, Any] = {}
    first: Any = function.forward
    second: Any = function.backward

    def forward_code(*given: Any) -> Any:
        kept["context"] = Context()
        return first(kept["context"], *given)

    def backward_code(upstream: Any, *given: Any) -> Any:
        return second(kept["context"], upstream)

    arrays = [x.detach().numpy() if torch.is_tensor(x) else x for x in inputs]
    names = names or _names(first, 1, len(arrays))
    code = Code(forward_code, backward_code, torch_dialect(torch))
    return check_backward(forward, backward, arrays, None, names, seed, function.__name__, code=code)


def check_custom_vjp(function: Any, inputs: Sequence[Any], names: Sequence[str] | None = None, seed: int = 0) -> Report:
    """Check the backward pass of a `jax.custom_vjp` function, and say what is probably wrong with it.

    Args:
        function: what `jax.custom_vjp` made, with `defvjp(fwd, bwd)` called on it
        inputs: arrays; real numbers become float64, everything else is handed on as it is
        names: of the inputs, if not those of the function's parameters

    Raises:
        InputError: where nothing can be checked, or JAX is not installed.
    """
    try:
        import jax  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise InputError("JAX is not installed: pip install jax") from error
    if not isinstance(function, jax.custom_vjp) or getattr(function, "bwd", None) is None:
        raise InputError(f"function must be a jax.custom_vjp with its passes defined by defvjp, got {function!r}")

    def forward(*arrays: Any) -> Any:
        with jax.enable_x64(True):
            outputs = function(*arrays)
            return tuple(map(np.asarray, outputs)) if isinstance(outputs, tuple) else np.asarray(outputs)

    def backward(upstream: Any, *arrays: Any) -> tuple[Array | None, ...]:
        with jax.enable_x64(True):
            _, pull = jax.vjp(function, *(jax.numpy.asarray(x) for x in arrays))
            gradients = pull(jax.tree.map(jax.numpy.asarray, upstream))
        pairs = zip(gradients, arrays, strict=True)
        return tuple(np.asarray(g) if np.asarray(x).dtype.kind == "f" else None for g, x in pairs)

    kept: dict[str, Any] = {}
    first: Any = function.fwd
    second: Any = function.bwd

    def forward_code(*given: Any) -> Any:
        output, kept["residuals"] = first(*given)
        return output

    def backward_code(upstream: Any, *given: Any) -> Any:
        return second(kept["residuals"], upstream)

    arrays = [np.asarray(x) for x in inputs]
    names = names or _names(function.fun, 0, len(arrays))
    code = Code(forward_code, backward_code, jax_dialect(jax))
    title = getattr(function.fun, "__name__", "custom_vjp")
    return check_backward(forward, backward, arrays, None, names, seed, title, code=code)


def _names(function: Callable[..., Any], skipped: int, count: int) -> list[str] | None:
    """The names of a function's parameters after the first so many; None where there are not as many as inputs."""
    names = list(inspect.signature(function).parameters)[skipped:]
    return names if len(names) == count else None
