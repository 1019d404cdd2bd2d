"""Checks a learner's file: runs it in a process of its own, calls its functions and compares what they return."""

import os
import time
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import RunError
from .answer_comparison import NOT_COMPARABLE, form_error, wrong_numbers, wrong_parts
from .course import VARIANT_MARK, Edge, Exercise, course, find
from .feedback import text_checked
from .gap import gap_of
from .learner_folder import find_file, read_source, source_of
from .measured import looks_measured, times_as_much
from .own_files import EarlierFile, Pieces, needed
from .runner import Runner
from .submission import CallResult, Submission
from .verdict import CannotCheck, Reason, Remark, Verdict
from .wrong_answer import gradient_check, likely_mistake, nearly_right, why_wrong


def check_file(
    exercise: Exercise | str,
    path: str | os.PathLike[str],
    runner: Runner | None = None,
    seed: int = 0,
    borrow: bool = True,
) -> Verdict:
    """Check a learner's file; whatever is in it, the answer is a verdict.

    Args:
        exercise: the exercise, or its name
        path: the file
        runner: to be shared where several files are checked; a new one where it is None
        seed: of the inputs that the functions are called with
        borrow: whether earlier exercises that it imports, and that are not solved in its folder, are ours; else they
            have to be solved first

    Raises:
        InputError: there is no exercise of that name
        RunError: no process could be started

    >>> check_file("softmax", "nowhere.py").sentence
    'nowhere.py could not be read: No such file or directory'
    """
    if isinstance(exercise, str):
        exercise = find(exercise)
    path = Path(path)
    try:
        source = read_source(path)
    except CannotCheck as error:
        return Verdict(exercise.name, error.result, sentence=error.sentence)
    if exercise.choices and not exercise.options and VARIANT_MARK in source:
        said = f"{path.name} is a variant of the exercise, and its key is not known; --variant KEY says it"
        return Verdict(exercise.name, "error", sentence=said)
    if gap_of(source) == gap_of(exercise.text):  # no process is needed for that
        return check_submission(exercise, Submission(), path.name, source, seed)
    if runner is None:
        with Runner() as own:
            return check_file(exercise, path, own, seed, borrow)
    pieces = pieces_of(path.parent, exercise, source, runner, borrow, seed)
    if pieces.missing:
        name = pieces.missing[0]
        said = f"it imports your {name}, which is not right yet: minattn learn check {name}"
        said += "; or borrow it, with --borrow" if name in exercise.needs and not borrow else ""
        return Verdict(exercise.name, "to do", sentence=f"{path.name}: {said}")
    with runner.open() as submission:
        try:
            verdict = check_submission(exercise, submission, path.name, source, seed, pieces.files)
        except RunError:
            raise
        except Exception as error:  # whatever one submission brings about, the next one is checked
            said = f"{path.name} could not be checked: {type(error).__name__}: {error}"
            verdict = Verdict(exercise.name, "crash", sentence=said)
    return verdict._replace(printed=submission.printed, isolated=submission.is_walled, borrowed=pieces.borrowed)


def pieces_of(folder: Path, exercise: Exercise, source: str, runner: Runner, borrow: bool, seed: int = 0) -> Pieces:
    """The earlier files that a file imports, and those that these import: the learner's own where they are solved.

    Ours are lent of what the template imports, and of nothing else. An earlier exercise whose formula is another in the
    learner's folder is given in its usual form.
    """
    files: dict[str, EarlierFile] = {}
    borrowed: list[str] = []
    missing: list[str] = []
    known = {each.name: each for each in course()}

    def add(user: Exercise, text: str) -> None:
        for name in needed(text):
            earlier = known.get(name)
            if earlier is None or earlier.number >= user.number or name in files:
                continue
            path, piece, is_lent = find_file(folder, earlier), earlier.earlier_file, name in user.needs
            own = "" if path is None else source_of(path)
            if not (is_lent and VARIANT_MARK in own):
                if path is not None and own and check_file(earlier, path, runner, seed, borrow).solved:
                    piece = EarlierFile(path.name, own)
                elif is_lent and borrow:
                    borrowed.append(name)
                else:
                    missing.append(name)
            add(earlier, piece.source)  # what it imports is loaded before it
            files[name] = piece

    add(exercise, source)
    return Pieces(files, tuple(borrowed), tuple(missing))


