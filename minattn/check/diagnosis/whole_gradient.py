"""Probes on the gradient as a whole: its shape, its answer to the upstream, and whose true gradient it is, if any's."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ...backend import Array
from ...ops.base import sum_to_shape
from ..problem import Problem, has_gradient
from .factors import describe_factor, factor_between
from .measurements import Diagnosis, Measurements, are_equal, axis_orders, axis_sets, is_zero


def wrong_shape(measured: Measurements) -> Iterator[Diagnosis]:
    """A gradient has its input's shape. What has another one is often the right numbers, before their last step."""
    got, wanted, name = measured.got, measured.right, measured.name
    if got.shape == wanted.shape:
        return
    what = f"shape {got.shape} in place of {wanted.shape}"
    for axes in axis_orders(got.ndim):
        if are_equal(got.transpose(axes), wanted):
            yield Diagnosis("transposed", f"the right numbers, transposed: {what}")
            return
    is_larger = got.size > wanted.size and _broadcasts(wanted.shape, got.shape)
    if is_larger and are_equal(sum_to_shape(got, wanted.shape), wanted):
        sentence = f"{what}: {name} was used once for each copy, and the sum over the copies is the right gradient"
        yield Diagnosis("broadcast_not_summed", sentence)
        return
    for i, other, _ in measured.other_arguments():
        if measured.is_right(got, argument=i):
            both = ", and the other way round" * measured.is_right(measured.gradients_at()[i])
            yield Diagnosis("swapped_arguments", f"this is the gradient of {other}{both}")
            return
    if are_equal(got.reshape(-1), wanted.reshape(-1)):
        yield Diagnosis("shape", f"{what}: the right numbers, which are still to be reshaped")
        return
    if _broadcasts(got.shape, wanted.shape) and are_equal(sum_to_shape(wanted, got.shape), got):
        yield Diagnosis("shape", f"{what}: the right numbers, summed once too often")
        return
    g = measured.problem.upstream
    for axes in axis_sets(g.ndim):
        if are_equal(got.reshape(-1), g.sum(axis=axes).reshape(-1)):
            along = " and ".join(map(str, axes))
            yield Diagnosis("wrong_axis", f"{what}: the upstream gradient, summed over axis {along}")
            return
    if is_larger:
        sentence = f"{what}: {name} was used once for each copy, and the gradients of the copies are to be summed"
        yield Diagnosis("broadcast_not_summed", sentence, False)
    elif got.ndim == 2 and got.T.shape == wanted.shape:
        yield Diagnosis("transposed", f"{what}, which is the other way round", False)
    else:
        yield Diagnosis("shape", f"{what}, the shape of {name}", False)


