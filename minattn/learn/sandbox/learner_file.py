"""A learner's file, loaded once; then its functions are called. What comes of it is data, never a verdict."""

import contextlib
import copy
import re
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from .following import Trail
from .reading import means, unwritten_function
from .rewriting import ENTER, SEE, followed

OVERLAP_STEPS: Any = 10_000
"""Steps after which NumPy gives up to find out whether two arrays overlap."""

MOST_VERSIONS = 40
"""The most values that are kept of one name."""


class LearnerFile:
    """Answers requests, in this order.

    {"source", "path", "template", "own"}: reads a file, and runs nothing of it, so that the answer is nobody else's
    {"load"}: runs it
    {"call", "arguments", "watch", "follow"}: calls a function of it
    """

    def __init__(self) -> None:
        self.path, self.source = "", ""
        self.names: dict[str, Any] = {}
        self.code: Any = None
        self.own: dict[str, Any] = {}
        self.trail = Trail()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a request; with {"error": …} where the learner's code raised something."""
        try:
            if "source" in request:
                return self._read(request["path"], request["source"], request["template"], request["own"])
            if "load" in request:
                return self._load()
            return self._call(request["call"], request["arguments"], request["watch"], request["follow"])
        except BaseException as error:  # whatever it is, SystemExit and KeyboardInterrupt too
            return {"error": self._describe_error(error)}
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()

    def _read(self, path: str, source: str, template: str, own: dict[str, list[str]]) -> dict[str, Any]:
        """Compile the file; tell what is unwritten in it, and what it uses that the template does not.

        own: the names and the texts of the earlier files that it imports, in the order in which they need each other
        """
        self.path, self.source = path, source
        compile(source, path, "exec", dont_inherit=True)  # what is no Python is told with its line in this file
        found = [said for said in means(source) if said not in means(template)]
        self.code = self._followed(source, path, template, found)
        for name, (file, text) in own.items():
            found += [f"{said} in {file}" for said in means(text)]
            self.own[name] = self._followed(text, file, "", found)
        return {"unwritten": unwritten_function(source), "means": found}

    def _followed(self, source: str, path: str, template: str, found: list[str]) -> Any:
        """The code of a file, in which every value can be looked at; where that cannot be, `found` tells."""
        try:
            return followed(source, path, template)
        except (SyntaxError, ValueError, RecursionError, MemoryError, TypeError, AttributeError) as error:
            found.append(f"an expression that cannot be followed ({type(error).__name__})")
            return compile(source, path, "exec", dont_inherit=True)

    def _load(self) -> dict[str, Any]:
        """Run the earlier files that it imports, then the file itself as the module `exercise`."""
        sys.modules["own"] = own = types.ModuleType("own")
        try:
            for name, code in self.own.items():
                setattr(own, name, module := self._module(f"own.{name}"))
                exec(code, vars(module))
            self.names = vars(self._module("exercise"))
            exec(self.code, self.names)
        finally:
            self.trail.active = False
        return {"functions": [name for name, value in self.names.items() if callable(value) and name[:1] != "·"]}

    def _module(self, name: str) -> types.ModuleType:
        """A new module in which what is followed can run."""
        module = types.ModuleType(name)
        module.__file__ = self.path
        vars(module).update({SEE: self.trail.see, ENTER: self.trail.enter})
        sys.modules[module.__name__] = module
        return module

    def _call(self, name: str, arguments: list[Any], watch: list[str], follow: bool) -> dict[str, Any]:
        """Call a function; returns the fields of `submission.CallResult`."""
        before = copy.deepcopy(arguments)
        history = ValueHistory(self.path, watch)
        if follow:
            self.trail.begin(arguments)
        tracer = sys.gettrace()
        if watch:
            sys.settrace(history.enter)
        try:
            result = self.names[name](*arguments)
        finally:
            sys.settrace(tracer)
            seen = self.trail.end() if follow else {}
        pairs = enumerate(zip(arguments, before, strict=True))
        return {
            "result": result,
            "seen": seen,
            "changed": [i for i, (now, was) in pairs if not _same(now, was)],
            "shares": _shared(list(result) if isinstance(result, (tuple, list)) else [result], arguments),
            "history": {name: [list(version) for version in versions] for name, versions in history.values.items()},
        }

    def _describe_error(self, error: BaseException) -> dict[str, Any]:
        """What the learner should see of an exception: the last of their own lines, and the shapes of what it names."""
        kind = "memory" if isinstance(error, MemoryError) else "exit" if isinstance(error, SystemExit) else "error"
        if isinstance(error, ModuleNotFoundError) and error.name:
            kind = "import"
        told: dict[str, Any] = {"kind": kind, "type": type(error).__name__, "message": "", "line": 0}
        with contextlib.suppress(Exception):
            told["message"] = str(error) if len(str(error)) <= 500 else f"{str(error)[:500]}…"
        if isinstance(error, SyntaxError) and error.filename == self.path:
            return told | {"message": error.msg, "line": error.lineno or 0, "column": error.offset or 0}
        trace, frame = error.__traceback__, None
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == self.path:
                frame, told["line"] = trace.tb_frame, trace.tb_lineno
            trace = trace.tb_next
        if frame is not None:
            told["function"] = frame.f_code.co_name
            told["shapes"] = self._shapes(told["line"], frame.f_locals)
        return told

    def _shapes(self, line: int, names: dict[str, Any]) -> str:
        lines = self.source.splitlines()
        words = dict.fromkeys(re.findall(r"[A-Za-z_]\w*", lines[line - 1])) if line <= len(lines) else {}
        return ", ".join(f"{word} {names[word].shape}" for word in words if isinstance(names.get(word), np.ndarray))


