"""What `minattn check` does."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..check.catalogue import find_op
from ..check.entry import check_backward, check_op
from ..check.op_check import merged
from ..check.report import Report
from ..check.user_file import UserFile, load_user_file
from ..errors import InputError
from ..ops import registry


def check_command(target: str | None, everything: bool, as_json: bool, with_curve: bool = False, seed: int = 0) -> int:
    """Check what a name or a file says and print the report; all registered ops, a line each, without a target.

    target: a registered op, FILE.py, or FILE.py:NAME. Returns the exit code: 0 right, 1 wrong or not proven. What the
    file prints goes to standard error where JSON is wanted. Raises InputError for what cannot be checked.
    """
    if everything and target is not None:
        raise InputError(f"--all checks every registered op; leave out {target}, or --all")
    if target is None:
        return _check_all(as_json, seed)
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        report = _stopping(lambda: _check_target(target, seed))
    if as_json:
        print(json.dumps(report.to_dict(), indent=1, ensure_ascii=False))
    else:
        print(report)
    if with_curve and not as_json:
        try:
            print(f"\n{report.curve()}")
        except InputError as error:  # there is nothing to draw
            print(f"\nnote: {error}")
    return 0 if report.ok else 1


def _check_target(target: str, seed: int) -> Report:
    path, _, name = target.partition(".py:")
    if path != target or target.endswith(".py"):
        path = path if path == target else f"{path}.py"
        return _check_file(load_user_file(Path(path), name or None, seed), path, seed)
    if Path(target).is_file():
        raise InputError(f"{target} is a file, but no Python file; expected FILE.py or the name of an op")
    return check_op(find_op(target), seed=seed)


def _check_file(loaded: UserFile, path: str, seed: int) -> Report:
    """Check what a file has: on its own inputs, else on the samples of the op that it is like."""
    if loaded.inputs is None and loaded.like is None:
        raise InputError(
            f"{path} has no inputs to check on; add, after its imports, for example "
            "inputs = (np.random.default_rng(0).normal(size=(3, 4)),), or the name of an op: like = 'softmax'"
        )
    if loaded.op is not None:
        report = check_op(loaded.op, loaded.inputs, loaded.like, seed)
    elif loaded.inputs is not None:
        report = check_backward(loaded.forward, loaded.backward, loaded.inputs, loaded.like, seed=seed)
    else:
        report = _check_on_samples(loaded, seed)
    if loaded.inputs is None and loaded.is_like_guessed:
        note = f"it was checked on the samples of {loaded.like}, after its name; inputs = (…) in the file says others"
        report = replace(report, notes=(*report.notes, note))
    return replace(report, name=loaded.title)


def _check_on_samples(loaded: UserFile, seed: int) -> Report:
    """Check plain functions on those samples of a registered op that forward takes."""
    assert loaded.like is not None
    reports = []
    refusal: InputError | None = None
    for sample in registry[find_op(loaded.like)].samples(np.random.default_rng(seed)):
        try:
            report = check_backward(loaded.forward, loaded.backward, sample.inputs, loaded.like, seed=seed)
            reports.append(replace(report, name=sample.name))
        except InputError as error:  # forward does not take so many inputs, or these shapes
            refusal = refusal or error
    if not reports:
        raise InputError(f"forward takes none of the samples of {loaded.like}: {refusal}; add inputs = (…) to the file")
    return merged(loaded.title, reports)


def _stopping(check: Callable[[], Report]) -> Report:
    """The report, unless the code that is checked stops Python."""
    try:
        return check()
    except SystemExit:
        raise InputError("the code that is checked stops Python; leave out exit() and quit()") from None


def _check_all(as_json: bool, seed: int) -> int:
    reports = {}
    for name in registry:
        reports[name] = check_op(name, seed=seed)
        if not as_json:
            print(_line(reports[name]), flush=True)
    wrong = [name for name, report in reports.items() if not report.ok]
    if as_json:
        print(json.dumps({"ok": not wrong, "ops": [r.to_dict() for r in reports.values()]}, indent=1))
    else:
        count = f"{len(reports)} ops"
        print(f"\n{count}: all right" if not wrong else f"\n{count}: {len(wrong)} wrong; see minattn check {wrong[0]}")
    return 1 if wrong else 0


def _line(report: Report) -> str:
    """A report in a line."""
    verdict = {True: "right", False: "WRONG", None: "not proven"}[report.ok]
    if report.findings:
        return f"{report.name:26}{verdict:12}{report.findings[0].kind}: {report.findings[0].sentence}"
    worst = max((row.error for row in report.arguments), default=0.0)
    inputs = ", ".join(row.name for row in report.arguments)
    return f"{report.name:26}{verdict:12}largest error {worst:.0e} in the gradients of {inputs}"
