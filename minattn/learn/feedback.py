"""Feedback that rises with the tries: first where an answer is wrong, then which mistake it is, then the formula."""

import re
import zlib

import numpy as np

from ..check import check_backward
from ..check.mistake_kinds import kinds
from .course import Exercise
from .gap import gap_of
from .verdict import Remark, Verdict

WHERE, MISTAKE, FORMULA = 1, 2, 3
"""The steps: which argument is wrong, where, and of which kind; the mistake in words; what belongs there."""

ALWAYS = ("your line", "your forward")
"""Remarks that are no help in deriving: what Python says, and that the template is no longer whole."""

FORMULA_BEGINS = re.compile(r"[:;] |,? where (?=.*belongs?\b)|, where |, as | in (?:the )?place of | instead of ")


def text_checked(source: str) -> str:
    """A word that tells the text between the marks from another, so that a second look at it is no second try."""
    return f"{zlib.crc32((gap_of(source) or source).encode(errors='replace')):08x}"


def before_formula(text: str) -> str:
    """The beginning of a diagnosis, which says what is wrong, without what should be there.

    >>> before_formula("exactly this: The slope is taken as 1 - c; it is 1 - c².")
    'exactly this: The slope is taken as 1 - c.'
    """
    start = re.match(r"(?:\w+: )?(?:exactly this|it looks like this): |", text)
    opening = start.group() if start else ""
    rest = text[len(opening) :]
    said = FORMULA_BEGINS.split(rest, maxsplit=1)[0]
    return opening + (rest if said == rest else said.rstrip(" ,") + ".")


def told(exercise: Exercise, verdict: Verdict, step: int) -> Verdict:
    """A verdict with as much of its diagnosis as is told at a step; errors, and what is right, are told whole.

    Args:
        exercise: that was checked
        verdict: all there is to say
        step: WHERE, MISTAKE or FORMULA
    """
    if verdict.result != "wrong" or step >= FORMULA:
        return verdict
    remarks = [_brief(remark) for remark in verdict.remarks if remark.label in ALWAYS or step >= MISTAKE]
    if step == WHERE and (kind := kind_of(exercise, verdict)):
        remarks.append(Remark("kind", kind))
    is_diagnosis = any(verdict.sentence in remark.text for remark in verdict.remarks)
    return verdict._replace(
        sentence=before_formula(verdict.sentence) if is_diagnosis else verdict.sentence, remarks=tuple(remarks)
    )


def _brief(remark: Remark) -> Remark:
    text = remark.text if remark.brief is None else remark.brief
    return Remark(remark.label, before_formula(text) if remark.label == "diagnosis" else text)


def kind_of(exercise: Exercise, verdict: Verdict) -> str:
    """The kind of a mistake in words, "a wrong axis"; "" where it is not known."""
    kind = verdict.kind
    if kind == "known" and exercise.is_backward:
        said = [remark.text for remark in verdict.remarks]
        slip = next((slip for slip in exercise.mistakes if f"exactly this: {slip.text}" in said), None)
        kind = kind_of_slip(exercise, slip.gap) if slip else ""
    return kind.replace("_", " ") if kind in kinds else ""


def kind_of_slip(exercise: Exercise, gap: str) -> str:
    """What the gradient check calls one of the exercise's own mistakes."""
    inputs = exercise.draw(0)[-1][1:]
    with np.errstate(all="ignore"):
        report = check_backward(exercise.solved["forward"], exercise.run(gap)["backward"], inputs, like=exercise.like)
    return report.findings[0].kind if report.findings else ""