def _same(now: Any, was: Any) -> bool:
    """Whether arrays have the same bits; or lists and dicts of them."""
    if isinstance(now, np.ndarray) and isinstance(was, np.ndarray):
        return bool(now.shape == was.shape and now.dtype == was.dtype and now.tobytes() == was.tobytes())
    if isinstance(now, dict) and isinstance(was, dict):
        now, was = list(now.items()), list(was.items())
    if isinstance(now, (list, tuple)) and isinstance(was, (list, tuple)):
        return len(now) == len(was) and all(map(_same, now, was))
    return now is was or bool(now == was)


def _shared(results: list[Any], arguments: list[Any]) -> list[list[int]]:
    """Pairs of a result and an argument, or a result and -1 - an earlier result, that lie in the same memory."""
    arrays = [(i, x) for i, x in enumerate(results) if isinstance(x, np.ndarray)]
    earlier = [(i, x) for i, x in enumerate(arguments) if isinstance(x, np.ndarray)]
    pairs = []
    for i, array in arrays:
        pairs += [[i, j] for j, other in earlier if _overlap(array, other)]
        earlier.append((-1 - i, array))
    return pairs


def _overlap(a: Any, b: Any) -> bool:
    try:
        return bool(np.shares_memory(a, b, max_work=OVERLAP_STEPS))
    except np.exceptions.TooHardError:
        return False


class ValueHistory:
    """The values that local names of the learner's functions took, in order, each with the line that gave it."""

    def __init__(self, path: str, names: list[str]) -> None:
        self.path, self.names = path, names
        self.values: dict[str, list[tuple[int, Any]]] = {}
        self.line: dict[int, int] = {}

    def enter(self, frame: types.FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        """Trace the calls of functions in the learner's file; for `sys.settrace`."""
        self.line.pop(id(frame), None)  # of a frame that is gone
        return self.step if frame.f_code.co_filename == self.path else None

    def step(self, frame: types.FrameType, event: str, argument: Any) -> Callable[..., Any]:
        """Note which of the names have changed in the line before."""
        line = self.line.get(id(frame), frame.f_lineno)  # what changed, the line before this one changed
        for name in self.names:
            value = frame.f_locals.get(name)
            if isinstance(value, (np.ndarray, np.generic, float, int)):
                versions, now = self.values.setdefault(name, []), np.array(value)
                if not versions or not _same(now, versions[-1][1]):
                    if len(versions) == MOST_VERSIONS:  # a loop: the last one counts
                        versions.pop()
                    versions.append((line, now))
        self.line[id(frame)] = frame.f_lineno
        return self.step
