"""The contract: what a backward owes besides right numbers."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..backend import Array
from .error_location import describe_error
from .problem import Problem, as_gradients, as_items, copies, has_gradient
from .report import EXACTLY, Evidence, Finding


@np.errstate(all="ignore")  # NaN and infinity are looked for elsewhere, not warned of
def check_contract(problem: Problem) -> tuple[list[Array | None], list[Finding]]:
    """Run both passes a few times and look at everything but whether the numbers are right.

    Returns: the gradients that came, one an input, None where there is none to be judged; and what is wrong besides.
    """
    inputs, g = copies(problem.inputs), problem.upstream.copy()
    findings: list[Finding] = []
    problem.randomness.rewind()
    output = np.asarray(problem.forward(*inputs))
    before = output.copy()
    findings += _changed(problem, inputs, "forward")
    given = copies(problem.inputs)
    try:
        returned = problem.backward(g, *given)
        gradients = as_gradients(returned, problem.inputs)
        findings += _changed(problem, given, "backward")
        findings += _wrong_structure(problem, returned)
        findings += _shared_memory(problem, returned, [*inputs, *given], output)
        if not np.array_equal(g, problem.upstream, equal_nan=True):
            text = "backward changed the upstream gradient in place; whoever else uses it now gets other numbers"
            findings.append(_found("the upstream", "modified_input", text, "work on a copy: g = g.copy()"))
        twice = as_gradients(problem.backward(problem.upstream.copy(), *copies(problem.inputs)), problem.inputs)
        findings += _repeated(problem, gradients, twice)
        findings += _unchanged(problem, output, before)
        findings += _linear(problem, gradients)
    except Exception as error:  # whatever a stranger's code raises is a finding, not our failure
        findings.append(_found(None, "exception", f"backward raised {describe_error(error)}", "that line"))
        return [None] * len(problem.inputs), findings
    return gradients, findings


def _found(argument: str | None, kind: str, sentence: str, next: str, evidence: Evidence | None = None) -> Finding:
    return Finding(argument, kind, sentence, evidence or Evidence(), EXACTLY, next)


def _changed(problem: Problem, passed: tuple[Any, ...], by: str) -> Iterator[Finding]:
    """Inputs that a pass has changed."""
    for name, x, now in zip(problem.names, problem.inputs, passed, strict=True):
        if isinstance(x, np.ndarray) and not np.array_equal(x, now, equal_nan=x.dtype.kind == "f"):
            sentence = f"{by} changed its input {name} in place; the caller's array is another one afterwards"
            advice = f"an assignment to {name}[...], or {name} += …, -=, *=, /= or out={name}; make a new array instead"
            yield _found(name, "modified_input", sentence, advice)


def _wrong_structure(problem: Problem, returned: Any) -> Iterator[Finding]:
    """Number, type, shape and dtype of what backward returned."""
    named = zip(problem.names, problem.inputs, strict=True)
    wanted = ", ".join(f"d{name}" if has_gradient(x) else "None" for name, x in named)
    how = f"backward must return {wanted}" if len(problem.inputs) == 1 else f"backward must return the tuple ({wanted})"
    count = len(problem.inputs)
    if returned is None:
        yield _found(None, "no_gradient", f"backward returned None; {how}", "is there a return statement at its end?")
        return
    if isinstance(returned, dict):
        yield _found(None, "not_an_array", f"backward returned a dict; {how}", "its return statement")
        return
    items = as_items(returned, count)
    if items is returned:
        yield _found(None, "not_an_array", f"backward returned a list of {count}; {how}", "its return statement")
    if len(items) != count:
        came = "1 gradient" if len(items) == 1 else f"{len(items)} gradients"
        inputs = "1 input" if count == 1 else f"{count} inputs"
        yield _found(None, "wrong_count", f"backward returned {came} for {inputs}; {how}", "its return statement")
        items = _spread(problem, items)
    for name, x, item in zip(problem.names, problem.inputs, items, strict=False):
        if has_gradient(x):
            yield from _wrong_form(name, x, item)


def _spread(problem: Problem, items: list[Any]) -> list[Any]:
    """The items at the inputs that have gradients, if there are as many; else nothing to look at."""
    if len(items) != len(problem.arguments):
        return []
    remaining = iter(items)
    return [next(remaining) if has_gradient(x) else None for x in problem.inputs]


def _wrong_form(name: str, x: Array, item: Any) -> Iterator[Finding]:
    """One gradient: an array of numbers, of its input's shape and dtype."""
    if item is None:
        text = f"backward returned None for {name}, which has real numbers and so a gradient of shape {x.shape}"
        yield _found(name, "no_gradient", text, "None is for whole numbers and masks only")
        return
    if not isinstance(item, np.ndarray | np.floating) and not (isinstance(item, float) and x.ndim == 0):
        text = f"the gradient of {name} is {_a(item)}, expected an array of shape {x.shape}"
        yield _found(name, "not_an_array", text, "np.asarray, or where the array got lost on the way")
        return
    array = np.asarray(item)
    if array.dtype != x.dtype:
        why = ": fractions are cut off" if array.dtype.kind in "iu" else ""
        text = f"the gradient of {name} has dtype {array.dtype}, but {name} has {x.dtype}{why}"
        yield _found(name, "dtype", text, "where an array is made without dtype, with another one, or with astype")
    if array.shape != x.shape:
        text = f"the gradient of {name} has shape {array.shape}, but {name} has shape {x.shape}; they must be the same"
        yield _found(name, "shape", text, "a sum over broadcast axes, a transpose, or keepdims")


