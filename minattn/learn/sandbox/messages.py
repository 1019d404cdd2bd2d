"""Messages between the process that checks and the one that runs a learner's code. Reading one runs no code.

A message is two lengths, a JSON tree, and the bytes of the arrays in it.
"""

import json
import math
import struct
from collections.abc import Callable
from typing import IO, Any

import numpy as np

MOST_TREE, MOST_DATA, DEEPEST = 1 << 20, 1 << 24, 20


class NotData:
    """Stands for something that is no data, as a function; `kind` is the name of its type."""

    def __init__(self, kind: str) -> None:
        self.kind = kind


def encode(value: Any) -> bytes:
    """Encode None, numbers, text, arrays, and lists, tuples and dicts of these; all else becomes NotData."""
    arrays: list[bytes] = []
    tree = json.dumps(_tree(value, arrays, 0)).encode()
    data = b"".join(arrays)
    return struct.pack("<QQ", len(tree), len(data)) + tree + data


def _tree(value: Any, arrays: list[bytes], depth: int) -> Any:
    kind = type(value)
    if depth > DEEPEST:
        return {"other": f"{kind.__name__} nested more than {DEEPEST} deep"}
    if value is None or kind in (bool, float, str) or (kind is int and abs(value) < 1 << 63):
        return value
    if value is ...:
        return {"ellipsis": True}
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
        if array.dtype.kind not in "biufc" or array.nbytes > MOST_DATA // 4:
            what = f"dtype {array.dtype}" if array.dtype.kind not in "biufc" else f"{array.nbytes >> 20:,} MiB"
            return {"other": f"array of {what}"}
        arrays.append(array.tobytes())
        return {"array": array.dtype.str, "shape": array.shape, "scalar": isinstance(value, np.generic)}
    if kind in (list, tuple):
        return {kind.__name__: [_tree(item, arrays, depth + 1) for item in value]}
    if kind is dict:
        return {"dict": [[_tree(part, arrays, depth + 1) for part in item] for item in value.items()]}
    return {"other": value.kind if kind is NotData else kind.__name__}


def reader(stream: IO[bytes]) -> Callable[[int], bytes]:
    """Make a function that reads so many bytes, and raises EOFError where there are fewer."""

    def read(count: int) -> bytes:
        part = stream.read(count)
        if len(part) < count:
            raise EOFError
        return part

    return read


def receive(read: Callable[[int], bytes]) -> Any:
    """Read the next message with a function that reads so many bytes.

    Raises:
        EOFError: there is none
        ValueError: it is too long, or `encode` could not have made it
    """
    tree, data = struct.unpack("<QQ", read(16))
    if tree > MOST_TREE or data > MOST_DATA:
        raise ValueError("not a message: too long")
    try:
        value, rest = _value(json.loads(read(tree)), memoryview(read(data)))
    except (KeyError, TypeError, IndexError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError(f"not a message: {error}") from None
    if rest:
        raise ValueError("not a message: it holds more than its tree names")
    return value


def _value(tree: Any, data: memoryview) -> tuple[Any, memoryview]:
    if not isinstance(tree, dict):
        return tree, data
    if "array" in tree:
        dtype, shape = np.dtype(str(tree["array"])), tuple(int(n) for n in tree["shape"])
        size = math.prod(shape) * dtype.itemsize
        if dtype.kind not in "biufc" or min(shape, default=0) < 0 or len(data) < size:
            raise ValueError("not a message: its arrays do not fit")
        if dtype.kind == "b":  # NumPy takes each byte for a truth value, and some of its loops only 0 and 1
            array = (np.frombuffer(data[:size], np.uint8) != 0).reshape(shape)
        else:
            array = np.frombuffer(data[:size], dtype).reshape(shape).copy()
        return (array[()] if tree["scalar"] else array), data[size:]
    if "ellipsis" in tree:
        return ..., data
    if "other" in tree:
        return NotData(str(tree["other"])), data
    if "dict" in tree:
        pairs, data = _value({"list": [{"list": pair} for pair in tree["dict"]]}, data)
        return dict(pairs), data
    items = []
    for item in tree["tuple" if "tuple" in tree else "list"]:
        part, data = _value(item, data)
        items.append(part)
    return (tuple(items) if "tuple" in tree else items), data
