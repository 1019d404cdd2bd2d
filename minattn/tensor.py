"""Tensor: an array that remembers which op made it, so that `backward()` can send gradients to where it came from."""

import html
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .backend import Array, array_module, device_of, get_device, is_array, to_host
from .graph import Node, grad_enabled, walk
from .ops import Op
from .ops.activations import ReLU, Sigmoid, Tanh
from .ops.arithmetic import Add, Divide, Maximum, Multiply, Power, Subtract
from .ops.base import as_array
from .ops.kernels import kernel_of
from .ops.linear_algebra import MatMul
from .ops.pointwise import Exp, Log, Negate, Sqrt
from .ops.reduction import Max, Mean, Sum, Variance
from .ops.shape import BroadcastTo, Index, Reshape, Transpose
from .trace import is_finite, trace_backward, trace_forward

Operand = Any  # Tensor | Array | number
Dims = int | tuple[int, ...] | None


class Tensor:
    """An array with a gradient.

    data: anything NumPy makes an array of, or an array of a GPU; it is not copied, and its dtype is kept.
    requires_grad: whether `backward()` is to leave a gradient in `.grad`; only for floating-point data.

    `.grad` is an array like `.data`, or None. Only leaves have one: Tensors made by the user, not by an op.

    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4., 6.])
    """

    __slots__ = ("__weakref__", "data", "grad", "node", "requires_grad", "version")

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        if isinstance(data, Tensor):
            data = data.data
        if not is_array(data):
            data = np.asarray(data)
        if data.dtype.kind not in "fiub":
            raise TypeError(f"Tensor: expected numbers, got data of dtype {data.dtype}")
        if requires_grad and data.dtype.kind != "f":
            raise TypeError(f"Tensor: requires_grad needs floating-point data, got dtype {data.dtype}")
        self.data: Array = data
        self.requires_grad = requires_grad
        self.grad: Array | None = None
        self.node: Node | None = None
        self.version = [0]  # counts changes of data in place, so that a stale graph is noticed; shared with detach()

    # --- what it is

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        shape: tuple[int, ...] = self.data.shape
        return shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The kind of number in it."""
        dtype: np.dtype[Any] = self.data.dtype
        return dtype

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        ndim: int = self.data.ndim
        return ndim

    @property
    def size(self) -> int:
        """How many elements it has."""
        size: int = self.data.size
        return size

    @property
    def device(self) -> str:
        """Where its numbers live: "cpu" or "gpu"."""
        return device_of(self.data).name

    @property
    def is_leaf(self) -> bool:
        """Whether no op has made it."""
        return self.node is None

    def __repr__(self) -> str:
        numbers = np.array2string(
            to_host(self.data), precision=4, threshold=20, edgeitems=2, separator=", ", prefix="Tensor("
        )
        made_by = f", made by {self.node.op}" if self.node else ", requires_grad" if self.requires_grad else ""
        where = "" if self.device == "cpu" else f", on {self.device}"
        return f"Tensor({numbers}, shape {self.shape}, {self.dtype}{made_by}{where})"

    def _repr_html_(self) -> str:
        """For a notebook: a table of its numbers, if it has one or two axes and is small; else what `repr` says."""
        if not (1 <= self.ndim <= 2 and 0 < self.size <= 400):
            return f"<pre>{html.escape(repr(self))}</pre>"
        rows = np.atleast_2d(self.numpy())
        cells = ("".join(f"<td>{number:.4g}</td>" for number in row.tolist()) for row in rows)
        table = "".join(f"<tr>{row}</tr>" for row in cells)
        made_by = f", made by {self.node.op}" if self.node else ", requires_grad" if self.requires_grad else ""
        return f"<table>{table}</table><small>shape {self.shape}, {self.dtype}{html.escape(made_by)}</small>"

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("a Tensor without dimensions has no length")
        return self.shape[0]

    def __iter__(self) -> "Iterator[Tensor]":
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.data)

    def __float__(self) -> float:
        return float(self.item())

    def item(self) -> Any:
        """The one number in it, as a Python number. Raises ValueError if there is not exactly one."""
        if self.size != 1:
            raise ValueError(f"item: expected a Tensor with one element, got shape {self.shape}")
        return self.data.item()

    def numpy(self) -> np.ndarray[Any, np.dtype[Any]]:
        """Its numbers as a NumPy array, without the graph; shared with the Tensor on the CPU, a copy from a GPU."""
        return to_host(self.data)

    def detach(self) -> "Tensor":
        """The same numbers, cut off from the graph."""
        result = Tensor(self.data)
        result.version = self.version
        return result

    def changed(self) -> None:
        """Say that data was changed in place: what was computed from it before can no longer be differentiated."""
        self.version[0] += 1

    def to(self, device: str) -> "Tensor":
        """A leaf with the same numbers on "cpu" or "gpu"; itself if it is there already."""
        if device == self.device:
            return self
        if self.node is not None:
            raise ValueError("to: only a leaf can be moved; move the leaves before they are used, or detach()")
        return Tensor(get_device(device).from_host(to_host(self.data)), self.requires_grad)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, np.dtype[Any]]:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Let `np.exp(x)` and `array + x` be differentiated like `x.exp()` and `x + array`."""
        if ufunc in _COMPARISONS and method == "__call__" and not options:
            return ufunc(*map(_array_of, inputs))
        make = _UFUNCS.get(ufunc)
        if make is None or method != "__call__" or options:
            raise TypeError(
                f"np.{ufunc.__name__} does not work on a Tensor; use a function of minattn.functional, or x.data"
            )
        return make(*inputs)

    # --- backward

    def backward(self, gradient: Any = None) -> None:
        """Add to every leaf's `.grad` the gradient of this Tensor with respect to it.

        gradient: the upstream gradient, of this Tensor's shape; 1 if there is only one element.

        A second call adds the same again. Raises RuntimeError where no leaf needs a gradient, or where an optimizer, or
        whoever called `changed()`, has changed a leaf in place after it was used; FloatingPointError where NaN or Inf
        arose, naming the op and the line that called it.
        """
        for leaf, own in self.gradients(gradient):
            add_to_grad(leaf, own)

    def gradients(self, gradient: Any = None) -> "list[tuple[Tensor, Array]]":
        """Every leaf with what `backward(gradient)` would add to its `.grad`, which is left alone."""
        if not self.requires_grad:
            raise RuntimeError("backward: no input of this Tensor has requires_grad=True")
        xp = array_module(self.data)
        if gradient is None:
            if self.size != 1:
                raise RuntimeError(
                    f"backward: a Tensor of shape {self.shape} needs backward(gradient); 1 is for one number"
                )
            upstream = xp.ones_like(self.data)
        else:
            given = gradient.data if isinstance(gradient, Tensor) else gradient
            upstream = xp.asarray(given, dtype=self.dtype)
            if upstream.shape != self.shape:
                raise ValueError(f"backward: gradient has shape {upstream.shape}, the Tensor has shape {self.shape}")
        if not is_finite(self.data) and (gradient is None or xp.isnan(self.data).any()):  # -inf in a mask may be meant
            trace_forward(self.node, self.data)
        # a copy: the walk adds to it in place
        leaves = walk(self.node, upstream.copy()) if self.node else [(self, upstream.copy())]
        if not all(is_finite(gradient) for _, gradient in leaves):
            if not is_finite(self.data):
                trace_forward(self.node, self.data)
            trace_backward(walk, self.node, upstream)
        return leaves

    # --- operators

    def __add__(self, other: Operand) -> "Tensor":
        return apply(Add(), self, other)

    def __radd__(self, other: Operand) -> "Tensor":
        return apply(Add(), other, self)

    def __sub__(self, other: Operand) -> "Tensor":
        return apply(Subtract(), self, other)

    def __rsub__(self, other: Operand) -> "Tensor":
        return apply(Subtract(), other, self)

    def __mul__(self, other: Operand) -> "Tensor":
        return apply(Multiply(), self, other)

    def __rmul__(self, other: Operand) -> "Tensor":
        return apply(Multiply(), other, self)

    def __truediv__(self, other: Operand) -> "Tensor":
        return apply(Divide(), self, other)

    def __rtruediv__(self, other: Operand) -> "Tensor":
        return apply(Divide(), other, self)

    def __pow__(self, other: Operand) -> "Tensor":
        return apply(Power(), self, other)

    def __rpow__(self, other: Operand) -> "Tensor":
        return apply(Power(), other, self)

    def __matmul__(self, other: Operand) -> "Tensor":
        return apply(MatMul(), self, other)

    def __rmatmul__(self, other: Operand) -> "Tensor":
        return apply(MatMul(), other, self)

    def __neg__(self) -> "Tensor":
        return apply(Negate(), self)

    def __getitem__(self, key: Any) -> "Tensor":
        keys = tuple(_own(k) for k in key) if isinstance(key, tuple) else _own(key)
        return apply(Index(keys), self)

    # comparisons give bare boolean arrays: they have no gradient

    def __lt__(self, other: Operand) -> Array:
        return self.data < _array_of(other)

    def __le__(self, other: Operand) -> Array:
        return self.data <= _array_of(other)

    def __gt__(self, other: Operand) -> Array:
        return self.data > _array_of(other)

    def __ge__(self, other: Operand) -> Array:
        return self.data >= _array_of(other)

    def __eq__(self, other: object) -> Any:
        return self.data == _array_of(other)

    def __ne__(self, other: object) -> Any:
        return self.data != _array_of(other)

    __hash__ = object.__hash__

    # --- functions of one Tensor, with PyTorch's names; minattn.functional has the others

    def exp(self) -> "Tensor":
        """e^x."""
        return apply(Exp(), self)

    def log(self) -> "Tensor":
        """The natural logarithm."""
        return apply(Log(), self)

    def sqrt(self) -> "Tensor":
        """The square root."""
        return apply(Sqrt(), self)

    def tanh(self) -> "Tensor":
        """The hyperbolic tangent."""
        return apply(Tanh(), self)

    def sigmoid(self) -> "Tensor":
        """1 / (1 + e^-x)."""
        return apply(Sigmoid(), self)

    def relu(self) -> "Tensor":
        """max(x, 0)."""
        return apply(ReLU(), self)

    def sum(self, dim: Dims = None, keepdim: bool = False, **numpy_names: Any) -> "Tensor":
        """The sum along dim; of all elements without it."""
        return apply(Sum(*_reduction(dim, keepdim, numpy_names)), self)

    def mean(self, dim: Dims = None, keepdim: bool = False, **numpy_names: Any) -> "Tensor":
        """The mean along dim; of all elements without it."""
        return apply(Mean(*_reduction(dim, keepdim, numpy_names)), self)

    def var(self, dim: Dims = None, correction: int = 1, keepdim: bool = False, **numpy_names: Any) -> "Tensor":
        """The variance along dim, divided by N - correction; of all elements without it."""
        return apply(Variance(*_reduction(dim, keepdim, numpy_names), correction), self)

    def max(self, dim: Dims = None, keepdim: bool = False, **numpy_names: Any) -> "Tensor":
        """The largest element along dim; where several are, each gets an equal share of the gradient."""
        return apply(Max(*_reduction(dim, keepdim, numpy_names)), self)

    def reshape(self, *shape: Any) -> "Tensor":
        """The same numbers in another shape; one length may be -1."""
        return apply(Reshape(_flat(shape)), self)

    def permute(self, *dims: Any) -> "Tensor":
        """The axes in another order."""
        return apply(Transpose(_flat(dims)), self)

    def transpose(self, dim0: int, dim1: int) -> "Tensor":
        """Two axes exchanged."""
        axes = list(range(self.ndim))
        if not all(-self.ndim <= dim < self.ndim for dim in (dim0, dim1)):
            raise ValueError(f"transpose: shape {self.shape} has no axes {dim0} and {dim1} to swap")
        axes[dim0], axes[dim1] = axes[dim1], axes[dim0]
        return self.permute(axes)

    @property
    def T(self) -> "Tensor":
        """The axes in reverse order."""
        return self.permute(tuple(reversed(range(self.ndim))))

    @property
    def mT(self) -> "Tensor":
        """The last two axes exchanged."""
        return self.transpose(-2, -1)

    def expand(self, *shape: Any) -> "Tensor":
        """Repeat along axes of length 1 and new leading axes; -1 keeps a length."""
        sizes = _flat(shape)
        own = (-1,) * (len(sizes) - self.ndim) + self.shape
        sizes = tuple(m if n == -1 else n for n, m in zip(sizes, own, strict=False))
        return apply(BroadcastTo(sizes), self)


