"""A stand-in for CuPy 14 on a machine without a GPU: arrays that allow only what CuPy's do.

A StrictArray hides a NumPy array and never gives it away: whatever would turn it into one unasked, or mix it
with one, raises. It is a wrapper because NumPy ignores `__array__` on a subclass of ndarray. It is stricter
than CuPy where that copies in silence (NumPy arrays as indices) or leaves results undefined (assigning to
one place twice). The arithmetic is NumPy's, so that results can be compared bit by bit.
"""

import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np

import minattn
from minattn import backend

PACKAGE = Path(minattn.__file__).parent

SCALARS = (bool, int, float, np.number, np.bool_)
PLAIN = (*SCALARS, str, type, np.dtype, type(None))


def op_line():
    """The file and line of minattn that is running, for a message; "" where a test called."""
    frame = sys._getframe(1)
    while frame is not None and not Path(frame.f_code.co_filename).is_relative_to(PACKAGE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}: " if frame else ""


def called_by_numpy(function):
    name = function.__name__
    return TypeError(f"{op_line()}numpy.{name} was called on an array of the device; take array_module(x).{name}")


def hidden(value):
    """What NumPy is to compute with in place of `value`. Raises TypeError for what CuPy would not take."""
    if isinstance(value, StrictArray):
        return value._host
    if isinstance(value, tuple | list):
        return [hidden(item) for item in value]
    if isinstance(value, PLAIN):
        return value
    raise TypeError(f"{op_line()}Unsupported type {type(value)}")


def hidden_key(key, shape):
    """An index for the hidden array: ids beyond an axis wrap round, as on a GPU."""
    parts = key if isinstance(key, tuple) else (key,)
    parts = [StrictArray(np.array(part)) if isinstance(part, list) else part for part in parts]
    masks = [part for part in parts if isinstance(part, StrictArray) and part.dtype == bool]
    if len(masks) > 1:
        raise IndexError("more than one boolean array in an index")
    named = sum(part is not None and part is not Ellipsis for part in parts) + sum(mask.ndim - 1 for mask in masks)
    axis, result = 0, []
    for part in parts:
        if isinstance(part, StrictArray):
            is_mask = part.dtype == bool
            result.append(part._host if is_mask else part._host % max(shape[axis], 1))
            axis += part.ndim if is_mask else 1
        elif part is None or part is Ellipsis:
            result.append(part)
            axis += len(shape) - named if part is Ellipsis else 0
        elif isinstance(part, slice | int | np.integer) and not isinstance(part, bool):
            result.append(part)
            axis += 1
        else:
            raise TypeError(f"Unsupported type {type(part)} in an index")
    return tuple(result)


def operator(ufunc, reflected=False):
    def compute(self, other):
        if hasattr(other, "__array_ufunc__") and not isinstance(other, StrictArray | np.ndarray | np.generic):
            return ufunc(other, self) if reflected else ufunc(self, other)  # lets a Tensor have its say
        a, b = hidden(self), hidden(other)
        return StrictArray(ufunc(b, a) if reflected else ufunc(a, b))

    return compute


def in_place(ufunc):
    def compute(self, other):
        ufunc(self._host, hidden(other), out=self._host)
        return self

    return compute


def reduction(name):
    def compute(self, axis=None, keepdims=False, **dtype):
        return StrictArray(getattr(self._host, name)(axis=axis, keepdims=keepdims, **dtype))

    return compute


class StrictArray:
    """An array on the make-believe device."""

    __slots__ = ("_host",)
    __hash__ = None
    base = None  # whose memory it is; a stand-in has always its own

    def __init__(self, host):
        self._host = np.asarray(host)  # reductions give arrays without dimensions, never scalars

    # --- no way to NumPy but `asnumpy`, `item` and the conversions to Python numbers

    def __array__(self, dtype=None, copy=None):
        raise TypeError(f"{op_line()}Implicit conversion to a NumPy array is not allowed.")

    def __array_function__(self, function, types, arguments, options):
        raise called_by_numpy(function)

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        if not all(isinstance(x, (StrictArray, np.ndarray, *SCALARS)) for x in inputs):
            return NotImplemented  # the turn of the other operand
        if not any(isinstance(x, np.generic) for x in inputs) or method != "__call__" or options:
            raise called_by_numpy(ufunc)
        return StrictArray(ufunc(*map(hidden, inputs)))  # NumPy scalar * array

    def item(self):
        return self._host.item()

    def __bool__(self):
        return bool(self._host)

    def __int__(self):
        return int(self._host)

    def __float__(self):
        return float(self._host)

    def __len__(self):
        return len(self._host)

    # --- what it is

    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    itemsize = property(lambda self: self._host.itemsize)
    strides = property(lambda self: self._host.strides)
    T = property(lambda self: StrictArray(self._host.T))

    @property
    def flags(self):
        flags = self._host.flags
        return SimpleNamespace(c_contiguous=flags.c_contiguous, f_contiguous=flags.f_contiguous, owndata=flags.owndata)

    # --- views and copies

    def reshape(self, *shape):
        return StrictArray(self._host.reshape(*shape))

    def transpose(self, *axes):
        return StrictArray(self._host.transpose(*axes))

    def swapaxes(self, axis1, axis2):
        return StrictArray(self._host.swapaxes(axis1, axis2))

    def squeeze(self, axis=None):
        return StrictArray(self._host.squeeze(axis))

    def astype(self, dtype, copy=True):
        return StrictArray(self._host.astype(dtype, copy=copy))

    def copy(self):
        return StrictArray(self._host.copy())

    def fill(self, value):
        self._host.fill(hidden(value))

    def __getitem__(self, key):
        return StrictArray(self._host[hidden_key(key, self.shape)])

    def __setitem__(self, key, value):
        key = hidden_key(key, self.shape)
        ids = [part for part in key if isinstance(part, np.ndarray) and part.dtype != bool]
        places = list(zip(*(part.flat for part in np.broadcast_arrays(*ids)), strict=True))
        if len(set(places)) < len(places):
            raise ValueError("one place is assigned to twice: which value stays is undefined")
        self._host[key] = hidden(value)

    # --- arithmetic

    sum, mean, max, min = map(reduction, ("sum", "mean", "max", "min"))
    all, any, argmax = map(reduction, ("all", "any", "argmax"))

    __add__, __radd__, __iadd__ = operator(np.add), operator(np.add, True), in_place(np.add)
    __sub__, __rsub__, __isub__ = operator(np.subtract), operator(np.subtract, True), in_place(np.subtract)
    __mul__, __rmul__, __imul__ = operator(np.multiply), operator(np.multiply, True), in_place(np.multiply)
    __truediv__, __rtruediv__, __itruediv__ = (
        operator(np.divide),
        operator(np.divide, True),
        in_place(np.divide),
    )
    __pow__, __rpow__ = operator(np.power), operator(np.power, True)
    __matmul__, __rmatmul__ = operator(np.matmul), operator(np.matmul, True)
    __and__, __or__ = operator(np.bitwise_and), operator(np.bitwise_or)
    __lt__, __le__, __eq__ = operator(np.less), operator(np.less_equal), operator(np.equal)
    __gt__, __ge__, __ne__ = operator(np.greater), operator(np.greater_equal), operator(np.not_equal)

    def __neg__(self):
        return StrictArray(-self._host)

    def __invert__(self):
        return StrictArray(~self._host)


