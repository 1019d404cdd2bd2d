"""A file of JSON objects, one a line, that is appended to while it may be killed at any moment."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from ..errors import InputError
from .files import naming, read_bytes, write_atomically
from .json_files import brief, fits_float, json_ready, parse_json

NUMBERS = ("loss", "lr", "tokens_per_second", "copied", "blanks_filled")
"""What a row may hold that is a number, or null where there is none."""


def append_row(path: Path, row: Mapping[str, Any]) -> None:
    """Append one line; NaN and the infinities become null, and a line that a crash tore is cut off first."""
    line = json.dumps(json_ready(row, "row", null_for_nan=True), ensure_ascii=False) + "\n"
    with naming(path), open(path, "ab+") as file:
        _drop_torn_line(file)
        file.write(line.encode("utf-8"))


def trim_rows(path: Path, step: int) -> None:
    """Drop the rows whose "step" is after this one, and a torn line; rows without a step stay."""
    kept = [line for line, row in whole_lines(path) if row.get("step", step) <= step]
    content = b"".join(line + b"\n" for line in kept)
    if path.exists() and read_bytes(path) != content:
        write_atomically(path, content)


def whole_lines(path: Path) -> list[tuple[bytes, dict[str, Any]]]:
    """Each whole line and its row, [] where there is no file; a last line that a crash tore, no JSON, is left out.

    Raises InputError, with the line's number, where another line is not a row: a JSON object, whose step comes after
    that of the row before and whose NUMBERS are numbers.
    """
    if not path.exists():
        return []
    # What follows the last line end is either nothing or torn.
    lines = read_bytes(path).split(b"\n")[:-1]
    rows: list[tuple[bytes, dict[str, Any]]] = []
    last = -1
    for number, line in enumerate(lines, start=1):
        try:
            row = _row(line, last)
        except ValueError as error:
            # a power cut may leave a line of the right length and the wrong content
            if number == len(lines) and isinstance(error, json.JSONDecodeError):
                break
            raise InputError(f"{path} is damaged at line {number}: {error}") from error
        last = row.get("step", last)
        rows.append((line, row))
    return rows


def _row(line: bytes, last: int) -> dict[str, Any]:
    """The row in a line that comes after a step. Raises ValueError, saying what is wrong with it."""
    row = parse_json(line)
    if not isinstance(row, dict):
        raise ValueError("it is not a JSON object")
    step = row.get("step", last + 1)
    if type(step) is not int or step < 0:
        raise ValueError(f"step must be a whole number not below 0, got {brief(step)}")
    if step <= last:
        raise ValueError(f"step {brief(step)} cannot follow step {brief(last)}")
    for name in NUMBERS:
        value = row.get(name)
        if not (value is None or (fits_float(value) and math.isfinite(value))):
            raise ValueError(f"{name} must be a number or null, got {brief(value)}")
    return row


def _drop_torn_line(file: IO[bytes]) -> None:
    """Cut off what follows the last line end, so that the next row begins a line."""
    if file.seek(0, os.SEEK_END) == 0:
        return
    file.seek(-1, os.SEEK_END)
    if file.read(1) != b"\n":
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
