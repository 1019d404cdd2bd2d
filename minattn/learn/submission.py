"""A submission as its judge sees it: functions that can be called, and the ways in which they fail."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import numpy as np

from .child.messages import encode, receive
from .child.session import Session

RESULTS = ("passed", "to do", "wrong", "error", "refused", "time", "memory", "crash", "missing")


class Failure(Exception):
    """Why a submission could not be judged: one of RESULTS, a sentence, and lines that belong to it."""

    def __init__(self, result: str, sentence: str, details: tuple[str, ...] = ()) -> None:
        super().__init__(sentence)
        self.result, self.sentence, self.details = result, sentence, details


class Reply(NamedTuple):
    """What came of a call. result: data, or an Other. forwards: how often it called its forward.

    changed: the numbers of the arguments that it changed. shares: pairs (result, argument) in the same memory; an
    earlier result j is -1 - j. history: the values that the watched names took, each with its line.
    """

    result: Any
    forwards: int
    changed: list[int]
    shares: list[list[int]]
    history: dict[str, list[list[Any]]]


class Submission:
    """A learner's file, loaded. This one runs it in this very process: for code that is known to be harmless."""

    def __init__(self) -> None:
        self.session = Session()
        self.path, self.source, self.printed = "", "", ""

    def ask(self, request: dict[str, Any]) -> Any:
        """The answer to a request of `inside.session`; through messages, so that it is as good as from afar."""
        return _sent(self.session.answer(_sent(request)))

    def load(self, path: str, source: str) -> list[str]:
        """Run the file; returns the names of its functions. Raises Failure."""
        self.path, self.source = path, source
        functions = self._answer({"path": path, "source": source}).get("functions")
        if not isinstance(functions, list):
            raise self._no_answer()
        return functions

    def call(self, name: str, arguments: tuple[Any, ...], watch: tuple[str, ...] = ()) -> Reply:
        """Call one of its functions. Raises Failure."""
        answer = self._answer({"call": name, "arguments": list(arguments), "watch": list(watch)})
        if not is_reply(answer, len(arguments)):
            raise self._no_answer()
        return Reply(**answer)

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        answer = self.ask(request)
        if not isinstance(answer, dict):
            raise self._no_answer()
        if "error" in answer:
            if not isinstance(answer["error"], dict):
                raise self._no_answer()
            raise failure(self.path, self.source, answer["error"])
        return answer

    def _no_answer(self) -> Failure:
        return Failure("crash", f"{self.path} wrote into the connection to the check")


def is_reply(answer: dict[str, Any], arguments: int) -> bool:
    """Whether an answer has the form of a Reply; their code runs in the process that sends it."""
    if answer.keys() != set(Reply._fields):
        return False
    forwards, changed, shares, history = (answer[name] for name in Reply._fields[1:])
    pairs = isinstance(shares, list) and all(isinstance(p, list) and len(p) == 2 for p in shares)
    counts = [forwards, *changed, *(n for p in shares for n in p)] if pairs and isinstance(changed, list) else [None]
    if not all(type(n) is int for n in counts) or not isinstance(history, dict):
        return False
    results = len(answer["result"]) if isinstance(answer["result"], (tuple, list)) else 1
    in_range = all(0 <= i < arguments for i in changed)
    in_range = in_range and all(0 <= i < results and -results <= j < arguments for i, j in shares)
    versions = [v for values in history.values() for v in (values if isinstance(values, list) and values else [None])]
    lines = all(isinstance(v, list) and len(v) == 2 and isinstance(v[1], np.ndarray) for v in versions)
    return in_range and lines


def _sent(value: Any) -> Any:
    return receive(io.BytesIO(encode(value)).read)


def failure(path: str, source: str, error: dict[str, Any]) -> Failure:
    """An exception of the learner's code, with their own line."""
    kind, name, message, line = (error.get(key) for key in ("kind", "type", "message", "line"))
    place = f"{path}, line {line}" if line else path
    if function := error.get("function"):
        place += "" if function == "<module>" else f", in {function}"
    said = f"{name}: {message}" if message else f"{name}"
    if name == "NotImplementedError":
        return Failure("to do", f"{place}: this part is still to be written")
    lines = source.splitlines()
    details = []
    if isinstance(line, int) and 0 < line <= len(lines):
        text = lines[line - 1]
        details.append(f"    {text.strip()}")
        column = error.get("column")
        if isinstance(column, int) and 0 < column <= len(text) + 1:
            details.append("    " + " " * max(column - 1 - (len(text) - len(text.lstrip())), 0) + "^")
    if error.get("shapes"):
        details.append(f"    shapes: {error['shapes']}")
    sentence = {
        "memory": f"{place}: this takes more memory than a check has",
        "exit": f"{place}: this ends Python; take the exit out, a check has to go on",
        "refused": f"{place}: {message}",
    }.get(str(kind), f"{place}: {said}")
    result = str(kind) if kind in ("memory", "refused") else "error"
    return Failure(result, sentence, tuple(details))
