"""Probes that look at what backward returned at all, and at how it answers to the upstream gradient."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, permutations

import numpy as np

from ...backend import Array
from ...ops.base import sum_to_shape
from .measurements import Guess, Lab, is_zero, same


def shape(lab: Lab) -> Iterator[Guess]:
    """A gradient has its input's shape. What has another one is often the right numbers, before their last step."""
    got, wanted, name = lab.got, lab.wanted, lab.name
    if got.shape == wanted.shape:
        return
    what = f"shape {got.shape} in place of {wanted.shape}"
    for axes in permutations(range(got.ndim)) if got.ndim == wanted.ndim <= 4 else ():
        if same(got.transpose(axes), wanted):
            yield Guess("transposed", f"the right numbers, transposed: {what}")
            return
    is_larger = got.size > wanted.size and _broadcasts(wanted.shape, got.shape)
    if is_larger and same(sum_to_shape(got, wanted.shape), wanted):
        sentence = f"{what}: {name} was used once for each copy, and the sum over the copies is the right gradient"
        yield Guess("broadcast_not_summed", sentence)
        return
    for i, other, _ in lab.others():
        if lab.is_true(got, argument=i):
            both = ", and the other way round" * lab.is_true(lab.gradients()[i], argument=lab.argument)
            yield Guess("swapped_arguments", f"this is the gradient of {other}{both}")
            return
    if same(got.reshape(-1), wanted.reshape(-1)):
        yield Guess("shape", f"{what}: the right numbers, which are still to be reshaped")
        return
    if _broadcasts(got.shape, wanted.shape) and same(sum_to_shape(wanted, got.shape), got):
        yield Guess("shape", f"{what}: the right numbers, summed once too often")
        return
    g = lab.problem.upstream
    for axes in (axes for count in range(1, g.ndim) for axes in combinations(range(g.ndim), count)):
        if same(got.reshape(-1), g.sum(axis=axes).reshape(-1)):
            yield Guess("wrong_axis", f"{what}: the upstream gradient, summed over axis {' and '.join(map(str, axes))}")
            return
    if is_larger:
        sentence = f"{what}: {name} was used once for each copy, and the gradients of the copies are to be summed"
        yield Guess("broadcast_not_summed", sentence, False)
    elif got.ndim == 2 and got.T.shape == wanted.shape:
        yield Guess("transposed", f"{what}, which is the other way round", False)
    else:
        yield Guess("shape", f"{what}, the shape of {name}", False)


def _broadcasts(small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    """Whether an array of the first shape is stretched to the second by broadcasting."""
    try:
        return np.broadcast_shapes(small, large) == large
    except ValueError:
        return False


def not_finite(lab: Lab) -> Iterator[Guess]:
    """NaN or infinity where the true gradient is a number."""
    bad = ~np.isfinite(lab.got)
    if lab.got.shape == lab.wanted.shape:
        bad &= np.isfinite(lab.wanted)
    if bad.any():
        what = "NaN" if np.isnan(lab.got[bad]).any() else "infinite"
        sentence = f"{int(bad.sum())} of {lab.got.size} entries are {what} where the gradient is a number"
        yield Guess("not_finite", sentence)


def zero(lab: Lab) -> Iterator[Guess]:
    """Zeros everywhere, although moving the input moves the output."""
    if lab.got.size and is_zero(lab.got, lab.truth.scale):
        yield Guess("zero_gradient", f"every entry is 0, although the output depends on {lab.name}")
        if any(np.any(gradient) for gradient in lab.gradients() if gradient is not None):
            yield Guess("treated_as_constant", f"{lab.name} may have been treated as a constant", False)


def upstream(lab: Lab) -> Iterator[Guess]:
    """backward computes Jᵀ g, which is linear in g: L(0) = 0, L(2g) = 2 L(g), L(g + h) = L(g) + L(h).

    Constant in g: the upstream is not used. Affine: a term goes without it. Anything else: not linear.
    """
    g = lab.problem.upstream
    other = np.asarray(lab.rng.normal(size=g.shape))
    at_g, at_other, at_sum, at_zero = lab.got, lab.learner(other), lab.learner(g + other), lab.offset
    if at_other is None or at_sum is None or at_zero is None:
        return
    if same(at_other, at_g) and same(at_sum, at_g):
        yield from _constant(lab)
    elif _close(at_sum + at_zero, at_g + at_other):
        if not is_zero(at_zero, float(np.abs(at_g).max())):
            yield _affine(lab, at_zero)
    else:
        yield Guess("nonlinear_in_upstream", f"a gradient is linear in the upstream gradient; {_nonlinear(lab)}")


def _constant(lab: Lab) -> Iterator[Guess]:
    fits = lab.is_true(lab.got, upstream=np.ones_like(lab.problem.upstream))
    values = [*zip(lab.problem.names, lab.problem.inputs, strict=True), ("the output", lab.problem.output)]
    for name, value in values if not fits else ():
        if isinstance(value, np.ndarray) and same(lab.got.reshape(-1), value.reshape(-1)):
            yield Guess("wrong_variable", f"this is {name} itself; a gradient is made of the upstream gradient")
    ending = ": this is the right gradient for an upstream of ones" if fits else ""
    yield Guess("upstream_ignored", f"the gradient does not change with the upstream gradient{ending}")


def _affine(lab: Lab, offset: Array) -> Guess:
    dead = None if lab.jacobian is None else ~lab.jacobian.any(axis=0).reshape(lab.x.shape)
    if dead is not None and not offset[~dead].any():
        sentence = "entries that have no effect on the output get a number, whatever the upstream gradient is"
        return Guess("mask_leak", sentence)
    sentence = "a term does not contain the upstream gradient: where that is zero, this gradient is not"
    return Guess("upstream_ignored", sentence)


def _nonlinear(lab: Lab) -> str:
    g, got = lab.problem.upstream, lab.got
    twice, negative = lab.learner(2 * g), lab.learner(-g)
    if same(twice, 4 * got):
        return "here twice the upstream gives four times the gradient: it is multiplied on twice"
    if same(twice, got):
        return "here the size of the upstream makes no difference, only its direction does"
    if same(negative, got):
        return "here the sign of the upstream is lost"
    if same(twice, 2 * got):
        return "here it grows with the upstream, but the gradient of a sum of two is not the sum of their gradients"
    return "here twice the upstream does not give twice the gradient"


def _close(a: Array, b: Array) -> bool:
    return bool((np.abs(a - b) <= 1e-6 * (np.abs(a).max(initial=0.0) + np.abs(b).max(initial=0.0))).all())
