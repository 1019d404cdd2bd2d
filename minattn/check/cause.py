"""What is wrong with a gradient that is wrong: a mistake of the catalogue, a diagnosis, or at least where."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..backend import Array
from .catalogue.base import Mistake
from .catalogue.match import match
from .comparison import Comparison, is_measurable
from .diagnosis import WHOLE_STAGES, diagnose, find_causes_together
from .mistake_kinds import kinds
from .problem import Problem
from .redrawn import redrawn
from .referee import measure_gradient
from .report import CONSISTENT, EXACTLY, Evidence, Finding

KINDS_WITHOUT_NUMBERS = ("exception", "wrong_count", "no_gradient", "not_an_array")
"""Kinds for which there are no numbers to look at."""
_SECONDS = 2.5  # of this thread's own time, for the diagnosis
_UPSTREAM_KINDS = ("nonlinear_in_upstream", "upstream_ignored")
_CONSEQUENT_KINDS = ("shape", "nonlinear_in_upstream")
"""Kinds of the contract that follow from a mistake that has been named exactly."""


@dataclass
class Observations:
    """What was seen of a backward: its gradients at several points, those of a wrong shape, and broken contracts."""

    problem: Problem
    comparisons: dict[int, list[Comparison]]
    misshapen: dict[int, Array] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def worst(self) -> dict[int, Comparison]:
        """Each wrong argument at the last point where it is wrong; there nothing has its initial value."""
        wrong = {i: [j for j in js if not j.is_right] for i, js in self.comparisons.items()}
        return {i: js[-1] for i, js in wrong.items() if js}


def find_causes(seen: Observations, like: str | None, options: Mapping[str, Any] | None) -> list[Finding]:
    """The findings, the best explanation of each argument first.

    like: class name of the op whose catalogue is looked through; options: that op's, None for unknown
    """
    names, worst = seen.problem.names, seen.worst
    deadline = time.thread_time() + _SECONDS
    structural = {finding.argument for finding in seen.findings if finding.kind in KINDS_WITHOUT_NUMBERS}
    findings = _from_catalogue(seen, like, options) if like is not None and None not in structural else []
    named = {finding.argument for finding in findings}
    rounded = {finding.argument for finding in seen.findings if finding.kind == "dtype"}
    together, facts = _together(seen, deadline) if not structural and not named else ([], {})
    sure = [finding for finding in together if finding.sure == EXACTLY]
    guessed = {finding.argument: finding for finding in together if finding.sure != EXACTLY}
    findings += sure
    told_of = named | {name for finding in sure for name in str(finding.argument).split(" and ")}
    for i in seen.problem.arguments:
        if None in named or names[i] in told_of | structural:
            continue
        if i in worst and not (names[i] in rounded and _is_rounding(worst[i])):
            diagnosed = _diagnosed(worst[i], deadline, facts.get(i, []))
            is_certain = any(finding.sure == EXACTLY for finding in diagnosed)
            findings += diagnosed if is_certain or names[i] not in guessed else [guessed[names[i]]]
        elif i in seen.misshapen and i not in worst and is_measurable(seen.problem, i):
            true = measure_gradient(seen.problem, i)
            findings += [_completed(f) for f in diagnose(seen.problem, i, seen.misshapen[i], true)]
    told_of = {name for finding in (*findings, *seen.findings) for name in str(finding.argument).split(" and ")}
    for i, gradient in seen.misshapen.items():
        if names[i] not in told_of | structural and None not in named:
            text = f"the gradient of {names[i]} has shape {gradient.shape}, at inputs a little beside the given ones"
            findings.append(_completed(Finding(names[i], "shape", text, sure=EXACTLY)))
    if not any(finding.kind == "not_repeatable" for finding in seen.findings):
        findings += _right_at_first(seen, findings)
    unstable = {finding.argument for finding in seen.findings if finding.kind == "not_repeatable"}
    findings = [f for f in findings if not (f.argument in unstable and f.kind in _UPSTREAM_KINDS)]
    explained = {finding.argument for finding in findings if finding.sure == EXACTLY} | unstable | rounded
    told = {(finding.argument, finding.kind) for finding in findings}
    for finding in seen.findings:
        follows = finding.kind in _CONSEQUENT_KINDS and bool(explained & {finding.argument, None})
        if not follows and (finding.argument, finding.kind) not in told:
            findings.append(finding)
    return sorted(findings, key=lambda finding: finding.kind not in (*KINDS_WITHOUT_NUMBERS, "not_repeatable"))


def _is_rounding(comparison: Comparison) -> bool:
    """Whether a gradient is wrong by its dtype alone: the digits of float32, or whole numbers."""
    whole = np.array_equal(comparison.gradient, np.trunc(comparison.gradient))
    return whole or comparison.error < 1e-4


def _from_catalogue(seen: Observations, like: str, options: Mapping[str, Any] | None) -> list[Finding]:
    """The mistake that does all that this backward does, or one for each argument that is wrong, whose other gradients
    are this backward's or right."""
    worst, names = seen.worst, seen.problem.names
    point = next(iter(worst.values())).problem if worst else seen.problem
    involved = {*worst, *seen.misshapen}
    involved |= {i for i, name in enumerate(names) if name in {finding.argument for finding in seen.findings}}
    if mistake := match(point, like, options):
        only = involved.pop() if len(involved) == 1 else None
        return [_named(mistake, point, only, worst)]
    each = ((i, match(point, like, options, arguments=[i])) for i in sorted({*worst, *seen.misshapen}))
    return [_named(mistake, point, i, worst) for i, mistake in each if mistake is not None]


