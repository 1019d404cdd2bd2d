"""JSON that a program wrote and a person may have edited: read, held to what was expected, and written."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import numpy as np

from ..errors import InputError
from .files import read_bytes

T = TypeVar("T")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file; InputError when it is missing, torn, or something else."""
    content = read_bytes(path)
    try:
        value = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged: expected JSON, but {error}") from error
    if not isinstance(value, dict):
        raise InputError(f"{path} is damaged: expected a JSON object, got a {type(value).__name__}")
    return value


def json_ready(value: Any, where: str, null_for_nan: bool = False) -> Any:
    """The same value made of what JSON holds, so that reading it back gives what was meant.

    value         None, bool, numbers (NumPy's too), text, and lists, tuples and dicts of these
    where         what the value is, for the message
    null_for_nan  write NaN and the infinities as null, for readers that know JSON only

    Raises InputError for anything else, rather than write what would be read back as something different.

    >>> json_ready({"loss": np.float32(0.5), "shape": (2, 3)}, "row")
    {'loss': 0.5, 'shape': [2, 3]}
    >>> json_ready(float("nan"), "loss", null_for_nan=True) is None
    True
    """
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) or not null_for_nan else None
    if isinstance(value, (list, tuple)):
        return [json_ready(item, f"{where}[{i}]", null_for_nan) for i, item in enumerate(value)]
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise InputError(f"{where} must have text as keys, got {key!r}, which JSON would turn into text")
        return {key: json_ready(item, f"{where}[{key!r}]", null_for_nan) for key, item in value.items()}
    raise InputError(f"{where} must be made of numbers, text, lists and dicts, got a {type(value).__name__}")


def check_format(path: Path, content: Mapping[str, Any], kind: str, version: int) -> None:
    """Refuse a JSON file that is not of this kind and version."""
    if content.get("format") != kind:
        raise InputError(f"{path} is not the file of a {kind}: its format is {content.get('format')!r}")
    if content.get("version") != version:
        raise InputError(
            f"{path} has version {content.get('version')!r} of the {kind} format, but this minattn reads "
            f"version {version}; use the minattn that wrote it"
        )


def from_json(kind: type[T], values: Any, where: str) -> T:
    """A dataclass from what a JSON file holds for it, which somebody may have edited.

    where: what the values are called in an error, such as "runs/mine/config.json: training"
    Raises InputError for a missing or unknown name, a value of another type, and what the dataclass itself refuses.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Sizes:
    ...     width: int
    >>> from_json(Sizes, {"width": "many"}, "config.json: model")
    Traceback (most recent call last):
    minattn.errors.InputError: config.json: model: width must be of type int, got 'many'
    """
    if not isinstance(values, dict):
        raise InputError(f"{where} is missing, or not a JSON object")
    types = get_type_hints(kind)
    for name in (field.name for field in fields(kind)):  # type: ignore[arg-type]
        if name not in values:
            raise InputError(f"{where} lacks {name}")
        value, wanted = values[name], get_args(types[name]) or (types[name],)
        fits = type(value) in wanted or (float in wanted and type(value) is int)
        if not fits:
            raise InputError(f"{where}: {name} must be of type {wanted[0].__name__}, got {value!r}")
    if unknown := sorted(values.keys() - types.keys()):
        raise InputError(f"{where} has {unknown[0]!r}, which this version does not know")
    try:
        return kind(**values)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
