"""A learner's earlier files, which later ones import: `from own import attention`; what is not solved is borrowed."""

import ast
import builtins
import re
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

FILE = "own.py"
"""The file of a learner's folder by which their files find each other, also when they are run by themselves."""

TEXT = (Path(__file__).parent / "exercises" / FILE).read_text(encoding="utf-8")


class EarlierFile(NamedTuple):
    """An earlier exercise that a later one imports: the name and the text of a file."""

    path: str
    source: str


class Pieces(NamedTuple):
    """What a file imports of earlier exercises.

    Args:
        files: by the names of the exercises
        borrowed: the names of those that are ours: the learner's own are not solved, or were not set
        missing: the names of those that are needed, and neither there nor borrowed
    """

    files: Mapping[str, EarlierFile]
    borrowed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def needed(source: str) -> tuple[str, ...]:
    """The earlier exercises that a file imports. A file that is no Python needs none: it says so when it is run.

    >>> needed("from own import attention, gelu")
    ('attention', 'gelu')
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "own")
    return tuple(dict.fromkeys(alias.name for node in imports for alias in node.names))


def with_own(solved: Callable[[str], Mapping[str, Any]]) -> dict[str, Any]:
    """Names for `exec` of text of ours, in which `from own import …` gives what `solved` says of an exercise."""

    def find(name: str, *arguments: Any) -> Any:
        if name != "own":
            return builtins.__import__(name, *arguments)
        module = types.ModuleType("own")
        for wanted in (arguments[2] if len(arguments) > 2 else None) or ():
            if re.fullmatch(r"[a-z]\w*", wanted):
                setattr(module, wanted, types.SimpleNamespace(**solved(wanted)))
        return module

    return {"__name__": "exercise", "__builtins__": {**vars(builtins), "__import__": find}}
