"""Forms the verdict on a submission: it calls the functions, compares what comes back, and asks the check why."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from .comparison import DOOR, differences, hold, is_open
from .exercise import Exercise, gap_of
from .feedback import check, copied, diagnosis, explain
from .submission import Failure, Reply, Submission
from .verdict import Detail, Verdict


def judge(exercise: Exercise, submission: Submission, path: str, source: str, seed: int = 0) -> Verdict:
    """Check a learner's file. path: what to call it in messages; seed: of the inputs that it is tried on."""
    started = time.monotonic()

    def verdict(result: str, kind: str = "", sentence: str = "", details: tuple[Detail, ...] = ()) -> Verdict:
        seconds = time.monotonic() - started
        return Verdict(exercise.name, result, kind, sentence, details, submission.printed, seconds)

    if gap_of(source) == gap_of(exercise.text):
        return verdict("to do", sentence=f"{path}: the part between the marks is still to be written")
    try:
        functions = submission.load(path, source)
        if exercise.function not in functions:
            raise Failure("error", f"{path} defines no function {exercise.function}; the template has one to be filled")
        wrong = _judge(exercise, submission, seed)
    except Failure as failure:
        details = (Detail("your line", "\n".join(failure.details)),) if failure.details else ()
        return verdict(failure.result, sentence=failure.sentence, details=details)
    return verdict("wrong", *wrong) if wrong else verdict("passed")


def _judge(exercise: Exercise, submission: Submission, seed: int) -> tuple[str, str, tuple[Detail, ...]] | None:
    """What is wrong: kind, sentence, details; None where nothing is."""
    function, right = exercise.function, exercise.solved[exercise.function]
    names = exercise.parameters
    likes = dict(zip(exercise.answers, names[1:], strict=False)) if exercise.is_backward else {}
    cases = exercise.draw(seed)
    for arguments in cases:
        reply = submission.call(function, arguments)
        if is_open(reply.result):
            raise Failure("to do", f"{function} returned three dots: a part is still to be written")
        _refuse_measuring(exercise, reply, arguments)
        expected = right(*copied(arguments))
        if exercise.accepts is not None:
            if refusal := exercise.accepts(arguments, reply.result, expected):
                return "", refusal, diagnosis(exercise, submission, arguments, reply.result)[1]
        else:
            if held := hold(reply.result, expected, function, exercise.answers, likes):
                kind, details = diagnosis(exercise, submission, arguments, reply.result)
                return *held, () if kind in DOOR else details
            if found := list(differences(reply.result, expected, exercise.answers)):
                return explain(exercise, submission, arguments, reply.result, found)
        if said := _conduct(exercise, reply, names, arguments):
            return said
    return check(exercise, submission, cases) if exercise.is_backward else None


def _conduct(
    exercise: Exercise, reply: Reply, names: list[str], arguments: tuple[Any, ...]
) -> tuple[str, str, tuple[Detail, ...]] | None:
    """What is wrong besides the numbers."""
    function = exercise.function
    if reply.changed:
        name = names[reply.changed[0]]
        mend = f"-= and *= and {name}[...] = work in place: write {name} = {name} - … or take a copy first"
        return "modified_input", f"{function} changes {name}, which others still need", (Detail("look at", mend),)
    if not exercise.is_backward:
        return None
    for i, j in reply.shares:
        if j != 0:  # the upstream itself may be handed on
            mine, other = exercise.answers[i], names[j] if j > 0 else exercise.answers[-1 - j]
            mend = "gradients are added to in place later: return a copy of one of them"
            return "shares_memory", f"{mine} and {other} are the same memory", (Detail("look at", mend),)
    return None


def _refuse_measuring(exercise: Exercise, reply: Reply, arguments: tuple[Any, ...]) -> None:
    """Refuse a backward pass that asks forward about every entry. Raises Failure."""
    entries = sum(x.size for x in arguments[1:] if isinstance(x, np.ndarray) and x.dtype.kind == "f")
    if exercise.is_backward and reply.forwards >= entries > 1:
        raise Failure(
            "refused",
            f"backward calls forward {reply.forwards} times for {entries} numbers: it measures slopes, as the check "
            "does; here the derivative is to be written down",
        )