def _broadcasts(small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    """Whether an array of the first shape is stretched to the second by broadcasting."""
    try:
        return np.broadcast_shapes(small, large) == large
    except ValueError:
        return False


def not_finite(measured: Measurements) -> Iterator[Diagnosis]:
    """NaN or infinity where the true gradient is a number."""
    bad = ~np.isfinite(measured.got)
    if measured.got.shape == measured.right.shape:
        bad &= np.isfinite(measured.right)
    if bad.any():
        what = "NaN" if np.isnan(measured.got[bad]).any() else "infinite"
        sentence = f"{int(bad.sum())} of {measured.got.size} entries are {what} where the gradient is a number"
        yield Diagnosis("not_finite", sentence)


def zero_gradient(measured: Measurements) -> Iterator[Diagnosis]:
    """Zeros everywhere, although moving the input moves the output."""
    if measured.got.size and is_zero(measured.got, measured.true.scale):
        yield Diagnosis("zero_gradient", f"every entry is 0, although the output depends on {measured.name}")
        if any(np.any(gradient) for gradient in measured.gradients_at() if gradient is not None):
            yield Diagnosis("treated_as_constant", f"{measured.name} may have been treated as a constant", False)


def upstream_dependence(measured: Measurements) -> Iterator[Diagnosis]:
    """backward computes Jᵀ g, which is linear in g: L(0) = 0, L(2g) = 2 L(g), L(g + h) = L(g) + L(h).

    Constant in g: the upstream is not used. Affine: a term goes without it. Anything else: not linear.
    """
    g = measured.problem.upstream
    other = np.asarray(measured.rng.normal(size=g.shape))
    at_g, at_zero = measured.got, measured.at_zero
    at_other, at_sum = measured.gradient_at(other), measured.gradient_at(g + other)
    if at_other is None or at_sum is None or at_zero is None:
        return
    if are_equal(at_other, at_g) and are_equal(at_sum, at_g):
        yield from _constant(measured)
    elif _close(at_sum + at_zero, at_g + at_other):
        if not is_zero(at_zero, float(np.abs(at_g).max())):
            yield _affine(measured, at_zero)
    else:
        sentence = f"a gradient is linear in the upstream gradient; {_nonlinear(measured)}"
        yield Diagnosis("nonlinear_in_upstream", sentence)


def _constant(measured: Measurements) -> Iterator[Diagnosis]:
    fits = measured.is_right(measured.got, upstream=np.ones_like(measured.problem.upstream))
    for name, value in measured.problem.arrays if not fits else ():
        if are_equal(measured.got.reshape(-1), value.reshape(-1)):
            yield Diagnosis("wrong_variable", f"this is {name} itself; a gradient is made of the upstream gradient")
    ending = ": this is the right gradient for an upstream of ones" if fits else ""
    yield Diagnosis("upstream_ignored", f"the gradient does not change with the upstream gradient{ending}")


def _affine(measured: Measurements, offset: Array) -> Diagnosis:
    dead = None if measured.jacobian is None else ~measured.jacobian.any(axis=0).reshape(measured.x.shape)
    if dead is not None and not offset[~dead].any():
        sentence = "entries that have no effect on the output get a number, whatever the upstream gradient is"
        return Diagnosis("mask_leak", sentence)
    sentence = "a term does not contain the upstream gradient: where that is zero, this gradient is not"
    return Diagnosis("upstream_ignored", sentence)


def _nonlinear(measured: Measurements) -> str:
    g, got = measured.problem.upstream, measured.got
    twice, negative = measured.gradient_at(2 * g), measured.gradient_at(-g)
    if are_equal(twice, 4 * got):
        return "here twice the upstream gives four times the gradient: it is multiplied on twice"
    if are_equal(twice, got):
        return "here the size of the upstream makes no difference, only its direction does"
    if are_equal(negative, got):
        return "here the sign of the upstream is lost"
    if are_equal(twice, 2 * got):
        return "here it grows with the upstream, but the gradient of a sum of two is not the sum of their gradients"
    return "here twice the upstream does not give twice the gradient"


def _close(a: Array, b: Array) -> bool:
    return bool((np.abs(a - b) <= 1e-6 * (np.abs(a).max(initial=0.0) + np.abs(b).max(initial=0.0))).all())


def exchanged_arguments(measured: Measurements) -> Iterator[Diagnosis]:
    """got = the true gradient of another argument, and the other way round."""
    for i, name, _ in measured.other_arguments():
        if measured.is_right(measured.got, argument=i) and measured.is_right(measured.gradients_at()[i]):
            sentence = f"this is the gradient of {name}, and what came for {name} is that of {measured.name}"
            yield Diagnosis("swapped_arguments", sentence)
            return


def constant_multiple(measured: Measurements) -> Iterator[Diagnosis]:
    """got = c · true, with the same c elsewhere. -1 is a sign; any other c may be a length or the root of one."""
    c = factor_between(measured.got, measured.right)
    if c is None:
        return
    inputs = [
        x * np.exp(0.1 * measured.rng.normal(size=x.shape)) if has_gradient(x) else x for x in measured.problem.inputs
    ]
    moved = measured.problem_at(inputs)
    elsewhere = None if moved is None else _factor_at(measured, moved)
    if elsewhere is None or abs(elsewhere - c) > 1e-5 * abs(c):
        return
    if abs(c + 1) < 1e-6:
        yield Diagnosis("sign", "the right gradient with the sign turned")
    else:
        factor = describe_factor(c, measured.problem, lambda problem: _factor_at(measured, problem))
        yield Diagnosis("constant_factor", f"the right gradient times {factor}")


def _factor_at(measured: Measurements, problem: Problem) -> float | None:
    """The factor between backward's gradient of another problem and the true one, if it is one."""
    there = replace(measured, problem=problem)
    got = there.gradients_at()[measured.argument]
    if got is None or got.shape != there.x.shape:
        return None
    d = np.random.default_rng(1).normal(size=got.shape)
    slopes = there.slopes(problem.inputs, measured.argument, d)
    whole = 0.0 if slopes is None else float((problem.upstream * slopes).sum())
    c = float((got * d).sum()) / whole if whole else None
    return c if c and there.is_right(got / c) else None


def gradient_of_another(measured: Measurements) -> Iterator[Diagnosis]:
    """got = the true gradient of another argument, which has its own as well, or a wrong one."""
    for i, name, _ in measured.other_arguments():
        if measured.is_right(measured.got, argument=i):
            if measured.is_right(measured.gradients_at()[i], argument=i):
                sentence = f"this is the gradient of {name}, which came a second time for {measured.name}"
                yield Diagnosis("wrong_variable", sentence)
            else:
                yield Diagnosis("swapped_arguments", f"this is the gradient of {name}")
            return


def permuted_axes(measured: Measurements) -> Iterator[Diagnosis]:
    """got = true with its axes in another order, where the lengths do not give it away."""
    for axes in axis_orders(measured.got.ndim):
        if are_equal(measured.got.transpose(axes), measured.right):
            if (
                measured.problem.output.size < measured.got.size
                and _is_repeated(measured.right)
                and _is_repeated(measured.got)
            ):
                yield Diagnosis("wrong_axis", "the right numbers, but repeated along another axis")
            else:
                sentence = f"the right numbers with the axes in another order: .transpose{axes} puts it right"
                yield Diagnosis("transposed", sentence)
            return


def _is_repeated(a: Array) -> bool:
    """Whether the numbers are the same all along some axis."""
    return any(n > 1 and not np.ptp(a, axis=axis).any() for axis, n in enumerate(a.shape))


def jacobian_not_transposed(measured: Measurements) -> Iterator[Diagnosis]:
    """got = J g in place of Jᵀ g: a linear map that is applied a second time instead of being transposed.

    A matrix without .T, a permutation of axes that is not inverted, a rotation that is not turned back, a kernel that
    is not reversed.
    """
    g, x = measured.problem.upstream, measured.x
    if g.size != x.size or g.size < 2:
        return
    moved = measured.slopes(measured.problem.inputs, measured.argument, g.reshape(x.shape))
    if moved is not None and are_equal(moved.reshape(x.shape), measured.got):
        once_more = "the upstream gradient was sent through the forward pass once more, J g"
        yield Diagnosis("missing_transpose", f"{once_more}; on its way back it needs the transpose, Jᵀ g")


def rearranged_numbers(measured: Measurements) -> Iterator[Diagnosis]:
    """got has the same numbers as the true, each at another place."""
    got, wanted = np.sort(measured.got, axis=None), np.sort(measured.right, axis=None)
    if len(np.unique(np.round(wanted, 9))) < 4 or not are_equal(got, wanted):
        return
    for axis, n in enumerate(measured.got.shape):
        if n > 1 and are_equal(np.flip(measured.got, axis), measured.right):
            yield Diagnosis("wrong_axis", f"the right numbers in reversed order along axis {axis}")
            return
    if measured.got.ndim < 2 or not measured.right.all():
        yield Diagnosis("wrong_variable", "the right numbers, but laid at other places")
    elif measured.problem.output.size < measured.got.size and _is_repeated(measured.right):
        yield Diagnosis("wrong_axis", "the right numbers, but at other places: they are repeated along another axis")
    else:
        yield Diagnosis("transposed", "the right numbers, but at other places: the axes are in another order")
