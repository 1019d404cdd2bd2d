"""Checking an op: on given inputs, or on the samples of a registered one."""

import copy
import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import Array
from ..errors import InputError
from ..ops import GradientError, Op, registry, sum_to_shape
from .prepare import prepare
from .problem import SEED_SALT
from .problem_check import check_problem
from .report import ArgumentResult, Report


class OpPasses:
    """The two passes of an op. A new op runs forward each time; backward asks the one that ran last."""

    def __init__(self, op: Op) -> None:
        self.op = self.last = op

    def forward(self, *inputs: Any) -> Array:
        """The op's output, and what its backward needs."""
        self.last = copy.copy(self.op)
        return self.last(*inputs)

    def backward(self, upstream: Array, *inputs: Any) -> Any:
        """The op's gradients, summed over what was broadcast; what is no gradient is handed on, to be judged."""
        try:
            return self.last.gradients(upstream)
        except GradientError:
            returned = self.last.backward(upstream)
        if self.op.broadcasts and isinstance(returned, tuple) and len(returned) == len(inputs):
            pairs = zip(returned, inputs, strict=True)
            return tuple(sum_to_shape(g, np.shape(x)) if isinstance(g, np.ndarray) else g for g, x in pairs)
        return returned


def check_once(op: Op, inputs: Sequence[Any], name: str, like: str | None, seed: int) -> Report:
    """Check an op on these inputs. like: class name of a registered op whose mistakes are looked for."""
    passes, rng = OpPasses(op), np.random.default_rng([seed, SEED_SALT])
    problem, notes = prepare(passes.forward, passes.backward, inputs, input_names(op, len(inputs)), rng)
    options = options_of(op) if like is not None and type(op) is registry[like].op else None
    return check_problem(problem, name, rng, notes, like, options)


def check_on_samples(op: Op | type[Op], like: str, seed: int) -> Report:
    """Check an op on those samples of a registered one that it takes; a class with the options of each sample.

    Raises InputError where it takes none of them.
    """
    name = op.__name__ if isinstance(op, type) else type(op).__name__
    reports = []
    refusal: Exception | None = None
    for sample in registry[like].samples(np.random.default_rng(seed)):
        try:
            made = op(**sample.options) if isinstance(op, type) else op
            reports.append(check_once(made, sample.inputs, sample.name, like, seed))
        except (InputError, TypeError) as error:  # options, or shapes, that are another sample's
            refusal = error
    if not reports:
        raise InputError(f"{name} takes none of the samples of {like}: {refusal}") from refusal
    return merged(name, reports)


def input_names(op: Op | type[Op], count: int) -> list[str]:
    """The names of an op's inputs: those of the parameters of its forward, or x1, x2, …"""
    parameters = [p for name, p in inspect.signature(op.forward).parameters.items() if name != "self"]
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return [f"x{i + 1}" for i in range(count)]
    return [p.name for p in parameters][:count]


def options_of(op: Op) -> dict[str, Any]:
    """What an op was built with, as far as it keeps it under the names of its parameters."""
    wanted = [name for name in inspect.signature(type(op)).parameters if name in vars(op)]
    return {name: copy.deepcopy(vars(op)[name]) for name in wanted}


def merged(name: str, reports: Sequence[Report]) -> Report:
    """The reports on an op's samples as one. Findings are those of the first sample that is wrong, which is named.

    An argument whose gradient is zero on one sample, and is checked on another, is checked; a note that holds on every
    sample is kept.
    """
    wrong = [report for report in reports if report.ok is False]
    notes = [note for note in reports[0].notes if all(note in report.notes for report in reports)]
    if wrong and len(reports) > 1:
        notes.insert(0, f"wrong on {len(wrong)} of {len(reports)} samples; the first of them is {wrong[0].name!r}")
    rows: dict[str, list[ArgumentResult]] = {}
    for report in wrong[:1] or reports:
        for row in report.arguments:
            rows.setdefault(row.name, []).append(row)
    ok = False if wrong else True if any(report.ok for report in reports) else None
    arguments = tuple(_merged_row(same) for same in rows.values())
    first = (wrong or reports)[0]
    left_out = tuple(dict.fromkeys(item for report in reports for item in report.left_out))
    findings = wrong[0].findings if wrong else ()
    return Report(name, ok, findings, tuple(notes), arguments, first.measure, left_out, first.comparisons)


def _merged_row(rows: list[ArgumentResult]) -> ArgumentResult:
    if len(rows) == 1:
        return rows[0]
    oks = {row.ok for row in rows}
    return ArgumentResult(
        rows[0].name,
        rows[0].shape,
        " and ".join(dict.fromkeys(row.method for row in rows if row.method)),
        f"{len(rows)} samples",
        max(row.error for row in rows),
        max(row.tolerance for row in rows),
        max(row.wrong for row in rows),
        False if False in oks else True if True in oks else None,
    )
