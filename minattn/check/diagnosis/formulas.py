"""Probes that look for a formula: is backward's gradient the upstream, or the true gradient, times something?"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product

import numpy as np

from ...backend import Array
from ...ops.base import sum_to_shape
from ..problem import Problem
from .factors import describe_factor, factor_between
from .forward_steps import ForwardSteps, follow_forward
from .measurements import Diagnosis, Measurements, are_equal
from .step_values import StepValues

Form = Callable[[Array], Array]

_FORMS: dict[str, Form] = {
    "{}": lambda w: w,
    "1/{}": lambda w: 1 / w,
    "{}²": lambda w: w * w,
    "1/{}²": lambda w: 1 / (w * w),
    "(1 - {})": lambda w: 1 - w,
    "(1 - {}²)": lambda w: 1 - w * w,
    "{0} (1 - {0})": lambda w: w * (1 - w),
    "√{}": np.sqrt,
    "1/√{}": lambda w: 1 / np.sqrt(w),
    "exp({})": np.exp,
}


def constant_slope(measured: Measurements, forward: ForwardSteps) -> Iterator[Diagnosis]:
    """got = c g for a function of one input, element by element, whose slope is c at one place only."""
    learned = [sample.got for sample in forward.samples]
    if len(forward.names) > 1 or not measured.is_elementwise or not measured.right.all():
        return
    if (c := _constant(forward, "{}", None, learned)) is not None:
        sentence = f"this is the upstream gradient times {c:.6g}, as if the slope were the same everywhere"
        yield Diagnosis("wrong_place", sentence)


def missing_factor(measured: Measurements, forward: ForwardSteps) -> Iterator[Diagnosis]:
    """got = true · φ(w), or Jᵀ (g φ(w)): a factor that is at hand is left out, or is there once too often."""
    for name, index in product(list(_FORMS)[:4], forward.real_steps()):
        if all(_is_product(sample, _FORMS[name], index) for sample in forward.samples):
            yield _factor(forward, name, index)
            return
    sample = forward.samples[0]
    for name, index in product(list(_FORMS)[:2], forward.real_steps()):
        with np.errstate(all="ignore"):
            other = _times(sample.upstream, _FORMS[name](sample.values[index]), sample.upstream.shape)
        if other is not None and measured.is_right(sample.got, sample.all_inputs, other):
            yield _factor(forward, name, index)
            return


def _is_product(sample: StepValues, form: Form, index: int) -> bool:
    right, got = sample.true_gradient, sample.got
    with np.errstate(all="ignore"):
        return are_equal(_times(right, form(sample.values[index]), got.shape), got)


def _factor(forward: ForwardSteps, name: str, index: int) -> Diagnosis:
    """Left out, or too many: hidden as long as a parameter has its initial value, and else another formula."""
    called = forward.name_of(index)
    if forward.is_parameter(index):
        slip = f"{called} is left out, or stands there once too often"
        sentence = f"the right gradient times {name.format(called)}: {slip}; right only where it is 1"
        return Diagnosis("wrong_place", sentence)
    return Diagnosis("wrong_variable", f"the right gradient times {name.format(called)}, which does not belong there")


def other_formula(measured: Measurements, forward: ForwardSteps) -> Iterator[Diagnosis]:
    """got = c Σ g φ(w), for a value w of the forward pass."""
    for name, index in product(_FORMS, forward.real_steps()):
        c = _constant(forward, name, index, [sample.got for sample in forward.samples])
        if c is not None:
            again = partial(_constant_again, measured, name, index)
            times = "" if abs(c - 1) < 1e-6 else f" times {describe_factor(c, measured.problem, again)}"
            what = name.format(forward.name_of(index))
            sentence = f"this is the upstream gradient times {what}{times}, which does not belong there"
            yield Diagnosis("wrong_variable", sentence)
            return


def _constant_again(measured: Measurements, name: str, index: int, problem: Problem) -> float | None:
    there = measured.again(problem)
    forward = None if there is None else follow_forward(there)
    return None if forward is None else _constant(forward, name, index, [sample.got for sample in forward.samples])


def sign_of_a_term(measured: Measurements, forward: ForwardSteps) -> Iterator[Diagnosis]:
    """true = A + B and got = A - B. A and B are half the sum and half the difference; both must be simple formulas."""
    pairs = [(sample.true_gradient, sample.got) for sample in forward.samples]
    halves = [[(right + sign * got) / 2 for right, got in pairs] for sign in (1, -1)]
    terms = []
    for half in halves:
        if _constant(forward, "{}", None, half) is not None:
            terms.append("the upstream gradient itself")
            continue
        forms = product(_FORMS, forward.real_steps())
        found = next((form for form in forms if _constant(forward, *form, half) is not None), None)
        if found is None:
            return
        terms.append(f"the upstream gradient times {found[0].format(forward.name_of(found[1]))}")
    yield Diagnosis("sign", f"one of two terms has the wrong sign: the one that is a multiple of {terms[1]}")


def _constant(forward: ForwardSteps, name: str, index: int | None, arrays: Sequence[Array]) -> float | None:
    """c, if each sample's array is c Σ g φ(w) with the same c; without an index, φ(w) = 1."""
    found: float | None = None
    for sample, array in zip(forward.samples, arrays, strict=True):
        value = np.ones(1) if index is None else sample.values[index]
        with np.errstate(all="ignore"):
            whole = _times(sample.upstream, _FORMS[name](value), sample.upstream.shape)
        try:
            summed = None if whole is None else sum_to_shape(whole, array.shape)
        except ValueError:
            return None
        c = None if summed is None or summed.shape != array.shape else factor_between(array, summed)
        if c is None or (found is not None and abs(c - found) > 1e-6 * abs(c)):
            return None
        found = c
    return found


def _times(array: Array, value: Array, shape: tuple[int, ...]) -> Array | None:
    try:
        result: Array = array * value
    except ValueError:
        return None
    return result if result.shape == shape and np.isfinite(result).all() else None