def apply(op: Op, *inputs: Operand) -> Tensor:
    """Run an op on Tensors, arrays or numbers, and remember it if a gradient will have to come back through it.

    A Python number takes the dtype of the Tensors beside it, as in NumPy. Raises what the op raises, with the
    op's name and the shapes in front.
    """
    tensors = as_tensors(inputs)
    arrays = [tensor.data for tensor in tensors]
    if (kernel := kernel_of(type(op), arrays)) is not None:
        op = _with_options_of(op, kernel)
    recorded = grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    options = dict(vars(op)) if recorded else {}
    if "signatures" in options:  # its saved arrays would be overwritten
        raise ValueError(f"{op}: this op has run already; make a new one for each call")
    if not recorded:
        op.is_recorded = False
    try:
        result = Tensor(op(*arrays))
    except (ValueError, TypeError, IndexError) as error:
        kind = next(kind for kind in (ValueError, TypeError, IndexError) if isinstance(error, kind))
        is_mixed = len({tensor.device for tensor in tensors}) > 1
        what = "device" if is_mixed else "dtype" if kind is TypeError else "shape"
        came = ", ".join(str(getattr(tensor, what)) for tensor in tensors)
        raise kind(f"{op}: {error}; {what}s {came}") from error
    if recorded and result.dtype.kind == "f":
        result.requires_grad = True
        result.node = Node(op, options, tensors)
    return result


