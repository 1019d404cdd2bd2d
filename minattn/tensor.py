"""Tensor: an array that remembers which op made it, so that `backward()` can send gradients to where it came from."""

import html
import inspect
import warnings
from collections.abc import Callable, Iterator
from contextlib import ContextDecorator
from contextvars import ContextVar
from threading import Lock
from typing import Any, cast

import numpy as np

from .backend import Array, array_module, device_of, get_device, is_array, like, plain_array, to_host
from .graph import Node, walk
from .ops import Op
from .ops.arithmetic import Add, Divide, Multiply, Power, Subtract
from .ops.base import as_array
from .ops.kernels import kernel_of
from .ops.linear_algebra import MatMul
from .ops.pointwise import Negate
from .ops.shape import Index
from .trace import answer_without_graph, is_finite, trace_backward, trace_forward

Operand = Any  # Tensor | Array | number
Method = Callable[..., "Tensor"]

NUMPY_FUNCTIONS: dict[Any, Callable[..., Any]] = {}
"""What runs in place of a function of NumPy that is called with a Tensor; filled by `functional`."""

# the types of methods that are not there yet
_gives_tensor = cast(Method, None)
_gives_other = cast(Callable[..., Any], None)

_recording = ContextVar("recording", default=True)


class no_grad(ContextDecorator):
    """Inside `with no_grad():`, or a function under `@no_grad()`, ops keep nothing and results need no gradient.

    >>> x = Tensor([1.0], requires_grad=True)
    >>> with no_grad():
    ...     (2 * x).requires_grad
    False
    """

    def __enter__(self) -> None:
        self.before = [*getattr(self, "before", ()), _recording.get()]  # one object may be entered twice
        _recording.set(False)

    def __exit__(self, *_: object) -> None:
        _recording.set(self.before.pop())

    def __call__(self, function: Any) -> Any:
        """For `@no_grad()`. Raises TypeError for a generator, which goes on when it has long been left."""
        if inspect.isgeneratorfunction(function):
            raise TypeError("no_grad: a generator cannot be wrapped; put `with no_grad():` around what it computes")
        return super().__call__(function)

    def _recreate_cm(self) -> "no_grad":
        """One of its own for each call of a function, and so for each thread."""
        return no_grad()


def grad_enabled() -> bool:
    """Whether ops record what backward needs, in this thread."""
    return _recording.get()


class Tensor:
    """An array with a gradient.

    Args:
        data: anything NumPy makes an array of, or an array of a GPU: float32, float64, integers or booleans. An array
            is not copied, and its dtype is kept; see `minattn.backend.plain_array` for what else may come.
        requires_grad: whether `backward()` is to leave a gradient in `.grad`; only for floating-point data.
    Raises:
        TypeError: the data are not such numbers, or are a Tensor whose graph would be lost.

    `.grad` is an array like `.data`, or None. Only leaves have one: Tensors made by the user, not by an op.
    The functions of `minattn.functional` whose first argument is a Tensor are methods too: `x.softmax(-1)`.

    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4., 6.])
    """

    __slots__ = ("__weakref__", "data", "grad", "node", "requires_grad", "version")

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        if isinstance(data, Tensor):
            if data.requires_grad:
                raise TypeError("Tensor: got a Tensor, whose gradient would be lost; use it as it is, or x.detach()")
            data = data.data
        data = plain_array(data)
        if requires_grad and data.dtype.kind != "f":
            raise TypeError(f"Tensor: requires_grad needs floating-point data, got dtype {data.dtype}")
        self.data: Array = data
        self.requires_grad: bool = requires_grad
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
        if self.requires_grad and grad_enabled():  # `array[0] = x[0]` and `math.exp(x)` come here as well
            warnings.warn(
                "a Tensor that needs a gradient became a bare number, and its gradient ends here; "
                "where that is meant, x.item() says so",
                stacklevel=2,
            )
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
        """For NumPy, which turns into an array what it is given. Raises TypeError where a gradient would be lost."""
        if self.requires_grad:
            raise TypeError(
                "a Tensor that needs a gradient does not turn into an array, where the gradient would be lost; "
                "F.stack joins Tensors, and x.numpy() gives the numbers alone"
            )
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Let `np.exp(x)` and `array + x` be differentiated like `x.exp()` and `x + array`."""
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        if method == "__call__" and not options and (follow := NUMPY_FUNCTIONS.get(ufunc)):
            return follow(*inputs)
        if "out" in options:
            raise TypeError(
                f"np.{name}: an array cannot take in a Tensor, whose gradient would be lost; leave out= away"
            )
        return answer_without_graph(ufunc, name, [_array_of(x) for x in inputs], options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: dict[str, Any]) -> Any:
        """Let `np.sum(x)` be differentiated like `x.sum()`. Raises TypeError for what has no op here."""
        name = f"{function.__module__}.{function.__name__}".replace("numpy", "np", 1)
        if follow := NUMPY_FUNCTIONS.get(function):
            return follow(*args, **options)
        return answer_without_graph(function, name.removeprefix("np."), _arrays_of(args), _arrays_of(options))

    def __reduce_ex__(self, protocol: Any) -> Any:
        """For `copy` and `pickle`. Raises TypeError where the copy's gradients would not come back here."""
        if self.node is not None:
            raise TypeError("a Tensor that an op has made cannot be copied with its graph; use x.detach()")
        return super().__reduce_ex__(protocol)

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

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
        keys = tuple(_own(k, self.data) for k in key) if isinstance(key, tuple) else _own(key, self.data)
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

    # --- functions of a Tensor: `functional` writes each once, and puts it here

    abs = add = amax = amin = bmm = broadcast_to = clamp = div = exp = expand = flatten = log = _gives_tensor
    log_softmax = logsumexp = masked_fill = matmul = maximum = mean = minimum = mm = mul = neg = _gives_tensor
    permute = pow = relu = reshape = sigmoid = softmax = sqrt = squeeze = std = sub = sum = tanh = _gives_tensor
    transpose = unsqueeze = var = view = _gives_tensor
    argmax = argmin = chunk = max = min = split = _gives_other

    @property
    def T(self) -> "Tensor":
        """The axes in reverse order."""
        return self.permute(tuple(reversed(range(self.ndim))))

    @property
    def mT(self) -> "Tensor":
        """The last two axes exchanged."""
        return self.transpose(-2, -1)


