"""Somebody's own file: its passes, its inputs, and the op it is about. Their mistakes are told with their own lines."""

import inspect
import os
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..ops import Op
from ..runs import read_bytes, similar_path
from .catalogue import find_op
from .error_location import describe_error


@dataclass(frozen=True)
class UserFile:
    """What a file has to be checked.

    op: an op of theirs, or None where there are plain functions; function: a `torch.autograd.Function` or a
    `jax.custom_vjp` of theirs, or None; inputs: None where the file has none; like: the name
    of a registered op, from the file's `like` or its name, None where neither is one
    """

    title: str
    forward: Callable[..., Any]
    backward: Callable[..., Any]
    op: Op | None
    inputs: tuple[Any, ...] | None
    like: str | None
    is_like_guessed: bool
    function: Any = None


def load_user_file(path: Path, name: str | None, seed: int) -> UserFile:
    """Run a file and find in it what is to be checked: `forward` and `backward`; or, by name, a class with these
    methods, the functions `name_forward` and `name_backward`, or a function of PyTorch or JAX with its own backward.

    `inputs` in the file is a tuple of arrays, or a function that makes one, of a generator if it takes one argument;
    `like` the name of a registered op. Raises InputError where the file cannot be run, or has nothing to check.
    """
    module = run_file(path)
    found = _find(module, path, name)
    of_other_library = found if _library(found) else None
    inputs = getattr(module, f"{name}_inputs", getattr(module, "inputs", None))
    if callable(inputs):
        inputs = _make_inputs(inputs, path, seed)
    like = getattr(module, "like", None)
    guessed = like is None
    if guessed:
        like = next((op for op in map(_registered_op, (name, path.stem, type(found).__name__)) if op), None)
    elif not isinstance(like, str):
        raise InputError(f"{path}: like must be the name of an op, got {like!r}")
    else:
        find_op(like, f"{path}: like: ")
    return UserFile(
        name or path.stem,
        getattr(found, "forward", found),
        getattr(found, "backward", found),
        found if isinstance(found, Op) else None,
        tuple(inputs) if isinstance(inputs, tuple | list) else None if inputs is None else (inputs,),
        like,
        guessed,
        of_other_library,
    )


def run_file(path: Path) -> types.ModuleType:
    """The module that a file is. Raises InputError, with its own line, where it is no Python or raises something."""
    if not os.path.lexists(path):
        raise InputError(f"{path} is missing{similar_path(path)}")
    source = read_bytes(path)
    module = types.ModuleType(f"checked_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look there for what they were made in
    sys.path.insert(0, str(path.resolve().parent))  # for imports of files beside it, also later ones
    arguments, sys.argv = sys.argv, [str(path)]
    try:
        exec(compile(source, str(path), "exec", dont_inherit=True), vars(module))
    except SystemExit:
        raise InputError(f"{path} stops Python where it is loaded; leave out exit() and quit()") from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise InputError(f"{path} cannot be run: {describe_error(error)}") from error
    finally:
        sys.argv = arguments
    return module


def _find(module: types.ModuleType, path: Path, name: str | None) -> Any:
    """Something with a forward and a backward."""
    if name is None:
        if hasattr(module, "forward") and hasattr(module, "backward"):
            return module
        candidates = _candidates(module)
        if len(candidates) == 1:
            return _find(module, path, candidates[0])
        have = [what for what in ("forward", "backward") if hasattr(module, what)]
        if have:
            lacks = "backward(upstream, *inputs)" if have == ["forward"] else "forward(*inputs)"
            raise InputError(f"{path} has a {have[0]} but no {lacks.partition('(')[0]}; write def {lacks}")
        choose = f"; say which: {', '.join(f'{path}:{c}' for c in candidates)}" if candidates else ""
        raise InputError(f"{path} has no forward and backward{choose or ': write def forward and def backward'}")
    pair = [getattr(module, f"{name}_{what}", None) for what in ("forward", "backward")]
    if all(map(callable, pair)):
        return types.SimpleNamespace(forward=pair[0], backward=pair[1])
    found = getattr(module, name, None)
    if found is None:
        there = ", ".join(_candidates(module)) or "nothing with a forward and a backward"
        raise InputError(f"{path} has no {name}; it has {there}")
    if _library(found):
        return found
    if isinstance(found, type):
        try:
            found = found()
        except Exception as error:
            raise InputError(f"{name}() cannot be made without arguments: {describe_error(error)}") from error
    if not (hasattr(found, "forward") and hasattr(found, "backward")):
        raise InputError(f"{path}: {name} has no forward and backward")
    return found if isinstance(found, Op) else _PassesWithMemory(found)


def _library(found: Any) -> str | None:
    """The library whose function with a backward of its own this is, if it is one."""
    kinds = found.__mro__ if isinstance(found, type) else type(found).__mro__
    if isinstance(found, type) and any(kind.__module__ == "torch.autograd.function" for kind in kinds):
        return "torch"
    return "jax" if any(kind.__name__ == "custom_vjp" for kind in kinds) else None


class _PassesWithMemory:
    """An object whose backward may take the upstream alone, because its forward remembers the rest."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner
        self.takes_inputs = len(inspect.signature(owner.backward).parameters) > 1
        self.forward = owner.forward

    def backward(self, upstream: Any, *inputs: Any) -> Any:
        return self.owner.backward(upstream, *(inputs if self.takes_inputs else ()))


def _candidates(module: types.ModuleType) -> list[str]:
    """Names in a module that stand for a forward and a backward."""
    pairs = [n.removesuffix("_forward") for n in vars(module) if n.endswith("_forward")]
    pairs = [n for n in pairs if hasattr(module, f"{n}_backward")]
    classes = [(n, x) for n, x in vars(module).items() if isinstance(x, type) and x.__module__ == module.__name__]
    functions = [n for n, x in vars(module).items() if not isinstance(x, type) and _library(x)]
    return [*pairs, *(n for n, x in classes if hasattr(x, "backward")), *functions]


def _make_inputs(inputs: Callable[..., Any], path: Path, seed: int) -> Any:
    try:
        wants_generator = bool(inspect.signature(inputs).parameters)
        return inputs(np.random.default_rng(seed)) if wants_generator else inputs()
    except Exception as error:
        raise InputError(f"{path}: inputs raised {describe_error(error)}") from error


def _registered_op(name: str | None) -> str | None:
    """The registered op of this name, if there is one."""
    try:
        return find_op(name) if name else None
    except InputError:
        return None