def check_in_folder(folder: Path, exercise: Exercise, runner: Runner, seed: int = 0, borrow: bool = True) -> Verdict:
    """Check the file that a folder has for an exercise, if it has one."""
    path = find_file(folder, exercise)
    if path is None:
        remedy = f"minattn learn init {folder} puts the template there"
        if exercise.shows:
            remedy = f"it shows what {', '.join(exercise.shows)} ask for, and comes when these are solved"
        said = f"{folder / exercise.file} is missing; {remedy}"
        return Verdict(exercise.name, "missing", sentence=said)
    return check_file(exercise, path, runner, seed, borrow)


def check_submission(
    exercise: Exercise,
    submission: Submission,
    path: str,
    source: str,
    seed: int = 0,
    own: Mapping[str, EarlierFile] | None = None,
) -> Verdict:
    """Check a file, which messages call `path`, through the submission that runs its source.

    own: the earlier files that it imports; ours where they are not given
    """
    if own is None:
        own = {name: find(name).earlier_file for name in exercise.needs}
    started = time.monotonic()
    parts: tuple[tuple[str, bool], ...] = ()
    measured = work = ""
    try:
        if gap_of(source) == gap_of(exercise.text):
            raise CannotCheck("to do", f"{path}: the part between the marks is still to be written")
        functions = submission.load(path, source, exercise.text, own)
        if exercise.function not in functions:
            said = f"{path} defines no function {exercise.function}; the template has one to be filled"
            raise CannotCheck("error", said)
        cases = exercise.draw(seed)
        # the first call is the one that is followed: it has to be right, too, and nothing can be known before it
        first = submission.call(exercise.function, cases[0], follow=True)
        found = _what_is_wrong(exercise, submission, cases, first, seed)
        parts = (
            _right_parts(exercise, submission, cases, first, seed)
            if found
            else tuple((name, True) for name in exercise.answers)
        )
        result, reason = ("wrong", found) if found else ("passed", Reason("", ""))
        if exercise.asks_for_gradient:
            measured = looks_measured(exercise, first.seen)
            work = times_as_much(exercise, first.seen, cases[0])
    except CannotCheck as error:
        remarks = (Remark("your line", "\n".join(error.lines)),) if error.lines else ()
        result, reason = error.result, Reason("", error.sentence, remarks)
    means = [str(said) for said in submission.means if exercise.asks_for_gradient or said != "complex numbers"]
    unusual = "; ".join(filter(None, (work, f"uses {', '.join(means)}"[:300] if means else "")))
    seconds, answer = time.monotonic() - started, text_checked(source)
    return Verdict(exercise.name, result, *reason, parts, measured, unusual, answer=answer, seconds=seconds)


