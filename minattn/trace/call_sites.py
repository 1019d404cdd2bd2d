"""Which line of whose code called an op."""

from __future__ import annotations

import os
import sys
from types import FrameType

CallSite = tuple[str, int]
"""A file and a line."""

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_ENGINE = {_PACKAGE + name for name in ("tensor.py", "graph.py", "functional.py")}
_ENDS = (
    os.sep + "minattn",
    os.path.join("concurrent", "futures", "thread.py"),
    os.path.join("multiprocessing", "process.py"),
)
"""Files that no line of the user's is in: our own command line, and what runs a part of the work elsewhere."""

_owners: dict[str, str] = {}  # what _owner said of each file, because every op asks about ten of them


def call_sites() -> list[CallSite]:
    """The user's line that led to the op which is being made, and the line of the layer in between, if there is one."""
    frame: FrameType | None = sys._getframe(2)
    layer: CallSite | None = None
    while frame is not None:
        path = frame.f_code.co_filename
        owner = _owners.get(path) or _owners.setdefault(path, _owner(path))
        if owner == "user":
            break
        if layer is None and owner == "layer":
            layer = path, frame.f_lineno
        frame = frame.f_back
    inside = [layer] if layer else []
    if frame is None or path.startswith("<frozen") or path.endswith(_ENDS):
        return inside
    return [(path, frame.f_lineno), *inside]


def describe_call(sites: list[CallSite]) -> str:
    """For a message: "called at mine.py:3, in minattn/nn/layers.py:70"."""
    return "called at " + ", in ".join(f"{os.path.relpath(path)}:{line}" for path, line in sites)


def _owner(path: str) -> str:
    """Whose code a file is."""
    return "user" if not path.startswith(_PACKAGE) else "engine" if path in _ENGINE else "layer"
