"""JSON that a program wrote and a person may have edited: read, held to what was expected, and written."""

import json
import math
import reprlib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import numpy as np

from ..errors import InputError
from .files import read_bytes

T = TypeVar("T")

DEEPEST, DIGITS = 100, 400
"""The most levels of lists and objects in one another, and the most digits of a whole number, that are read."""


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file; InputError when it is missing, torn, or something else."""
    return _read(path, dict, "object")


def read_json_list(path: Path) -> list[Any]:
    """The JSON list in a file; InputError likewise."""
    return _read(path, list, "list")


def parse_json(content: bytes) -> Any:
    """What JSON says, if it says one thing only and every part of our code can handle it.

    NaN and the infinities are let through, as Python writes them: who uses a number knows its range.
    Raises JSONDecodeError where it is no JSON, as a torn file is none; another ValueError, which says what is wrong,
    for a key that stands twice, too many levels or digits, and half a character.

    >>> parse_json(b'{"step": 1, "step": 2}')
    Traceback (most recent call last):
    ValueError: it has 'step' twice in one object
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise json.JSONDecodeError("a byte is not UTF-8", "", error.start) from None
    try:
        value = json.loads(text, object_pairs_hook=_each_once, parse_int=_whole_number)
    except RecursionError:
        raise ValueError(f"it has more than {DEEPEST} levels") from None
    level, depth = [value], 0
    while level:  # not recursive: that is what it guards against
        depth += 1
        if depth > DEEPEST:
            raise ValueError(f"it has more than {DEEPEST} levels")
        nested = [part for part in level if isinstance(part, (dict, list))]
        keys = [key for part in nested if isinstance(part, dict) for key in part]
        for part in (*level, *keys):
            if isinstance(part, str) and not part.isascii() and any("\ud800" <= sign <= "\udfff" for sign in part):
                raise ValueError(f"it has half a character in {brief(part)}")
        level = [inner for part in nested for inner in (part.values() if isinstance(part, dict) else part)]
    return value


def brief(value: Any) -> str:
    """A value for a message: whole where it is short, its beginning and end where it is long."""
    shown = reprlib.Repr()
    shown.maxstring = shown.maxlong = shown.maxother = 80
    return shown.repr(value)


def fits_float(value: Any) -> bool:
    """Whether a value of JSON can be a float: a float, or a whole number that is not too large for one."""
    return type(value) is float or (type(value) is int and abs(value) < 2**1023)


def _read(path: Path, kind: type[T], called: str) -> T:
    """What a JSON file holds, which must be of this kind."""
    content = read_bytes(path)
    try:
        value = parse_json(content)
    except ValueError as error:
        raise InputError(f"{path} is damaged: expected JSON, but {error}") from error
    if not isinstance(value, kind):
        raise InputError(f"{path} is damaged: expected a JSON {called}, got a {type(value).__name__}")
    return value


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, in which Python would let the last of two equal keys win."""
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise ValueError(f"it has {brief(key)} twice in one object")
        made[key] = value
    return made


def _whole_number(text: str) -> int:
    if len(text) > DIGITS:
        raise ValueError(f"it has a number of {len(text):,} digits")
    return int(text)


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
        raise InputError(f"{path} is not the file of a {kind}: its format is {brief(content.get('format'))}")
    found = content.get("version")
    if type(found) is not int or found != version:
        raise InputError(
            f"{path} has version {brief(found)} of the {kind} format, but this minattn reads "
            f"version {version}; use the minattn that wrote it"
        )


def from_json(kind: type[T], values: Any, where: str) -> T:
    """A dataclass from what a JSON file holds for it, which somebody may have edited.

    where: what the values are called in an error, such as "runs/mine/config.json: training"
    kind: of which a field with `metadata={"before": value}` may be missing, in a file that is older than the field
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
    before = {field.name: field.metadata["before"] for field in fields(kind) if "before" in field.metadata}  # type: ignore[arg-type]
    values = before | values
    for name in (field.name for field in fields(kind)):  # type: ignore[arg-type]
        if name not in values:
            raise InputError(f"{where} lacks {name}")
        value, wanted = values[name], get_args(types[name]) or (types[name],)
        if not (type(value) in wanted or (float in wanted and fits_float(value))):
            raise InputError(f"{where}: {name} must be of type {wanted[0].__name__}, got {brief(value)}")
    if unknown := sorted(values.keys() - types.keys()):
        raise InputError(f"{where} has {brief(unknown[0])}, which this version does not know")
    try:
        return kind(**values)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