class Ufunc:
    """A function of elements, with `out=` and nothing else."""

    def __init__(self, name):
        self.function = getattr(np, name)

    def __call__(self, *inputs, out=None):
        result = self.function(*map(hidden, inputs), out=None if out is None else hidden(out))
        return StrictArray(result) if out is None else out


class Add(Ufunc):
    def at(self, array, key, values):
        if array.dtype.kind != "f":
            raise TypeError(f"add.at: the device has no atomic addition for {array.dtype}")
        self.function.at(array._host, hidden_key(key, array.shape), hidden(values))


def function(name, *options):
    """NumPy's function on the hidden arrays, with only those options."""

    def call(*arguments, **given):
        if unknown := sorted(given.keys() - set(options)):
            raise TypeError(f"{op_line()}{name}() got an unexpected keyword argument {unknown[0]!r}")
        given = {option: hidden(value) if option == "out" else value for option, value in given.items()}
        return StrictArray(getattr(np, name)(*map(hidden, arguments), **given))

    return call


def array(obj, dtype=None):
    """A copy on the device: asked for, hence allowed from NumPy too."""
    return StrictArray(np.array(obj._host if isinstance(obj, StrictArray) else obj, dtype=dtype))


def asarray(obj, dtype=None):
    on_device = isinstance(obj, StrictArray) and dtype in (None, obj.dtype)
    return obj if on_device else array(obj, dtype)


def copyto(target, source, where=True):
    np.copyto(hidden(target), hidden(source), where=hidden(where))


def asnumpy(array):
    """A copy on the host: the way back."""
    return np.array(hidden(array))


_UFUNCS = (
    "abs",
    "divide",
    "exp",
    "copysign",
    "exp2",
    "isfinite",
    "isnan",
    "log",
    "log2",
    "matmul",
    "maximum",
    "minimum",
    "multiply",
    "reciprocal",
    "sqrt",
    "subtract",
    "tanh",
)
_CREATE = ("arange", "empty", "ones", "zeros")
_LIKE = ("empty_like", "full_like", "ones_like", "zeros_like")
_SHAPE = ("ascontiguousarray", "broadcast_to", "expand_dims", "flatnonzero", "tril", "vdot", "where")
_OPTIONS = dict.fromkeys(_LIKE + _SHAPE, ()) | dict.fromkeys(_CREATE, ("dtype",))
_OPTIONS |= {"clip": (), "concatenate": ("axis", "out"), "stack": ("axis",), "einsum": ("optimize",)}


class Module(SimpleNamespace):
    """A module that says who asked for what it lacks."""

    def __getattr__(self, name):
        where = "_UFUNCS or _OPTIONS in tests/support/strict_array.py"
        raise AttributeError(f"{op_line()}the device has no {name}; if CuPy has it, add it to {where}")


strict = Module(
    **{name: Ufunc(name) for name in _UFUNCS},
    **{name: function(name, *options) for name, options in _OPTIONS.items()},
    **{
        "add": Add("add"),
        "array": array,
        "asarray": asarray,
        "copyto": copyto,
        "asnumpy": asnumpy,
        "ndarray": StrictArray,
    },
    **{name: getattr(np, name) for name in ("finfo", "float32", "float64", "inf", "nan")},
)
"""In the place of the module cupy."""


@contextmanager
def strict_device():
    """The device "strict", known to minattn for as long as the block lasts."""
    with backend.known_device(backend.Device("strict", strict, StrictArray, asarray, asnumpy)):
        yield


def to_strict(value):
    """A sample's array, or a tuple or dict that holds some, on the device; anything else as it is."""
    if isinstance(value, dict):
        return {key: to_strict(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(map(to_strict, value))
    return array(value) if isinstance(value, np.ndarray) else value


def assert_same_bits(on_device, expected):
    """A StrictArray that holds the very bits of a NumPy array."""
    assert isinstance(on_device, StrictArray)
    host = asnumpy(on_device)
    assert (host.dtype, host.shape) == (expected.dtype, expected.shape)
    assert host.tobytes() == expected.tobytes()
