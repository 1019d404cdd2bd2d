"""A submission, as the check sees it: functions that can be called, and the ways in which they fail."""

import io
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from .own_files import EarlierFile
from .sandbox.learner_file import LearnerFile
from .sandbox.messages import encode, receive
from .verdict import CannotCheck


class CallResult(NamedTuple):
    """What came of a call.

    Args:
        result: what the function returned, with a NotData for all that is no data
        seen: what was counted where the call was followed
        changed: the numbers of the arguments that it changed
        shares: pairs (result, argument) in the same memory; an earlier result j is -1 - j
        history: the values that the watched names took, each with its line
    """

    result: Any
    seen: dict[str, Any]
    changed: list[int]
    shares: list[list[int]]
    history: dict[str, list[list[Any]]]


class Submission:
    """Runs a learner's file in this very process: only for code that is known to be harmless."""

    is_walled = False

    def __init__(self) -> None:
        self.learner_file = LearnerFile()
        self.path, self.source, self.printed = "", "", ""
        self.means: list[str] = []
        """What the file uses that a derivation has no use for."""

    def ask(self, request: dict[str, Any]) -> Any:
        """Answer a request, encoded as for another process, so that both ways give the same."""
        return _sent_through(self.learner_file.answer(_sent_through(request)))

    def load(self, path: str, source: str, template: str = "", own: Mapping[str, EarlierFile] = {}) -> list[str]:
        """Read the file, then run it, and return the names of its functions.

        template: what the learner was given
        own: the earlier files that it imports

        Raises:
            CannotCheck: it cannot be read or run, or a function of it is still to be written
        """
        self.path, self.source = path, source
        pieces = {name: list(piece) for name, piece in own.items()}
        read = self._answer({"path": path, "source": source, "template": template, "own": pieces})
        if not read.keys() >= {"unwritten", "means"}:
            raise self._no_answer()
        if name := read["unwritten"]:
            raise CannotCheck("to do", f"{path}: {name} is still to be written")
        self.means = read["means"]
        functions = self._answer({"load": True}).get("functions")
        if not isinstance(functions, list):
            raise self._no_answer()
        return functions

    def call(
        self, name: str, arguments: tuple[Any, ...], watch: tuple[str, ...] = (), follow: bool = False
    ) -> CallResult:
        """Call one of its functions.

        Args:
            name, arguments: which one, and with what
            watch: local names whose values are wanted
            follow: whether to count what is computed, and beside which points

        Raises:
            CannotCheck: no result came of it
        """
        answer = self._answer({"call": name, "arguments": list(arguments), "watch": list(watch), "follow": follow})
        if not is_call_result(answer, len(arguments)):
            raise self._no_answer()
        return CallResult(**answer)

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        answer = self.ask(request)
        if not isinstance(answer, dict) or not isinstance(answer.get("error", {}), dict):
            raise self._no_answer()
        if "error" in answer:
            raise _learner_error(self.path, self.source, answer["error"])
        return answer

    def _no_answer(self) -> CannotCheck:
        return CannotCheck("crash", f"{self.path} wrote into the connection to the check")


def is_call_result(answer: dict[str, Any], arguments: int) -> bool:
    """Whether an answer has the form of a CallResult: learners' code runs where it comes from, and might forge one."""
    if answer.keys() != set(CallResult._fields):
        return False
    seen, changed, shares, history = (answer[name] for name in CallResult._fields[1:])
    pairs = isinstance(shares, list) and all(isinstance(p, list) and len(p) == 2 for p in shares)
    counts = [*changed, *(n for p in shares for n in p)] if pairs and isinstance(changed, list) else [None]
    if not all(type(n) is int for n in counts) or not isinstance(history, dict) or not isinstance(seen, dict):
        return False
    results = len(answer["result"]) if isinstance(answer["result"], (tuple, list)) else 1
    in_range = all(0 <= i < arguments for i in changed)
    in_range = in_range and all(0 <= i < results and -results <= j < arguments for i, j in shares)
    versions = [v for values in history.values() for v in (values if isinstance(values, list) and values else [None])]
    lines = all(isinstance(v, list) and len(v) == 2 and isinstance(v[1], np.ndarray) for v in versions)
    return in_range and lines


def _sent_through(value: Any) -> Any:
    return receive(io.BytesIO(encode(value)).read)


def _learner_error(path: str, source: str, error: dict[str, Any]) -> CannotCheck:
    """An exception of the learner's code, with their own line."""
    kind, name, message, function = (str(error.get(key) or "")[:501] for key in ("kind", "type", "message", "function"))
    line = error.get("line")
    place = f"{path}, line {line}" if line else path
    if function:
        place += "" if function == "<module>" else f", in {function}"
    said = f"{name}: {message}" if message else f"{name}"
    if name == "NotImplementedError":
        return CannotCheck("to do", f"{place}: this part is still to be written")
    lines = source.splitlines()
    details = []
    if isinstance(line, int) and 0 < line <= len(lines):
        text = lines[line - 1]
        details.append(f"    {text.strip()}")
        column = error.get("column")
        if isinstance(column, int) and 0 < column <= len(text) + 1:
            details.append("    " + " " * max(column - 1 - (len(text) - len(text.lstrip())), 0) + "^")
    if error.get("shapes"):
        details.append(f"    shapes: {str(error['shapes'])[:500]}")
    sentence = {
        "memory": f"{place}: this takes more memory than a check has",
        "exit": f"{place}: this ends Python; take the exit out, a check has to go on",
        "import": f"{place}: {said}; a check has NumPy and Python's standard library",
    }.get(kind, f"{place}: {said}")
    return CannotCheck("memory" if kind == "memory" else "error", sentence, tuple(details))
