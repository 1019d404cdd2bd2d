"""The array module of an array: NumPy, or CuPy where an array lives on a GPU. Only this file knows that CuPy exists."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .errors import InputError

Array: TypeAlias = Any
"""An array of NumPy or CuPy; the type checker has no name for either-or."""

SINGLE, DOUBLE = np.dtype(np.float32), np.dtype(np.float64)


class Device(NamedTuple):
    """Where arrays live: the module that computes on them, and the way there and back."""

    name: str
    module: Any
    array_type: type
    from_host: Callable[[Array], Array]
    to_host: Callable[[Array], Array]


_devices: dict[str, Device] = {"cpu": Device("cpu", np, np.ndarray, np.asarray, np.asarray)}


def register_device(device: Device) -> None:
    """Make a device known by its name, and its arrays by their type."""
    _devices[device.name] = device


@contextmanager
def known_device(device: Device) -> Iterator[None]:
    """The device is known for as long as the block lasts."""
    register_device(device)
    try:
        yield
    finally:
        del _devices[device.name]


def get_device(name: str) -> Device:
    """The device called "cpu" or "gpu"; the first call for "gpu" imports CuPy.

    Raises InputError if there is no such device here, with how to get one.
    """
    if name == "gpu" and name not in _devices:
        register_device(_cupy_device())
    if name not in _devices:
        raise InputError(f"device: expected one of {', '.join(sorted({*_devices, 'gpu'}))}, got {name!r}")
    return _devices[name]


def _cupy_device() -> Device:
    try:
        import cupy
    except ImportError:
        raise InputError(
            'device "gpu": CuPy is not installed; pip install "minattn[gpu]" gets the build for CUDA 13, '
            "another CUDA needs its own cupy package"
        ) from None
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise InputError(f'device "gpu": CuPy is installed but finds no GPU ({error})') from None
    if count == 0:
        raise InputError('device "gpu": CuPy is installed but finds no GPU')
    return Device("gpu", cupy, cupy.ndarray, cupy.asarray, cupy.asnumpy)


def device_of(array: Array) -> Device:
    """The device that an array lives on; NumPy scalars and Python numbers are at home on the CPU."""
    if type(array) is not np.ndarray:
        for device in _devices.values():
            if isinstance(array, device.array_type):
                return device
    return _devices["cpu"]


def array_module(array: Array) -> Any:
    """The module whose functions work on `array`: numpy, or cupy for an array on a GPU."""
    return np if type(array) is np.ndarray else device_of(array).module


def is_array(value: object) -> bool:
    """Whether `value` is an array of any known device."""
    return type(value) is np.ndarray or any(isinstance(value, device.array_type) for device in _devices.values())


def plain_array(data: Any) -> Array:
    """What a Tensor holds: an array of float32, float64, integers or booleans, in this machine's byte order.

    An array comes back as it is, in whatever layout. A memory map, a `numpy.matrix` and other subclasses become plain
    arrays of the same memory; big-endian numbers are copied. Numbers, lists and what else NumPy makes an array of
    become new arrays.

    Raises:
        TypeError: numbers of another kind. float16 is refused, because its sums and norms overflow and lose digits; so
            are long doubles, complex numbers, objects, and arrays of which some elements are masked.
        ValueError: lists of different lengths.
    """
    if type(data) is not np.ndarray:
        if np.ma.isMaskedArray(data) and np.ma.is_masked(data):
            raise TypeError("Tensor: the array has masked elements, which would count; use data.filled(value)")
        if isinstance(data, np.ndarray) or not is_array(data):
            try:
                data = np.asarray(data)
            except ValueError as error:
                kind = type(data).__name__
                raise ValueError(f"Tensor: expected numbers, or lists of equal lengths, got {kind}") from error
    dtype = data.dtype
    if dtype is SINGLE or dtype is DOUBLE:
        return data
    if dtype.kind not in "iubf" or (dtype.kind == "f" and dtype.itemsize not in (4, 8)):
        wider = "; use data.astype(numpy.float32)" if dtype == np.float16 else ""
        raise TypeError(f"Tensor: expected numbers (float32, float64, integers, booleans), got dtype {dtype}{wider}")
    return data if dtype.isnative else data.astype(dtype.newbyteorder("="))


def to_host(array: Array) -> np.ndarray[Any, np.dtype[Any]]:
    """The same numbers as a NumPy array; a NumPy array comes back as it is."""
    host: np.ndarray[Any, np.dtype[Any]] = device_of(array).to_host(array)
    return host


def like(host: Array, array: Array) -> Array:
    """The NumPy array `host`, on the device where `array` lives."""
    return device_of(array).from_host(host)


def zeros_like(array: Array) -> Array:
    """Zeros of the same shape and dtype, on the device where `array` lives."""
    return array_module(array).zeros(array.shape, array.dtype)
