"""Why an answer is wrong: the first step that is, the mistake that it looks like, what to look at next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..check import check_backward
from .comparison import Difference, difference, differences, hold
from .exercise import Exercise
from .submission import Failure, Submission
from .verdict import Detail

Why = tuple[str, str, tuple[Detail, ...]]
"""A kind, a sentence, details."""

NEARLY = 1e-9
"""How close an answer is to what a known mistake gives, and a step to its right value."""


def copied(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same arguments, for a function that may change its own."""
    return tuple(x.copy() if isinstance(x, np.ndarray) else x for x in arguments)


def explain(
    exercise: Exercise, submission: Submission, arguments: tuple[Any, ...], answer: Any, found: list[Difference]
) -> Why:
    """Why an answer has wrong numbers."""
    worst = max(found, key=lambda difference: difference.share)
    if worst.share < 1e-5:
        digits = int(-np.log10(worst.share))
        close = "as a measured slope is, or a quotient with a small number in its denominator"
        text = f"{worst.where} is right to {digits} digits only, {close}; a derivative is right to 15"
        return "measured", text, ()
    tops = {difference.where.partition("[")[0] for difference in found}
    wrong = [name for name in exercise.answers if name in tops]
    fine = [name for name in exercise.answers if name not in tops and name not in exercise.parameters]  # not ids, masks
    where = f"{found[0].where} has " if found[0].where != wrong[0] or wrong[1:] else ""
    sentence = f"{_listed(wrong)} wrong{f', {_listed(fine)} right' if fine else ''}: {where}{found[0]}"
    kind, why = diagnosis(exercise, submission, arguments, answer)
    if not why:
        why = tuple(Detail("diagnosis", text) for text in pattern(answer, arguments, found[0]))
    steps = tuple(first_wrong_step(exercise, submission, arguments))
    if why and steps and steps[0].label == "tip":
        steps = ()
    changed = forward_changed(exercise, submission, arguments) if exercise.is_backward else ()
    return kind, sentence, (*steps, *changed, *why)


def diagnosis(
    exercise: Exercise, submission: Submission, arguments: tuple[Any, ...], answer: Any
) -> tuple[str, tuple[Detail, ...]]:
    """The mistake that a wrong answer looks like: a kind, and what to say."""
    if known := known_mistake(exercise, arguments, answer):
        return "known", (Detail("diagnosis", f"exactly this: {known}"),)
    if exercise.is_backward and (why := check(exercise, submission, [arguments])):
        return why[0], why[2]
    return "", ()


def check(exercise: Exercise, submission: Submission, cases: list[tuple[Any, ...]]) -> Why | None:
    """What the gradient check says of a backward pass; None where it finds nothing."""
    forward = exercise.solved["forward"]
    failures: list[Failure] = []
    details: list[Detail] = []

    def backward(upstream: Any, *inputs: Any) -> Any:
        try:
            return submission.call("backward", (upstream, *inputs)).result
        except Failure as failure:  # the check would take it for a finding
            failures.append(failure)
            raise

    for _, *inputs in cases:
        report = check_backward(forward, backward, inputs, like=exercise.like)
        if failures:
            raise failures[0]
        names = dict(zip(exercise.parameters[1:], exercise.answers, strict=True))
        first = {finding.argument: finding for finding in reversed(report.findings)}  # the first one of each
        for finding in report.findings:
            if first.get(finding.argument) is not finding or len(details) >= 4:
                continue
            about = f"{names.get(finding.argument, '')}: " if len(names) > 1 and finding.argument else ""
            prefix = "exactly this" if finding.sure == "exactly" else "it looks like this"
            details.append(Detail("diagnosis", f"{about}{prefix}: {finding.sentence}"))
            if finding.next and finding.next not in (detail.text for detail in details):
                details.append(Detail("look at", finding.next))
        if details:
            return report.findings[0].kind, report.findings[0].sentence, tuple(details)
    return None


def first_wrong_step(exercise: Exercise, submission: Submission, arguments: tuple[Any, ...]) -> Iterator[Detail]:
    """The first of the exercise's steps that never has a right value in the learner's function."""
    watch = tuple(exercise.steps)
    if not watch:
        return
    try:
        seen = submission.call(exercise.function, arguments, watch).history
    except Failure:
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
            yield Detail("first wrong step", f"{place}: {meaning} has shape {values[0].shape}, not {np.shape(value)}")
        else:
            yield Detail("first wrong step", f"{place}: {difference(value, values[0], name, NEARLY)}\n({meaning})")
        break
    else:
        if right:
            yield Detail("right so far", f"{', '.join(right)}; what is wrong comes after")
    if not seen:
        listed = ", ".join(f"{name} ({meaning})" for name, meaning in exercise.steps.items())
        yield Detail("tip", f"use these names for the steps, and they are compared one by one: {listed}")


def right_values(exercise: Exercise, arguments: tuple[Any, ...]) -> dict[str, list[Any]]:
    """For each step the values that it ends with in the solution and in the alternatives."""
    values: dict[str, list[Any]] = {}
    for gap in (exercise.solution, *exercise.alternatives.values()):
        ours = Submission()
        ours.load(exercise.file, exercise.fill(gap))
        history = ours.call(exercise.function, copied(arguments), tuple(exercise.steps)).history
        for name, versions in history.items():
            values.setdefault(name, []).append(versions[-1][1])
    return values


def forward_changed(exercise: Exercise, submission: Submission, arguments: tuple[Any, ...]) -> Iterator[Detail]:
    """A word about a forward that is no longer the template's."""
    try:
        now = submission.call("forward", arguments[1:]).result
        was = exercise.solved["forward"](*copied(arguments[1:]))
        same = not list(differences(now, was, ("forward",)))
    except (Failure, TypeError, ValueError):
        same = False
    if not same:
        text = f"it gives something else than the template's; minattn learn reset {exercise.name} puts it back"
        yield Detail("your forward", text)


def known_mistake(exercise: Exercise, arguments: tuple[Any, ...], answer: Any) -> str | None:
    """The sentence of the exercise's own mistake that gives exactly this answer."""
    for mistake in exercise.mistakes:
        with np.errstate(all="ignore"):
            theirs = exercise.run(mistake.gap)[exercise.function](*copied(arguments))
        is_like = not hold(answer, theirs, "", exercise.answers, {})
        if is_like and not list(differences(answer, theirs, exercise.answers, NEARLY)):
            return mistake.sentence
    return None


def pattern(answer: Any, arguments: tuple[Any, ...], found: Difference) -> Iterator[str]:
    """What can be seen in an answer that is no gradient."""
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
    return np.shape(value) == np.shape(right) and difference(np.asarray(value), right, "", NEARLY) is None


def _listed(names: list[str]) -> str:
    """Names and the verb that goes with them."""
    if len(names) == 1:
        return f"{names[0]} is"
    return f"{', '.join(names[:-1])} and {names[-1]} are"
