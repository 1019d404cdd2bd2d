"""What ranks send each other: numbers, text, lists, tables and arrays, as JSON and the arrays' bytes behind it.

Nothing that is received can run code.
"""

import json
from typing import Any

import numpy as np

HEAD = 8
"""Bytes that say how long the JSON is."""


def pack(value: Any) -> bytes:
    """A value as bytes; tuples are lists from then on.

    >>> unpack(pack({(0, 2): ["w"], "rows": np.arange(3)}))
    {(0, 2): ['w'], 'rows': array([0, 1, 2])}
    """
    arrays: list[bytes] = []
    described = json.dumps(_described(value, arrays)).encode()
    return b"".join([len(described).to_bytes(HEAD, "little"), described, *arrays])


def unpack(data: bytes) -> Any:
    """The value; its arrays are read-only."""
    end = HEAD + int.from_bytes(data[:HEAD], "little")
    value, _ = _restored(json.loads(data[HEAD:end]), data, end)
    return value


def _described(value: Any, arrays: list[bytes]) -> Any:
    if isinstance(value, np.ndarray):
        arrays.append(value.tobytes())
        return {"array": [value.dtype.str, value.shape]}
    if isinstance(value, (list, tuple)):
        return [_described(part, arrays) for part in value]
    if isinstance(value, dict):
        return {"table": [[key, _described(part, arrays)] for key, part in value.items()]}
    return value


def _restored(value: Any, data: bytes, at: int) -> tuple[Any, int]:
    """The value, and where the bytes of the next array begin."""
    if isinstance(value, dict) and "array" in value:
        dtype, shape = np.dtype(value["array"][0]), tuple(value["array"][1])
        count = int(np.prod(shape, dtype=int))
        return np.frombuffer(data, dtype, count, at).reshape(shape), at + count * dtype.itemsize
    if isinstance(value, dict):
        table: dict[Any, Any] = {}
        for key, part in value["table"]:
            table[tuple(key) if isinstance(key, list) else key], at = _restored(part, data, at)
        return table, at
    if isinstance(value, list):
        parts = []
        for part in value:
            restored, at = _restored(part, data, at)
            parts.append(restored)
        return parts, at
    return value, at
