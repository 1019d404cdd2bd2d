"""Probes that compare backward's gradient as a whole with the true ones: turned, scaled, transposed, exchanged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ...backend import Array
from ..problem import Problem, has_gradient
from .factors import describe_factor, factor_between
from .measurements import Diagnosis, Measurements, are_equal, axis_orders


def exchanged_arguments(measured: Measurements) -> Iterator[Diagnosis]:
    """got = the true gradient of another argument, and the other way round."""
    for i, name, _ in measured.other_arguments():
        if measured.is_right(measured.got, argument=i) and measured.is_right(
            measured.gradients_at()[i], argument=measured.argument
        ):
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
        factor = describe_factor(measured, c, lambda problem: _factor_at(measured, problem))
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
            if measured.problem.output.size < measured.got.size and _is_repeated(measured.right):
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
        yield Diagnosis(
            "missing_transpose",
            "the upstream gradient was sent through the forward pass once more, J g; on its way back it needs the "
            "transpose, Jᵀ g",
        )


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
    elif measured.problem.output.size < measured.got.size:
        yield Diagnosis("wrong_axis", "the right numbers, but at other places: they are repeated along another axis")
    else:
        yield Diagnosis("transposed", "the right numbers, but at other places: the axes are in another order")
