"""Where in somebody's own code an error came from."""

import linecache
import os
import traceback
from pathlib import Path

import numpy as np

_FOLDERS = [str(folder) + os.sep for folder in (Path(__file__).parents[1], Path(np.__file__).parent)]
_NOT_THEIRS = (*_FOLDERS, "<frozen", "<__array_function__")


def describe_error(error: BaseException) -> str:
    """The error in one line, with the last line of somebody's own code that led to it.

    >>> describe_error(ValueError("no"))
    'ValueError: no'
    """
    try:
        said = " ".join(str(error).split())
    except Exception:  # an error whose own text fails
        said = ""
    text = f"{type(error).__name__}: {said}" if said else type(error).__name__
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        code = (error.text or linecache.getline(error.filename, error.lineno)).strip()
        return f"{type(error).__name__}: {error.msg}, in {_short(error.filename)}, line {error.lineno}: {code}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(_NOT_THEIRS)]
    if not own:
        return text
    last = own[-1]
    code = f": {last.line}" if last.line else ""
    return f"{text}, in {_short(last.filename)}, line {last.lineno}{code}"


def _short(path: str) -> str:
    """The path from here, where that is shorter."""
    if path.startswith("<"):
        return path
    try:
        return min(path, os.path.relpath(path), key=len)
    except ValueError:  # another drive
        return path