def _named(mistake: Mistake, point: Problem, argument: int | None, worst: dict[int, Comparison]) -> Finding:
    evidence = worst[argument].evidence if argument is not None and argument in worst else Evidence()
    name = None if argument is None else point.names[argument]
    return _completed(Finding(name, mistake.kind, mistake.sentence, evidence, EXACTLY))


def _diagnosed(comparison: Comparison, deadline: float, facts: Sequence[str]) -> list[Finding]:
    """What the probes say of a wrong gradient; where they recognise nothing, that it is wrong, and where."""
    point, i = comparison.problem, comparison.argument
    name, size = point.names[i], point.inputs[i].size
    if not comparison.is_entrywise:
        text = f"the gradient of {name} disagrees with the slope of forward along random directions"
        advice = f"{name} has {size:,} entries, too many for a diagnosis; give smaller arrays of the same kind"
        return [Finding(name, "wrong", text, comparison.evidence, EXACTLY, advice)]
    findings = _held(diagnose(point, i, comparison.gradient, comparison.true, deadline=deadline), point, i, deadline)
    if facts and not any(f.sure == EXACTLY for f in findings):
        known = "; ".join(facts)
        findings = [replace(f, sentence=f"{f.sentence}; {known}") for f in findings[:1]] + findings[1:]
        findings = findings or [Finding(name, "wrong", f"the gradient of {name} is wrong: {known}", sure=CONSISTENT)]
    if not findings:
        text = f"the gradient of {name} is not the slope of forward, and looks like no mistake that is known here"
        findings = [Finding(name, "wrong", text, sure=CONSISTENT)]
    return [_completed(finding, comparison.evidence) for finding in findings]


def _together(seen: Observations, deadline: float) -> tuple[list[Finding], dict[int, list[str]]]:
    """What is wrong with several gradients at once, or with one, by the code of both passes; and what is known of
    those of which this does not tell."""
    worst = seen.worst
    rounded = {finding.argument for finding in seen.findings if finding.kind == "dtype"}
    worst = {i: j for i, j in worst.items() if not (seen.problem.names[i] in rounded and _is_rounding(j))}
    if not worst or seen.misshapen or not all(j.is_entrywise for j in worst.values()):
        return [], {}
    point = max((j.problem for j in worst.values()), key=lambda p: sum(j.problem is p for j in worst.values()))
    true = {i: j.true for i, j in worst.items() if j.problem is point}
    found = []
    causes, facts = find_causes_together(point, true, seen.problem, deadline)
    for cause in causes:
        names = " and ".join(point.names[i] for i in sorted(cause.arguments))
        evidence = worst[min(cause.arguments)].evidence if min(cause.arguments) in worst else Evidence()
        finding = Finding(names, cause.kind, cause.sentence, evidence, EXACTLY if cause.is_exact else CONSISTENT)
        alone = worst.get(min(cause.arguments)) if len(cause.arguments) == 1 else None
        finding = _as_a_whole(finding, alone) if alone is not None else finding
        found.append(finding if cause.says_where else _completed(finding))
    return found, facts


def _as_a_whole(finding: Finding, comparison: Comparison) -> Finding:
    """The finding after what is seen of the gradient as a whole: its sign turned, a constant factor, no upstream."""
    if not comparison.is_entrywise:
        return finding
    point, i = comparison.problem, comparison.argument
    whole = diagnose(point, i, comparison.gradient, comparison.true, stages=WHOLE_STAGES)
    first = next((f for f in whole if f.sure == EXACTLY), None)
    if first is None:
        return finding
    return replace(finding, kind=first.kind, sentence=f"{first.sentence}; {finding.sentence}")


def _held(findings: list[Finding], point: Problem, argument: int, deadline: float) -> list[Finding]:
    """The findings; what does not hold with other lengths is not exact."""
    other = redrawn(point) if any(finding.sure == EXACTLY for finding in findings) else None
    if other is None:
        return findings
    try:
        got = other.gradients()[argument]
    except Exception:  # a backward that is made for these lengths
        return findings
    if got is None or got.shape != other.inputs[argument].shape:
        return findings
    kinds_there = set()
    if time.thread_time() < deadline:
        there = diagnose(other, argument, got, measure_gradient(other, argument), deadline=deadline)
        kinds_there = {finding.kind for finding in there if finding.sure == EXACTLY}
    return [f if f.kind in kinds_there or f.sure != EXACTLY else replace(f, sure=CONSISTENT) for f in findings]


def _completed(finding: Finding, evidence: Evidence | None = None) -> Finding:
    """A finding with the evidence, and with the advice for its kind, where it has none of its own."""
    if finding.evidence != Evidence() or evidence is None:
        evidence = finding.evidence
    return replace(finding, evidence=evidence, next=finding.next or kinds[finding.kind].next)


def _right_at_first(seen: Observations, findings: Sequence[Finding]) -> list[Finding]:
    """Gradients that are right at the inputs that were given and wrong elsewhere."""
    found = []
    for i, comparison in seen.worst.items():
        name = seen.problem.names[i]
        if seen.comparisons[i][0].is_right and "wrong_place" not in {f.kind for f in findings if f.argument == name}:
            text = (
                f"the gradient of {name} is right at the inputs that were given, where its error cannot show, and "
                "wrong where they are moved a little"
            )
            found.append(_completed(Finding(name, "wrong_place", text, sure=EXACTLY), comparison.evidence))
    return found
