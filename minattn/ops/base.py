"""What an op is, and the registry that every op enters with a maker of sample inputs."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np

from ..backend import Array, array_module, is_array


class Op:
    """One step of mathematics on bare arrays, forward and backward.

    A subclass writes `forward(*arrays) -> array` and `backward(g) -> gradient`, or a tuple of gradients, one for each
    input; None, or nothing at the end, for inputs that have none (ids, masks). What backward needs, forward keeps on
    `self`, under the name that it has in the derivation. Options come through `__init__`. No gradient may share memory
    with an input or with a part of another gradient; g itself, or a view of it, may be handed on, to one input or to
    several.
    """

    broadcasts: ClassVar[bool] = False
    """Inputs follow NumPy's broadcasting: backward returns gradients of the broadcast shape, `gradients` sums them."""

    is_recorded: bool = True
    """Whether backward will follow. Where not (`no_grad`), a kernel need not keep what only backward needs."""

    forward: Callable[..., Array]
    backward: Callable[[Array], Any]

    def __call__(self, *inputs: Array) -> Array:
        """Run forward and remember the inputs' shapes and dtypes, which `gradients` checks."""
        self.signatures = [(x.shape, x.dtype) for x in inputs]
        return as_array(self.forward(*inputs))

    def gradients(self, g: Array) -> tuple[Array | None, ...]:
        """Run backward; sum over broadcast axes, and hold every gradient to its input's shape and dtype.

        Args:
            g: the upstream gradient, like the output
        Raises:
            GradientError: a gradient is missing or does not fit; names the op and the input.
        """
        result = self.backward(g)
        gradients = list(result) if isinstance(result, tuple) else [result]
        if len(gradients) < len(self.signatures):  # nothing was said of ids and masks at the end
            rest = self.signatures[len(gradients) :]
            gradients += [None] * len(rest) if all(dtype.kind != "f" for _, dtype in rest) else []
        if len(gradients) != len(self.signatures):
            raise GradientError(
                f"{self}.backward returned {len(gradients)} gradients for {len(self.signatures)} inputs"
            )
        for i, (gradient, (shape, dtype)) in enumerate(zip(gradients, self.signatures, strict=True)):
            if dtype.kind != "f":  # ids, masks, whole numbers: no gradient
                gradients[i] = None
                continue
            if not (isinstance(gradient, np.ndarray) and gradient.shape == shape and gradient.dtype == dtype):
                gradient = self._fitted(i, gradient, shape, dtype)
            # the graph adds to gradients in place, so that no two may be the same array
            for other in gradients[:i]:
                if gradient is other:
                    gradient = gradient.copy()
            gradients[i] = gradient
        return tuple(gradients)

    def _fitted(self, i: int, gradient: Any, shape: tuple[int, ...], dtype: Any) -> Array:
        """The gradient of input i with the shape and dtype of that; raises GradientError where it cannot have them."""
        if gradient is None:
            raise GradientError(f"{self}.backward returned None for input {i}, which has a gradient")
        if not is_array(gradient := as_array(gradient)):
            kind = type(gradient).__name__
            raise GradientError(f"{self}.backward: the gradient of input {i} must be an array, got {kind}")
        if self.broadcasts:
            gradient = sum_to_shape(gradient, shape)
        if gradient.dtype != dtype and len({dtype for _, dtype in self.signatures}) > 1:  # inputs of mixed dtypes
            gradient = gradient.astype(dtype)
        if gradient.shape != shape or gradient.dtype != dtype:
            raise GradientError(
                f"{self}.backward: the gradient of input {i} has shape {gradient.shape} and dtype "
                f"{gradient.dtype}, the input has shape {shape} and dtype {dtype}"
            )
        return gradient

    def explain(self, *inputs: Array) -> str | None:
        """Why these inputs lead to NaN or Inf, where that is known."""
        return None

    def __str__(self) -> str:
        return type(self).__name__


class GradientError(ValueError):
    """A backward pass returned what cannot be the gradient of its inputs."""


