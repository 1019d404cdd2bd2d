"""`minattn check`: registered ops, or a backward pass in a file, with what is wrong and why."""

import argparse
import contextlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..check.catalogue import find_op
from ..check.entry import check_backward, check_op
from ..check.op_check import merged
from ..check.other_libraries import check_autograd_function, check_custom_vjp
from ..check.report import Report
from ..check.user_file import UserFile, load_user_file
from ..errors import InputError
from ..ops import registry
from ..terminal import print_wrapped, width_of
from .options import add_usual, print_json

EXAMPLES = """examples:
  minattn check                   every op, a line for each
  minattn check softmax           one of them, by its name
  minattn check mine.py           forward(*inputs), and
                                  backward(upstream, *inputs)
  minattn check mine.py:Softmax   a class in a file
  minattn check mine.py:softmax   softmax_forward and
                                  softmax_backward in it
  minattn check mine.py:Softmax   or a function of PyTorch
                                  or JAX with its backward

The file says on which inputs: inputs = (array, array), or
like = "softmax" for those of a registered op, whose
mistakes are then looked for too.
Exit code 0: right; 1: wrong, or not proven; 2: nothing that
can be checked."""


def add_check(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `minattn check` its options."""
    parser.add_argument("target", nargs="?", metavar="OP|FILE.py[:NAME]", help="a registered op, or a file of your own")
    parser.add_argument("--all", action="store_true", help="every registered op, a line for each")
    add_usual(parser, "the report", textbook=False)
    parser.add_argument(
        "--curve", action="store_true", help="draw error against step size: a V if right, flat if wrong"
    )
    parser.add_argument("--html", metavar="FILE", help="write a page of the numbers beside the right ones")


def run_check(options: argparse.Namespace, seed: int = 0) -> int:
    """Check what was named and print the report. Returns the exit code: 0 right, 1 wrong or not proven.

    What a file prints goes to standard error where JSON is wanted. Raises InputError for what cannot be checked.
    """
    target: str | None = options.target
    if options.all and target is not None:
        raise InputError(f"--all checks every registered op; leave out {target}, or --all")
    if target is None:
        if options.html:
            raise InputError("--html shows one backward pass; name an op or a file")
        return _check_all(options.json, seed)
    with contextlib.redirect_stdout(sys.stderr) if options.json else contextlib.nullcontext():
        try:
            report = _check_target(target, seed)
        except SystemExit:
            raise InputError("the code that is checked stops Python; leave out exit() and quit()") from None
    if options.html:
        from ..show import check_page

        page = check_page(report).save(options.html)
        print_wrapped(f"the numbers, each explained: {page}\n", stream=sys.stderr if options.json else sys.stdout)
    if options.json:
        print_json(report.to_dict())
        return 0 if report.ok else 1
    print(report.text(min(width_of(sys.stdout), 100), sys.stdout.isatty()))
    if options.curve:
        try:
            print_wrapped(f"\n{report.curve()}")
        except InputError as error:  # there is nothing to draw
            print()
            print_wrapped(f"note: {error}")
    return 0 if report.ok else 1


def _check_target(target: str, seed: int) -> Report:
    path, _, name = target.partition(".py:")
    if path != target or target.endswith(".py"):
        path = path if path == target else f"{path}.py"
        return _check_file(load_user_file(Path(path), name or None, seed), path, seed)
    if Path(target).exists() and not Path(target).is_dir():
        raise InputError(f"{target} is a file, but no Python file; expected FILE.py or the name of an op")
    try:
        return check_op(find_op(target), seed=seed)
    except InputError:
        if Path(f"{target}.py").is_file():
            raise InputError(f"{target} is no op; did you mean {target}.py?") from None
        raise


def _check_file(loaded: UserFile, path: str, seed: int) -> Report:
    """Check what a file has: on its own inputs, else on the samples of the op that it is like."""
    if loaded.inputs is None and loaded.like is None:
        raise InputError(
            f"{path} has no inputs to check on; add, after its imports, for example "
            "inputs = (np.random.default_rng(0).normal(size=(3, 4)),), or the name of an op: like = 'softmax'"
        )
    if loaded.function is not None:
        check = check_autograd_function if isinstance(loaded.function, type) else check_custom_vjp
        if loaded.inputs is None:
            raise InputError(f"{path} has no inputs to check on; add inputs = (…) to the file")
        report = check(loaded.function, loaded.inputs, seed=seed)
    elif loaded.op is not None:
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


def _check_all(as_json: bool, seed: int) -> int:
    """Check every registered op, and print a line for each, or as many as a narrow terminal needs for it."""
    reports = {}
    for name in registry:
        reports[name] = report = check_op(name, seed=seed)
        if as_json:
            continue
        verdict = {True: "right", False: "WRONG", None: "not proven"}[report.ok]
        if report.findings:
            told = f"{report.findings[0].kind}: {report.findings[0].sentence}"
        else:
            worst = max((row.error for row in report.arguments), default=0.0)
            told = f"error at most {worst:.0e} in {', '.join(row.name for row in report.arguments)}"
        print_wrapped(told, f"{report.name:26}{verdict:12}")
    wrong = [name for name, report in reports.items() if not report.ok]
    if as_json:
        print_json({"ok": not wrong, "ops": [report.to_dict() for report in reports.values()]})
    else:
        found = f"{len(wrong)} wrong; see minattn check {wrong[0]}" if wrong else "all right"
        print_wrapped(f"\n{len(reports)} ops: {found}")
    return 1 if wrong else 0
