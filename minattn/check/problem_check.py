"""The check of one problem: contract, numbers at several points, diagnosis, verdict."""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..backend import Array
from ..errors import InputError
from .catalogue import fitting_options
from .cause import Observations, find_causes
from .comparison import DIRECTIONS, Comparison, compare, compare_ties
from .contract import check_contract
from .curve import Curve, measure_curve, taylor_rate
from .error_location import describe_error
from .prepare import make_repeatable
from .problem import Problem, bolder_points, has_gradient, second_point
from .report import EXACTLY, ArgumentResult, Evidence, Finding, Report


def check_problem(
    problem: Problem,
    name: str,
    rng: np.random.Generator,
    notes: Sequence[str] = (),
    like: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Report:
    """Check a backward at the problem's point and at others.

    like: class name of the op whose mistakes are looked for; options: that op's, found if not given
    """
    try:
        all_notes = list(notes)
        settled = make_repeatable(problem)
        if settled is None:
            all_notes.append(
                "forward is not deterministic: two calls on the same inputs gave different outputs, so that there is "
                "no slope to compare with; draw random numbers from a numpy Generator that is an input, or made outside"
            )
            return Report(name, None, (), tuple(all_notes), (), _no_curve)
        problem = settled
        gradients, broken = check_contract(problem)
        seen = Observations(problem, {i: [] for i in problem.arguments}, findings=broken)
        _visit(seen, problem, gradients, problem.arguments)
        all_notes += _look_elsewhere(seen, rng)

        if like is not None and options is None:
            options = fitting_options(like, problem)
            if options is None:
                all_notes.append(f"forward gives something else than {like} does here; its mistakes were not compared")
                like = None
        if seen.worst or seen.misshapen or seen.findings:
            findings = find_causes(seen, like, options)
        else:
            by_point = zip(*(js[:2] for js in seen.comparisons.values()), strict=False)
            ties = [compare_ties(list(comparisons)) for comparisons in by_point]
            findings = [finding for finding in ties if finding is not None][:1]
        rows = [_row(seen, i, findings) for i in problem.arguments]
        all_notes += _lack_of_power(seen)
        ok = False if findings else True if any(row.ok for row in rows) else None
        left_out = tuple(_left_out(problem))
        shown = tuple(max(js, key=lambda j: not j.is_right) for js in seen.comparisons.values() if js)
        curve = partial(_curve, seen)
        return Report(name, ok, tuple(findings), tuple(all_notes), tuple(rows), curve, left_out, shown)
    finally:
        problem.randomness.rewind()  # as if nothing had been drawn


def _visit(seen: Observations, point: Problem, gradients: Sequence[Array | None], arguments: Sequence[int]) -> None:
    """Judge the gradients that came at a point, and sort out those that cannot be judged."""
    for i in arguments:
        gradient = gradients[i]
        if gradient is None:
            continue
        if gradient.shape != point.inputs[i].shape:
            seen.misshapen[i] = gradient
            continue
        comparison = compare(point, i, np.where(np.isfinite(gradient), gradient, 0.0))
        infinite = ~np.isfinite(gradient)
        if infinite.any() and (not comparison.is_entrywise or (infinite & comparison.true.is_known).any()):
            if not any(f.argument == point.names[i] and f.kind == "not_finite" for f in seen.findings):
                seen.findings.append(_not_finite(point, i, gradient, elsewhere=point is not seen.problem))
        else:
            seen.comparisons[i].append(comparison)


def _not_finite(point: Problem, argument: int, gradient: Array, elsewhere: bool) -> Finding:
    """NaN or infinity in a gradient, at entries where the slope of forward is a number."""
    name, bad = point.names[argument], ~np.isfinite(gradient)
    what = "NaN" if np.isnan(gradient).any() else "infinite"
    text = f"the gradient of {name} is {what} in {bad.sum():,} of {bad.size:,} entries"
    text += ", at inputs a little beside the given ones" if elsewhere else ""
    index = tuple(int(k) for k in np.argwhere(bad)[0])
    advice = "a division by zero, a log or a root at 0, exp of a large number, or inf - inf at a mask"
    evidence = Evidence(index, float(gradient[index]), None, float(bad.mean()))
    return Finding(name, "not_finite", text, evidence, EXACTLY, advice)


def _look_elsewhere(seen: Observations, rng: np.random.Generator) -> Iterator[str]:
    """Visit a second point, and others where an argument's true gradient has been about zero so far. Yields notes."""
    problem = seen.problem
    if any(finding.kind == "exception" for finding in seen.findings):
        return
    second = second_point(problem, rng)
    if second is None:
        yield "forward is not finite around these inputs, so that they are the only ones that were tried"
    points = bolder_points(problem, rng)
    todo = [(second, problem.arguments)] if second is not None else []
    while True:
        if not todo:
            powerless = [i for i, js in seen.comparisons.items() if _is_about_zero(js)]
            point = next(points, None) if powerless else None
            if point is None:
                return
            todo.append((point, powerless))
        point, arguments = todo.pop()
        try:
            gradients = point.gradients()
        except Exception as error:  # a stranger's code
            text = f"backward raised {describe_error(error)}, at other inputs than the given ones"
            seen.findings.append(Finding(None, "exception", text, sure=EXACTLY, next="that line"))
            return
        _visit(seen, point, gradients, arguments)


def _lack_of_power(seen: Observations) -> Iterator[str]:
    """What the check could not see."""
    for i, comparisons in seen.comparisons.items():
        name, x = seen.problem.names[i], seen.problem.inputs[i]
        if not x.size:
            yield f"{name} has no entries: there is nothing to check"
        elif comparisons and not any(j.has_power for j in comparisons):
            if _is_about_zero(comparisons) and not _is_huge(seen.problem, x):
                yield (
                    f"the true gradient of {name} is about zero everywhere, at each of {len(comparisons)} points: to "
                    f"agree with it proves nothing, because zeros agree too; let forward depend on {name}, by leaving "
                    "out a sum or a normalisation behind it, say"
                )
            else:
                yield _blurred(name, comparisons)
        if any(j.true.method.endswith("float32") for j in comparisons):
            yield f"forward computes in float32, in which the slope along {name} is known to about three digits only"
        unknown = max((int((~j.true.is_known).sum()) for j in comparisons), default=0)
        if unknown:
            entries = "an entry" if unknown == 1 else f"{unknown:,} entries"
            yield (
                f"forward is not finite beside {entries} of {name}, or has another shape there; the gradient there was "
                "not judged"
            )


def _blurred(name: str, comparisons: Sequence[Comparison]) -> str:
    blur = max((j.tolerance for j in comparisons if not j.true.is_about_zero), default=1.0)
    precision = "cannot be measured" if blur > 0.5 else f"can only be measured to one part in {1 / blur:.0f}"
    return (
        f"the slope of forward along {name} {precision}: forward is badly scaled, so that its change drowns in its "
        "rounding; smaller errors than this would not be seen"
    )


def _is_about_zero(comparisons: Sequence[Comparison]) -> bool:
    return bool(comparisons) and all(j.true.is_about_zero for j in comparisons)


def _is_huge(problem: Problem, x: Array) -> bool:
    """Whether the output is so large beside an input that a usual slope is lost in its rounding."""
    finite = problem.output[np.isfinite(problem.output)]
    return bool(np.abs(finite).max(initial=0.0) > 1e9 * np.abs(x).max(initial=1.0))


def _row(seen: Observations, argument: int, findings: Sequence[Finding]) -> ArgumentResult:
    comparisons, name = seen.comparisons[argument], seen.problem.names[argument]
    shape = seen.problem.inputs[argument].shape
    is_named = any(finding.argument == name or name in str(finding.argument).split(" and ") for finding in findings)
    if not comparisons:
        came = f"nothing: its shape is {seen.misshapen[argument].shape}" if argument in seen.misshapen else "nothing"
        return ArgumentResult(name, shape, "", came, math.nan, math.nan, 0, False if findings else None)
    methods = " and ".join(dict.fromkeys(j.true.method for j in comparisons))
    what = f"{comparisons[0].true.value.size:,} entries" if comparisons[0].is_entrywise else f"{DIRECTIONS} directions"
    checked = f"{what} × {len(comparisons)} point" + ("s" if len(comparisons) > 1 else "")
    wrong = max(int(j.wrong.sum()) for j in comparisons)
    ok = False if wrong or is_named else True if any(j.has_power for j in comparisons) else None
    error, tolerance = max(j.error for j in comparisons), max(j.tolerance for j in comparisons)
    first = comparisons[0]
    is_kinked = bool((first.true.low < first.true.high).any())
    rate = math.nan
    if first.gradient.shape == shape and not is_kinked:
        rate = taylor_rate(first.problem, argument, first.gradient)
    return ArgumentResult(name, shape, methods, checked, error, tolerance, wrong, ok, rate)


def _left_out(problem: Problem) -> Iterator[str]:
    """The inputs that have no gradient, and why."""
    for name, x in zip(problem.names, problem.inputs, strict=True):
        if not has_gradient(x):
            kind = getattr(x, "dtype", None)
            why = {"i": "whole numbers", "u": "whole numbers", "b": "True and False", "f": "not finite"}
            yield f"{name} ({why.get(kind.kind, kind.name) if kind is not None else type(x).__name__})"


def _curve(seen: Observations, argument: str | None) -> Curve:
    """The curve of the argument that is most wrong, or of the one that is asked for."""
    names = [seen.problem.names[i] for i, js in seen.comparisons.items() if js]
    if not names or (argument is not None and argument not in names):
        raise InputError(f"there is no curve for {argument or 'any argument'}; there is one for {names or 'none'}")
    if argument is None:
        shown = max((j for js in seen.comparisons.values() for j in js), key=lambda j: j.error)
    else:
        shown = max(seen.comparisons[seen.problem.names.index(argument)], key=lambda j: j.error)
    at_kink = shown.true.low < shown.true.high
    still = at_kink | ~shown.true.is_known if shown.is_entrywise else None
    return measure_curve(shown.problem, shown.argument, shown.gradient, shown.is_right, still)


def _no_curve(argument: str | None) -> Curve:
    raise InputError("there is no curve of a forward that is not deterministic")