def sum_to_shape(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Undo broadcasting: an input that was used many times gets the sum of what each use sent back."""
    added = gradient.ndim - len(shape)
    if gradient.shape == shape or added < 0:
        return gradient
    stretched = tuple(added + i for i, n in enumerate(shape) if n == 1 and gradient.shape[added + i] != 1)
    summed = total(gradient, (*range(added), *stretched), keepdims=True)
    return as_array(summed).reshape(summed.shape[added:])


def total(x: Array, axis: int | tuple[int, ...] | None, keepdims: bool = False) -> Array:
    """Σ x along axes, added in float64: in float32 a million terms, one after the other, lose four digits of seven."""
    if x.dtype.kind != "f":
        return x.sum(axis=axis, keepdims=keepdims)
    return x.sum(axis=axis, keepdims=keepdims, dtype=np.float64).astype(x.dtype)


def as_array(result: Array) -> Array:
    """An array, where NumPy made a scalar of a result without dimensions."""
    return np.asarray(result) if isinstance(result, np.generic) else result


def transposed(x: Array) -> Array:
    """xᵀ, matrix by matrix: (…, N, M) -> (…, M, N). CuPy's arrays have no `mT`."""
    return x.swapaxes(-1, -2)


def as_rows(x: Array) -> Array:
    """The vectors of x, one below the other: (…, D) -> (N, D)."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])  # -1 would be ambiguous for D = 0


def shift(x: Array, axis: int | tuple[int, ...]) -> Array:
    """The largest score along the axis, which is subtracted so that exp cannot overflow; 0 where all are -inf."""
    xp = array_module(x)
    if not x.size:  # there is no largest; the sum has the shape that is wanted
        return x.sum(axis=axis, keepdims=True)
    largest = x.max(axis=axis, keepdims=True)
    return xp.where(largest == -xp.inf, xp.zeros_like(largest), largest)


def squarable(g: Array) -> Array:
    """The gradient, but no element so large that its square overflows: then it counts as the largest that does not."""
    limit = math.sqrt(float(np.finfo(g.dtype).max)) / 2
    return array_module(g).clip(g, -limit, limit)


def norm_of(arrays: list[Array], order: float = 2.0) -> float:
    """(Σ |x|^order)^(1/order) over all elements of all arrays, also where a power would overflow or round to 0."""
    if not order > 0:
        raise ValueError(f"the order of a norm must be above 0, got {order}")
    squares: Any = sum(array_module(x).vdot(x, x).item() for x in arrays) if order == 2 else 0
    if 1e-30 < squares < math.inf:
        length: float = squares**0.5
        return length
    largest = float(np.max([0.0, *(float(abs(x).max(initial=0.0)) for x in arrays)]))  # NaN if there is one
    if not largest < math.inf:
        raise FloatingPointError(f"the length of the gradients is {largest}; one of them is not finite")
    if order == math.inf or largest == 0:
        return largest
    return largest * math.pow(sum(float(((abs(x) / largest) ** order).sum()) for x in arrays), 1 / order)


class Sample(NamedTuple):
    """Inputs on which an op is tried: arrays, the options to build the op with, and a name for the case.

    Samples are in float64: several shapes, broadcasting, axes of size 1 and 0 where they make sense, every option that
    changes the mathematics. B, T and D differ, so that a mixed-up axis cannot pass unseen.
    """

    name: str
    inputs: tuple[Array, ...]
    options: Mapping[str, Any] = MappingProxyType({})


Samples = Iterator[Sample]
SampleMaker = Callable[[np.random.Generator], Iterable[Sample]]


class Registered(NamedTuple):
    """An op's entry in the registry."""

    op: type[Op]
    samples: SampleMaker


registry: dict[str, Registered] = {}
"""Every op by its name. Tests, the gradient check and the reader's pages walk it."""

OpType = TypeVar("OpType", bound=type[Op])


def register(samples: SampleMaker) -> Callable[[OpType], OpType]:
    """Class decorator: enter an op into the registry with `samples(rng)`, which yields float64 samples."""

    def enter(op: OpType) -> OpType:
        registry[op.__name__] = Registered(op, samples)
        return op

    return enter