def _with_options_of(op: Op, kernel: type[Op]) -> Op:
    """The kernel that stands in for an op."""
    result = object.__new__(kernel)
    vars(result).update(vars(op))
    return result


def as_tensor(x: Operand) -> Tensor:
    """x itself if it is a Tensor, else a Tensor of it."""
    return x if isinstance(x, Tensor) else Tensor(x)


def as_tensors(inputs: tuple[Operand, ...], place: Array | None = None) -> tuple[Tensor, ...]:
    """Operands as Tensors; a number takes the dtype of the Tensors beside it where it fits, and their device.

    place: an array on the device where numbers go if no Tensor or array is among the inputs
    """
    arrays = [_array_of(x) for x in inputs if isinstance(x, Tensor) or is_array(x)]
    anchor = arrays[0] if arrays else place
    return tuple(as_tensor(x if anchor is None else _beside(x, anchor, bool(arrays))) for x in inputs)


def add_to_grad(leaf: Tensor, gradient: Array) -> None:
    """Add a gradient of a leaf's shape to its `.grad`, whose array itself stays as it is."""
    leaf.grad = gradient if leaf.grad is None else as_array(leaf.grad + gradient)


def _beside(x: Operand, anchor: Array, takes_dtype: bool) -> Operand:
    if isinstance(x, Tensor) or is_array(x):
        return x
    xp, kind = array_module(anchor), anchor.dtype.kind
    fits = isinstance(x, bool) or (isinstance(x, int) and kind != "b") or (isinstance(x, float) and kind == "f")
    return xp.asarray(x, dtype=anchor.dtype) if fits and takes_dtype else xp.asarray(x)