def _what_is_wrong(
    exercise: Exercise, submission: Submission, cases: list[tuple[Any, ...]], first: CallResult, seed: int
) -> Reason | None:
    """Why the function is wrong on one of the cases, or at an edge; None where it is right on all."""
    function, right = exercise.function, exercise.solved[exercise.function]
    names = exercise.parameters
    same_shapes = tuple(names[1:]) if exercise.is_backward else ()
    for arguments in cases:
        call = first if arguments is cases[0] else submission.call(function, arguments)
        answer = call.result
        parts = answer if isinstance(answer, (tuple, list)) else [answer]
        if any(part is ... for part in parts):
            raise CannotCheck("to do", f"{function} returned three dots: a part is still to be written")
        expected = right(*deepcopy(arguments))
        if exercise.accepts is not None:
            if refusal := exercise.accepts(arguments, answer, expected):
                return Reason("", refusal, likely_mistake(exercise, submission, arguments, answer).remarks)
        elif error := form_error(answer, expected, function, exercise.answers, same_shapes):
            mistake = likely_mistake(exercise, submission, arguments, answer)
            return Reason(*error, () if mistake.kind in NOT_COMPARABLE else mistake.remarks)
        elif found := list(wrong_numbers(answer, expected, exercise.answers)):
            return why_wrong(exercise, submission, arguments, answer, found)
        if reason := _misused_memory(exercise, call, names):
            return reason
    # numbers are right on all cases; whether they are right beside them, one case shows, in which all lengths differ
    if exercise.is_backward and (reason := gradient_check(exercise, submission, cases[-1:])):
        return reason
    reasons = (_wrong_at_edge(exercise, submission, edge, seed) for edge in exercise.edges)
    return next((reason for reason in reasons if reason), None)


def _right_parts(
    exercise: Exercise, submission: Submission, cases: list[tuple[Any, ...]], first: CallResult, seed: int
) -> tuple[tuple[str, bool], ...]:
    """Which of what a wrong function returns is right on all cases and at all edges, as far as it answers."""
    wrong: set[str] = set()
    edges = [exercise.with_upstream(edge.inputs, np.random.default_rng(seed)) for edge in exercise.edges]
    for arguments in (*cases, *edges):
        try:
            call = first if arguments is cases[0] else submission.call(exercise.function, arguments)
        except CannotCheck:
            return tuple((name, False) for name in exercise.answers)
        expected = exercise.solved[exercise.function](*deepcopy(arguments))
        wrong |= wrong_parts(call.result, expected, exercise.answers)
    return tuple((name, name not in wrong) for name in exercise.answers)


def _wrong_at_edge(exercise: Exercise, submission: Submission, edge: Edge, seed: int) -> Reason | None:
    """Why a function that is right on ordinary inputs is wrong at an edge; None where it is right there too."""
    function, names = exercise.function, exercise.answers
    arguments = exercise.with_upstream(edge.inputs, np.random.default_rng(seed))
    expected = exercise.solved[function](*deepcopy(arguments))
    remarks = [Remark("look at", edge.why)]
    try:
        answer = submission.call(function, arguments).result
        kind, said = form_error(answer, expected, function, names) or ("", "")
        found = [] if said else list(wrong_numbers(answer, expected, names, least=0.0))
        if found and (text := nearly_right(found)):
            return Reason("measured", f"right, but not {edge.where}: {text}")
        said = said or "; ".join(f"{entry.where} has {entry}" for entry in found)
    except CannotCheck as error:
        if error.result != "error":
            raise
        kind, said = "exception", error.sentence
        remarks[:0] = [Remark("your line", "\n".join(error.lines))]
    return Reason(kind or "wrong", f"right, but not {edge.where}: {said}", tuple(remarks)) if said else None


def _misused_memory(exercise: Exercise, call: CallResult, names: list[str]) -> Reason | None:
    """Whether an argument was changed, or two gradients are the same memory."""
    function = exercise.function
    if call.changed:
        name = names[call.changed[0]]
        mend = f"-=, *= and {name}[...] = work in place, on what was handed in: make new arrays, or take a copy first"
        said = f"{function} changes {name}, which others still need"
        return Reason("modified_input", said, (Remark("look at", mend),))
    for i, j in call.shares if exercise.is_backward else ():
        if j != 0:  # the upstream itself may be handed on
            mine, other = exercise.answers[i], names[j] if j > 0 else exercise.answers[-1 - j]
            mend = "gradients are added to in place later: return a copy of one of them"
            return Reason("shares_memory", f"{mine} and {other} are the same memory", (Remark("look at", mend),))
    return None
