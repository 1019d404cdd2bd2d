"""Probes that look for a formula: is the learner's gradient the upstream, or the true gradient, times something?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ...backend import Array
from ...ops.base import sum_to_shape
from .factors import describe_factor, factor_between
from .measurements import Guess, Lab, same
from .replay import Replay, Sample

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


def constant_slope(lab: Lab, replay: Replay) -> Iterator[Guess]:
    """got = c g for a function of one input, element by element, whose slope is c at one place only."""
    learned = [sample.learned for sample in replay.samples]
    if (
        len(replay.names) == 1
        and lab.is_elementwise
        and lab.wanted.all()
        and (c := _constant(replay, "", None, learned)) is not None
    ):
        yield Guess(
            "wrong_place", f"this is the upstream gradient times {c:.6g}, as if the slope were the same everywhere"
        )


def missing_factor(lab: Lab, replay: Replay) -> Iterator[Guess]:
    """got = truth · φ(w), or Jᵀ (g φ(w)): a factor that is at hand is left out, or is there once too often."""
    for name, form in list(_FORMS.items())[:4]:
        for source in replay.numbers():
            if all(_is_product(sample, form, source) for sample in replay.samples):
                yield _factor(replay, name, source)
                return
    for name, form in list(_FORMS.items())[:2]:
        for source in replay.numbers():
            sample = replay.samples[0]
            with np.errstate(all="ignore"):
                other = _times(sample.upstream, form(sample.values[source]), sample.upstream.shape)
            if other is not None and lab.is_true(sample.learned, sample.everything, other):
                yield _factor(replay, name, source)
                return


def _is_product(sample: Sample, form: Form, source: int) -> bool:
    with np.errstate(all="ignore"):
        return same(_times(sample.true, form(sample.values[source]), sample.learned.shape), sample.learned)


def _factor(replay: Replay, name: str, source: int) -> Guess:
    """Left out, or too many: hidden as long as a parameter has its initial value, and else another formula."""
    called = replay.called(source)
    if replay.is_parameter(source):
        slip = f"{called} is left out, or stands there once too often"
        return Guess("wrong_place", f"the right gradient times {name.format(called)}: {slip}; right only where it is 1")
    return Guess("wrong_variable", f"the right gradient times {name.format(called)}, which does not belong there")


def formula(lab: Lab, replay: Replay) -> Iterator[Guess]:
    """got = c Σ g φ(w), for a value w of the forward pass."""
    for name, source in _forms(replay):
        c = _constant(replay, name, source, [sample.learned for sample in replay.samples])
        if c is not None:
            times = "" if abs(c - 1) < 1e-6 else f" times {describe_factor(lab, c)}"
            what = name.format(replay.called(source))
            yield Guess(
                "wrong_variable", f"this is the upstream gradient times {what}{times}, which does not belong there"
            )
            return


def sign_of_a_term(lab: Lab, replay: Replay) -> Iterator[Guess]:
    """truth = A + B and got = A - B. A and B are half the sum and half the difference; both must be simple formulas."""
    halves = [[(sample.true + sign * sample.learned) / 2 for sample in replay.samples] for sign in (1, -1)]
    terms = []
    for half in halves:
        if _constant(replay, "", None, half) is not None:
            terms.append("the upstream gradient itself")
            continue
        found = next((form for form in _forms(replay) if _constant(replay, *form, half) is not None), None)
        if found is None:
            return
        terms.append(f"the upstream gradient times {found[0].format(replay.called(found[1]))}")
    yield Guess("sign", f"one of two terms has the wrong sign: the one that is a multiple of {terms[1]}")


def _forms(replay: Replay) -> Iterator[tuple[str, int]]:
    for name in _FORMS:
        for source in replay.numbers():
            yield name, source


def _constant(replay: Replay, name: str, source: int | None, arrays: Sequence[Array]) -> float | None:
    """c, if each sample's array is c Σ g φ(w) with the same c; without a source, φ(w) = 1."""
    found: float | None = None
    for sample, array in zip(replay.samples, arrays, strict=True):
        value = np.ones(1) if source is None else sample.values[source]
        form = _FORMS[name] if name else _FORMS["{}"]
        with np.errstate(all="ignore"):
            product = _times(sample.upstream, form(value), sample.upstream.shape)
        try:
            summed = None if product is None else sum_to_shape(product, array.shape)
        except ValueError:
            return None
        c = None if summed is None or summed.shape != array.shape else factor_between(array, summed)
        if c is None or (found is not None and abs(c - found) > 1e-6 * abs(c)):
            return None
        found = c
    return found


def _times(array: Array, value: Array, shape: tuple[int, ...]) -> Array | None:
    try:
        product: Array = array * value
    except ValueError:
        return None
    return product if product.shape == shape and np.isfinite(product).all() else None
