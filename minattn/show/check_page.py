"""The page of a backward pass that was checked: its numbers beside the right ones, term by term."""

import re
from dataclasses import replace
from typing import Any

import numpy as np

from ..backend import Array
from ..check.comparison import Comparison, compare
from ..check.problem import Problem
from ..check.report import Report
from ..errors import InputError
from ..trace import Place
from .number_page import NumberPage, built
from .page_data import as_data, encoded
from .part_recorder import PartRecorder, RecordedPart
from .recording import Recording, finished

_MOST_NUMBERS = 200_000
"""The most numbers of a Jacobian that a page carries, of one argument."""


def check_page(report: Report, *, language: str = "en") -> NumberPage:
    """The page of a checked backward pass: wrong cells are marked, and their terms stand beside the right ones.

    A gradient is a sum over the outputs, each upstream times a slope. The right slopes are those that the check has
    measured; the others are what backward makes of an upstream that is 1 at one output and 0 elsewhere.

    Args:
        report: of `minattn.check.check_backward` and its like
        language: "en" or "zh"
    Raises:
        InputError: there is nothing to show: no gradient came, or the arrays are too large to compare entry by entry
    """
    shown = [c for c in report.comparisons if c.is_entrywise]
    if not shown:
        raise InputError("there is no page of this check: no gradient was compared entry by entry; give smaller arrays")
    wrong = [c for c in shown if not c.is_right] or shown
    point = max((c.problem for c in wrong), key=lambda p: sum(c.problem is p for c in wrong))
    data = check_data(point, report.name)
    data["named"] = _named(data, [finding.sentence for finding in report.findings])
    data["findings"] = [finding.told for finding in report.findings]
    return built([data], f"{report.name}, number by number", (), language)


def check_data(point: Problem, title: str) -> dict[str, Any]:
    """Both passes of a problem for the page, with the right gradients beside its own."""
    with np.errstate(all="ignore"):  # of wrong code
        return _check_data(point, title)


def _check_data(point: Problem, title: str) -> dict[str, Any]:
    gradients = point.gradients()
    recording = record_check(point, gradients, title)
    data = as_data(recording)
    data["right"] = {}
    for i in point.arguments:
        if (gradient := gradients[i]) is not None and gradient.shape == point.inputs[i].shape:
            place = data["outputs"][f"gradient {point.names[i]}"]
            data["right"][str(place)] = _beside(compare(point, i, gradient))
    return data


def record_check(point: Problem, gradients: list[Array | None], title: str) -> Recording:
    """Both passes of a problem, step by step; where they cannot be followed, inputs, upstream and gradients alone."""
    for follows in (True, False):
        recorder = PartRecorder({}, {})
        arrays = {i: x for i, x in enumerate(point.inputs) if isinstance(x, np.ndarray)}
        with recorder.device(), np.errstate(all="ignore"):
            followed = {i: recorder.named(point.names[i], x) for i, x in arrays.items()}
            upstream = recorder.named("g", point.upstream)
            start = len(recorder.steps)
            returned: list[int | None] = []
            output: int | None = None
            if follows:
                try:
                    output, start, returned = _run(
                        recorder, point, {i: x._step for i, x in followed.items()}, upstream._step
                    )
                except Exception:  # whatever a stranger's code raises on what is not an array
                    continue
        outputs = {} if output is None else {"y": output}
        places = range(len(point.inputs)) if len(returned) == len(point.inputs) else point.arguments
        step_of = dict(zip(places, returned, strict=False))
        for i in point.arguments:
            gradient = gradients[i]
            if gradient is None:
                continue
            step = step_of.get(i)
            if step is None or not np.array_equal(recorder.values[step], gradient, equal_nan=True):
                step = recorder.put(gradient)._step
            elif step in outputs.values():  # two arguments get one array: each has its own name, and its own marks
                step = recorder.apply("copy", np.copy, (recorder.stand_in(step),), {})._step
                recorder.steps[step] = replace(recorder.steps[step], place=Place("", 0, 0))
            outputs[f"gradient {point.names[i]}"] = step
            recorder.names.setdefault(step, f"d{point.names[i]}")
        part = RecordedPart(title, "")
        made = [k for k, step in enumerate(recorder.steps) if step.name != "input"]
        part.forward, part.backward = [k for k in made if k < start], [k for k in made if k >= start]
        part.upstream = upstream._step
        recorder.parts = {0: part}
        return finished(recorder, title, outputs)
    raise AssertionError("the second round follows nothing, and cannot fail")


def _run(
    recorder: PartRecorder, point: Problem, steps: dict[int, int], upstream: int
) -> tuple[int | None, int, list[int | None]]:
    """Run both passes on what is followed: the step of forward's output, the first of backward, and those returned."""
    code = point.code or point
    point.randomness.rewind()
    forward, backward = recorder.follow(lambda: (code.forward, code.backward))()

    def inputs() -> list[Any]:
        return [recorder.stand_in(steps[i]) if i in steps else x for i, x in enumerate(point.inputs)]

    y = forward(*inputs())
    start = len(recorder.steps)
    result = backward(recorder.stand_in(upstream), *inputs())
    items = result if isinstance(result, tuple | list) else (result,)
    return getattr(y, "_step", None), start, [getattr(item, "_step", None) for item in items]


def _beside(comparison: Comparison) -> dict[str, Any]:
    """The right gradient, the entries that are wrong, and the slopes, right and as backward has them."""
    true, point = comparison.true, comparison.problem
    found: dict[str, Any] = {
        "value": encoded(np.nan_to_num(true.value)),
        "wrong": np.flatnonzero(comparison.wrong).tolist(),
    }
    if true.jacobian is not None and true.jacobian.size <= _MOST_NUMBERS and found["wrong"]:
        slopes = np.nan_to_num(true.jacobian)
        found["slopes"] = encoded(np.where(np.abs(slopes) > 1e-9 * np.abs(slopes).max(initial=0), slopes, 0))
        own = _slopes(point, comparison.argument)
        if own is not None:
            constant, own_slopes = own
            total = constant + point.upstream.reshape(-1) @ own_slopes
            if np.allclose(total, comparison.gradient.reshape(-1), rtol=1e-6, atol=1e-9):
                found |= {"own": encoded(own_slopes), "constant": encoded(constant)}
    return found


def _slopes(point: Problem, argument: int) -> tuple[Array, Array] | None:
    """What backward gives for an upstream of 0, (size,), and by how much more for one of 1 at each output, (outputs,
    size); None where it fails or is not finite.
    """
    rows = []
    size = point.upstream.size
    for one in np.concatenate([np.zeros((1, size)), np.eye(size)]):
        try:
            row = point.gradients(upstream=one.reshape(point.upstream.shape))[argument]
        except Exception:  # a stranger's code
            return None
        if row is None or row.shape != point.inputs[argument].shape or not np.isfinite(row).all():
            return None
        rows.append(row.reshape(-1))
    return rows[0], np.array(rows[1:]).reshape(size, -1) - rows[0]


def _named(data: dict[str, Any], sentences: list[str]) -> list[int]:
    """The steps whose expression and line a finding names."""
    first = (re.search(r"`([^`]+)` \(line (\d+)\)", sentence) for sentence in sentences)
    wanted = {(match[1], int(match[2])) for match in first if match}
    places = [k for k, place in enumerate(data["places"]) if (place[5], place[1]) in wanted]
    return [k for k, step in enumerate(data["steps"]) if step.get("at") in places]
