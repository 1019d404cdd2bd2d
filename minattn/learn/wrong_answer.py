"""Why an answer is wrong: the first step that is, the mistake that it looks like, what to look at next."""

import contextlib
import itertools
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import numpy as np

from ..check import check_backward
from .answer_comparison import WorstEntry, form_error, worst_entry, wrong_numbers
from .course import Exercise, find
from .submission import Submission
from .verdict import CannotCheck, Reason, Remark

NEARLY = 1e-9
"""How close an answer is to what a known mistake gives, and a step to its right value."""


def why_wrong(
    exercise: Exercise, submission: Submission, arguments: tuple[Any, ...], answer: Any, found: list[WorstEntry]
) -> Reason:
    """Say why an answer has wrong numbers. found: where it differs from what is right."""
    if text := nearly_right(found):
        return Reason("measured", text)
    tops = {entry.where.partition("[")[0] for entry in found}
    wrong = [name for name in exercise.answers if name in tops]
    fine = [name for name in exercise.answers if name not in tops and name not in exercise.parameters]  # not ids, masks
    where = f"{found[0].where} has " if found[0].where != wrong[0] or wrong[1:] else ""
    sentence = f"{_listed(wrong)} wrong{f', {_listed(fine)} right' if fine else ''}: {where}{found[0]}"
    kind, _, why = likely_mistake(exercise, submission, arguments, answer)
    if not why:
        why = tuple(Remark("diagnosis", text) for text in visible_pattern(answer, arguments, found[0]))
    steps = tuple(first_wrong_step(exercise, submission, arguments))
    if why and steps and steps[0].label == "tip":
        steps = ()
    changed = forward_changed(exercise, submission, arguments) if exercise.is_backward else ()
    return Reason(kind, sentence, (*steps, *changed, *why))


def nearly_right(found: list[WorstEntry]) -> str:
    """What there is to say where all that is wrong are the last digits; "" where there is more."""
    worst = max(found, key=lambda entry: entry.share)
    if worst.share >= 1e-5:
        return ""
    close = "as a measured slope is, or a quotient with a small number in its denominator"
    return f"{worst.where} is right to {int(-np.log10(worst.share))} digits only, {close}; a derivative is right to 15"


def likely_mistake(exercise: Exercise, submission: Submission, arguments: tuple[Any, ...], answer: Any) -> Reason:
    """Find the mistake that a wrong answer looks like: one of the exercise's, or what the gradient check says."""
    if known := known_mistake(exercise, arguments, answer):
        return Reason("known", known, (Remark("diagnosis", f"exactly this: {known}"),))
    if other := answer_of_another_variant(exercise, arguments, answer):
        return Reason("other_variant", other, (Remark("diagnosis", other),))
    found = gradient_check(exercise, submission, [arguments]) if exercise.is_backward else None
    return found or Reason("", "")


def gradient_check(exercise: Exercise, submission: Submission, cases: list[tuple[Any, ...]]) -> Reason | None:
    """Run the gradient check on a backward pass; None where it finds nothing."""
    forward = exercise.solved["forward"]
    failures: list[CannotCheck] = []
    shapes: list[tuple[int, ...]] = []
    remarks: list[Remark] = []

    def backward(upstream: Any, *inputs: Any) -> Any:
        if not all(isinstance(x, np.ndarray | np.generic) for x in (upstream, *inputs) if hasattr(x, "shape")):
            raise TypeError("the learner's file runs in another process, where it cannot be followed")
        try:
            return submission.call("backward", (upstream, *inputs)).result
        except CannotCheck as failure:  # the check would take it for a finding
            if list(map(np.shape, inputs)) == shapes:  # at other lengths, which the diagnosis tries, a learner may fail
                failures.append(failure)
            raise

    for _, *inputs in cases:
        shapes[:] = map(np.shape, inputs)
        report = check_backward(forward, backward, inputs, like=exercise.like)
        if failures:
            raise failures[0]
        names = dict(zip(exercise.parameters[1:], exercise.answers, strict=True))
        first = {finding.argument: finding for finding in reversed(report.findings)}  # the first one of each
        for finding in report.findings:
            if first.get(finding.argument) is not finding or len(remarks) >= 4:
                continue
            about = f"{names.get(finding.argument, '')}: " if len(names) > 1 and finding.argument else ""
            prefix = "exactly this" if finding.sure == "exactly" else "it looks like this"
            remarks.append(Remark("diagnosis", f"{about}{prefix}: {finding.sentence}"))
            if finding.next and finding.next not in (remark.text for remark in remarks):
                remarks.append(Remark("look at", finding.next))
        if remarks:
            return Reason(report.findings[0].kind, report.findings[0].sentence, tuple(remarks))
    return None