def _own(key: Any) -> Any:
    """An index that its maker cannot change any more."""
    array = _array_of(key)
    return array.copy() if is_array(array) else array


def _array_of(x: Any) -> Any:
    return x.data if isinstance(x, Tensor) else x


def _flat(numbers: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(numbers[0]) if len(numbers) == 1 and hasattr(numbers[0], "__iter__") else numbers


def _reduction(dim: Dims, keepdim: bool, numpy_names: dict[str, Any]) -> tuple[Dims, bool]:
    """PyTorch's dim and keepdim, for which NumPy's axis and keepdims are also understood."""
    dim = numpy_names.pop("axis", dim)
    keepdim = numpy_names.pop("keepdims", keepdim)
    if numpy_names:
        raise TypeError(f"unexpected argument {next(iter(numpy_names))!r}; expected dim and keepdim")
    return tuple(dim) if isinstance(dim, list) else dim, keepdim


_COMPARISONS = {np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal}
_UFUNCS: dict[Any, Callable[..., Tensor]] = {
    ufunc: lambda *inputs, op=op: apply(op(), *inputs)
    for ufunc, op in (
        (np.add, Add),
        (np.subtract, Subtract),
        (np.multiply, Multiply),
        (np.divide, Divide),
        (np.power, Power),
        (np.maximum, Maximum),
        (np.matmul, MatMul),
        (np.negative, Negate),
        (np.exp, Exp),
        (np.log, Log),
        (np.sqrt, Sqrt),
        (np.tanh, Tanh),
    )
}