def apply(op: Op, *inputs: Operand) -> Tensor:
    """Run an op on Tensors, arrays or numbers, and remember it if a gradient will have to come back through it.

    A Python number takes the dtype of the Tensors beside it, as in NumPy. Raises what the op raises, with the
    op's name and the shapes in front.
    """
    tensors = as_tensors(inputs)
    recorded = grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    arrays = [tensor.data for tensor in tensors]
    if (kernel := kernel_of(type(op), arrays)) is not None:
        op.__class__ = kernel
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
    if (memory := result.data.base) is not None:  # a view of an input's memory changes with it
        for tensor in tensors:
            if memory is tensor.data or memory is tensor.data.base:
                result.version = tensor.version
                break
    if recorded and result.dtype.kind == "f":
        result.requires_grad = True
        result.node = Node(op, options, tensors)
    return result


def as_tensor(x: Operand) -> Tensor:
    """x itself if it is a Tensor, else a Tensor of a copy, since who made x may change it before backward."""
    return x if isinstance(x, Tensor) else Tensor(x.copy() if is_array(x) else x)


def as_tensors(inputs: tuple[Operand, ...], place: Array | None = None) -> tuple[Tensor, ...]:
    """Operands as Tensors; a number takes the dtype of the Tensors beside it where it fits, and their device.

    place: an array on the device where numbers go if no Tensor or array is among the inputs
    """
    tensors = tuple([x for x in inputs if isinstance(x, Tensor)])
    if len(tensors) == len(inputs):
        return tensors
    arrays = [_array_of(x) for x in inputs if isinstance(x, Tensor) or is_array(x)]
    anchor = arrays[0] if arrays else place
    return tuple(as_tensor(x if anchor is None else _beside(x, anchor, bool(arrays))) for x in inputs)


_adding = Lock()  # two threads may send a gradient to one leaf


def add_to_grad(leaf: Tensor, gradient: Array) -> None:
    """Add a gradient of a leaf's shape to its `.grad`, whose array itself stays as it is."""
    with _adding:
        leaf.grad = gradient if leaf.grad is None else as_array(leaf.grad + gradient)


def _beside(x: Operand, anchor: Array, takes_dtype: bool) -> Operand:
    if isinstance(x, Tensor) or is_array(x):
        return x
    xp, kind = array_module(anchor), anchor.dtype.kind
    is_whole, is_fraction = isinstance(x, int | np.integer), isinstance(x, float | np.floating)
    fits = isinstance(x, bool) or (is_whole and kind != "b") or (is_fraction and kind == "f")
    return xp.asarray(x, dtype=anchor.dtype) if fits and takes_dtype else xp.asarray(x)


def _own(key: Any, array: Array) -> Any:
    """An index into an array that its maker cannot change any more."""
    key = _array_of(key)
    if isinstance(key, list | tuple):  # an empty one has no numbers to tell its dtype
        return like(np.array(key) if len(key) else np.zeros(0, int), array)
    return key.copy() if is_array(key) else key


def _array_of(x: Any) -> Any:
    return x.data if isinstance(x, Tensor) else x


def _arrays_of(arguments: Any) -> Any:
    """Arguments of a function with the numbers of the Tensors among them, also of those in lists."""
    if isinstance(arguments, dict):
        return {name: _arrays_of(value) for name, value in arguments.items()}
    if isinstance(arguments, list | tuple):
        return type(arguments)(map(_arrays_of, arguments))
    return _array_of(arguments)