def _shared_memory(problem: Problem, returned: Any, inputs: list[Any], output: Array) -> Iterator[Finding]:
    """Gradients that lie in the same memory as another one, an input, or the output. The upstream may be handed on."""
    items = returned if isinstance(returned, tuple | list) else (returned,)
    names = problem.names if len(items) == len(problem.names) else tuple(problem.names[i] for i in problem.arguments)
    gradients = [(name, x) for name, x in zip(names, items, strict=False) if isinstance(x, np.ndarray)]
    others = [(name, x) for name, x in zip(problem.names * 2, inputs, strict=True) if isinstance(x, np.ndarray)]
    for i, (name, gradient) in enumerate(gradients):
        near = [(f"the gradient of {other}", x) for other, x in gradients[:i]]
        near += [(f"the input {other}", x) for other, x in others] + [("forward's output", output)]
        for other, x in near:
            if np.shares_memory(gradient, x):
                text = f"the gradient of {name} shares its memory with {other}: adding to one in place changes both"
                yield _found(name, "shares_memory", text, "return a copy: .copy()")
                break


def _repeated(problem: Problem, first: list[Array | None], second: list[Array | None]) -> Iterator[Finding]:
    """Gradients that a second call of backward gives differently."""
    for name, a, b in zip(problem.names, first, second, strict=True):
        if a is None or b is None or np.array_equal(a, b, equal_nan=True):
            continue
        doubled = a.shape == b.shape and np.allclose(b, 2 * a)
        text = f"calling backward twice gives another gradient of {name} the second time"
        text += ": exactly twice the first, so that it is added up somewhere" if doubled else ""
        advice = "an array outside backward that it adds to, or a saved array that it changes"
        if problem.randomness.is_used:
            advice = "the random numbers: backward needs those that forward drew, not new ones; " + advice
        yield _found(name, "not_repeatable", text, advice)


def _unchanged(problem: Problem, output: Array, before: Array) -> Iterator[Finding]:
    """Whether forward's output is still the same after backward, and comes again."""
    advice = "arrays that forward keeps for backward: backward must not change them in place"
    if not np.array_equal(output, before, equal_nan=True):
        yield _found(None, "forward_changed", "backward changed the array that forward had returned", advice)
    problem.randomness.rewind()
    again = np.asarray(problem.forward(*copies(problem.inputs)))
    if not np.array_equal(again, before, equal_nan=True):
        yield _found(None, "forward_changed", "forward gives another output after backward has been called", advice)


def _linear(problem: Problem, gradients: list[Array | None]) -> Iterator[Finding]:
    """Whether the gradient is proportional to the upstream, and that of a sum the sum of gradients."""
    g = problem.upstream
    other = np.random.default_rng(1).permutation(g.ravel()).reshape(g.shape) * 0.7 + 0.1
    rounding = 1e-10 * float(np.nansum(np.abs(g * np.where(np.isfinite(problem.output), problem.output, 0.0))))
    zero, hundred, second, both = (problem.gradients(u) for u in (0 * g, -100 * g, other, g + other))
    for i, name in enumerate(problem.names):
        a, b, c, at_zero, at_hundred = gradients[i], second[i], both[i], zero[i], hundred[i]
        if a is None or b is None or c is None or at_zero is None or at_hundred is None or not np.isfinite(a).all():
            continue
        cases = (
            (at_zero, 0 * a, "with an upstream of zeros the gradient of {} is not zero"),
            (at_hundred, -100 * a, "with -100 times the upstream the gradient of {} is not -100 times as large"),
            (c, a + b, "the gradient of {} for the sum of two upstreams is not the sum of their gradients"),
        )
        for got, expected, text in cases:
            if got.shape != expected.shape:
                continue
            off = np.abs(got - expected)
            wrong = ~(off <= 1e-5 * (np.abs(expected) + np.abs(a).max(initial=0.0)) + rounding)
            if wrong.any():
                index = tuple(int(k) for k in np.unravel_index(np.argmax(np.nan_to_num(off, nan=np.inf)), off.shape))
                evidence = Evidence(index, float(got[index]), float(expected[index]), float(wrong.mean()))
                advice = "every term of a gradient has the upstream in it once: look for one that has it not, or twice"
                sentence = "backward is not linear in the upstream: " + text.format(name)
                yield _found(name, "nonlinear_in_upstream", sentence, advice, evidence)
                break


def _a(item: Any) -> str:
    """What an item is, with its article."""
    if isinstance(item, bool | int | np.integer):
        return f"the whole number {item}"
    if isinstance(item, float):
        return f"the number {item:.6g}"
    kind = type(item).__name__
    return f"an {kind}" if kind[0].lower() in "aeiou" else f"a {kind}"