def first_wrong_step(exercise: Exercise, submission: Submission, arguments: tuple[Any, ...]) -> Iterator[Remark]:
    """Find the first of the exercise's steps that never has a right value in the learner's function."""
    watch = tuple(exercise.steps)
    if not watch:
        return
    try:
        seen = submission.call(exercise.function, arguments, watch).history
    except CannotCheck:
        return
    right, known = [], right_values(exercise, arguments)
    for name, meaning in exercise.steps.items():
        versions, values = seen.get(name, []), known.get(name, [])
        if not versions or not values:
            continue
        if any(_is_close(value, good) for _, value in versions for good in values):
            right.append(name)
            continue
        line, value = versions[-1]
        place = f"{name}, line {line}"
        if np.shape(value) != values[0].shape:
            shapes = f"has shape {values[0].shape}, not {np.shape(value)}"
            yield Remark("first wrong step", f"{place}: {meaning} {shapes}", f"{place}: it {shapes}")
        else:
            numbers = f"{place}: {worst_entry(value, values[0], name, NEARLY)}"
            yield Remark("first wrong step", f"{numbers}\n({meaning})", numbers)
        break
    else:
        if right:
            yield Remark("right so far", f"{', '.join(right)}; what is wrong comes after")
    if not seen:
        listed = ", ".join(f"{name} ({meaning})" for name, meaning in exercise.steps.items())
        tip = "use these names for the steps, and they are compared one by one: "
        yield Remark("tip", tip + listed, tip + ", ".join(exercise.steps))


def right_values(exercise: Exercise, arguments: tuple[Any, ...]) -> dict[str, list[Any]]:
    """For each step the values that it has at the end of the solution and of the alternatives."""
    values: dict[str, list[Any]] = {}
    own = {name: find(name).earlier_file for name in exercise.needs}
    for gap in (exercise.solution, *exercise.alternatives.values()):
        ours = Submission()
        ours.load(exercise.file, exercise.fill(gap), own=own)
        history = ours.call(exercise.function, deepcopy(arguments), tuple(exercise.steps)).history
        for name, versions in history.items():
            values.setdefault(name, []).append(versions[-1][1])
    return values


def forward_changed(exercise: Exercise, submission: Submission, arguments: tuple[Any, ...]) -> Iterator[Remark]:
    """Remark on a forward that is no longer the template's."""
    try:
        now = submission.call("forward", arguments[1:]).result
        was = exercise.solved["forward"](*deepcopy(arguments[1:]))
        same = not list(wrong_numbers(now, was, ("forward",)))
    except (CannotCheck, TypeError, ValueError):
        same = False
    if not same:
        text = f"it gives something else than the template's; minattn learn reset {exercise.name} puts it back"
        yield Remark("your forward", text)


def known_mistake(exercise: Exercise, arguments: tuple[Any, ...], answer: Any) -> str | None:
    """The sentence of the exercise's own mistake that gives exactly this answer; None where none does."""
    for mistake in exercise.mistakes:
        with np.errstate(all="ignore"):
            theirs = exercise.run(mistake.gap)[exercise.function](*deepcopy(arguments))
        is_like = not form_error(answer, theirs, "", exercise.answers)
        if is_like and not list(wrong_numbers(answer, theirs, exercise.answers, NEARLY)):
            return mistake.text
    return None


def answer_of_another_variant(exercise: Exercise, arguments: tuple[Any, ...], answer: Any) -> str | None:
    """A sentence where an answer is right in another form of the exercise: the part of it, or all of its file."""
    found = []
    for other, form in itertools.product(exercise.others, (exercise, None)):
        with np.errstate(all="ignore"), contextlib.suppress(Exception):  # what it needs may not be there
            theirs = (form or other).run(other.solution)[exercise.function](*deepcopy(arguments))
            is_like = not form_error(answer, theirs, "", exercise.answers)
            if is_like and not list(wrong_numbers(answer, theirs, exercise.answers, NEARLY)):
                found.append(f"a variant where {other.says}" if other.says else "the usual form")
    which = found[0] if len(set(found)) == 1 else "another variant"  # some are alike on some inputs
    return f"This is the answer to {which}. In yours {exercise.says}." if found else None


def visible_pattern(answer: Any, arguments: tuple[Any, ...], found: WorstEntry) -> Iterator[str]:
    """Say what can be seen in an answer without knowing the mistake."""
    same = [x for x in arguments if isinstance(x, np.ndarray) and isinstance(answer, np.ndarray)]
    if any(x.shape == answer.shape and np.array_equal(x, answer) for x in same):
        yield "What came in is handed back as it is."
    elif isinstance(found.got, float) and isinstance(found.expected, float) and found.got and found.expected:
        ratio = found.got / found.expected
        if abs(ratio + 1) < NEARLY:
            yield "The sign is wrong."
        elif abs(ratio - round(ratio)) < NEARLY or abs(1 / ratio - round(1 / ratio)) < NEARLY:
            times = f"{ratio:.4g} times" if abs(ratio) > 1 else f"1/{1 / ratio:.4g} of"
            yield f"The worst entry is {times} what is right."
    elif isinstance(found.got, float) and not found.got:
        yield "The worst entry is 0: was it never written?"


def _is_close(value: Any, right: Any) -> bool:
    return np.shape(value) == np.shape(right) and worst_entry(np.asarray(value), right, "", NEARLY) is None


def _listed(names: list[str]) -> str:
    """Names and the verb that goes with them."""
    if len(names) == 1:
        return f"{names[0]} is"
    return f"{', '.join(names[:-1])} and {names[-1]} are"
