"""Probes that compare the learner's gradient as a whole with the true ones: turned, scaled, transposed, exchanged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations

import numpy as np

from ...backend import Array
from ..problem import Problem, has_gradient
from .factors import describe_factor, factor_between
from .measurements import Guess, Lab, same


def exchanged(lab: Lab) -> Iterator[Guess]:
    """got = the true gradient of another argument, and the other way round."""
    for i, name, _ in lab.others():
        if lab.is_true(lab.got, argument=i) and lab.is_true(lab.gradients()[i], argument=lab.argument):
            sentence = f"this is the gradient of {name}, and what came for {name} is that of {lab.name}"
            yield Guess("swapped_arguments", sentence)
            return


def proportional(lab: Lab) -> Iterator[Guess]:
    """got = c · truth, with the same c elsewhere. -1 is a sign; any other c may be a length or the root of one."""
    c = factor_between(lab.got, lab.wanted)
    if c is None:
        return
    inputs = [x * np.exp(0.1 * lab.rng.normal(size=x.shape)) if has_gradient(x) else x for x in lab.problem.inputs]
    elsewhere = _factor_at(lab, lab.problem.at(inputs))
    if elsewhere is None or abs(elsewhere - c) > 1e-5 * abs(c):
        return
    if abs(c + 1) < 1e-6:
        yield Guess("sign", "the right gradient with the sign turned")
    else:
        factor = describe_factor(lab, c, lambda problem: _factor_at(lab, problem))
        yield Guess("constant_factor", f"the right gradient times {factor}")


def _factor_at(lab: Lab, problem: Problem) -> float | None:
    """The factor between the learner's gradient of another problem and the true one, if it is one."""
    there = replace(lab, problem=problem)
    got = there.gradients()[lab.argument]
    if got is None or got.shape != there.x.shape:
        return None
    d = np.random.default_rng(1).normal(size=got.shape)
    slopes = there.slopes(problem.inputs, lab.argument, d)
    whole = 0.0 if slopes is None else float((problem.upstream * slopes).sum())
    c = float((got * d).sum()) / whole if whole else None
    return c if c and there.is_true(got / c) else None


def of_another(lab: Lab) -> Iterator[Guess]:
    """got = the true gradient of another argument, which has its own as well, or a wrong one."""
    for i, name, _ in lab.others():
        if lab.is_true(lab.got, argument=i):
            if lab.is_true(lab.gradients()[i], argument=i):
                sentence = f"this is the gradient of {name}, which came a second time for {lab.name}"
                yield Guess("wrong_variable", sentence)
            else:
                yield Guess("swapped_arguments", f"this is the gradient of {name}")
            return


def transposed(lab: Lab) -> Iterator[Guess]:
    """got = truth with its axes in another order, where the lengths do not give it away."""
    for axes in list(permutations(range(lab.got.ndim)))[1:] if lab.got.ndim <= 4 else ():
        if same(lab.got.transpose(axes), lab.wanted):
            if lab.problem.output.size < lab.got.size and _is_repeated(lab.wanted):
                yield Guess("wrong_axis", "the right numbers, but repeated along another axis")
            else:
                sentence = f"the right numbers with the axes in another order: .transpose{axes} puts it right"
                yield Guess("transposed", sentence)
            return


def _is_repeated(a: Array) -> bool:
    """Whether the numbers are the same all along some axis."""
    return any(n > 1 and not np.ptp(a, axis=axis).any() for axis, n in enumerate(a.shape))


def forwards(lab: Lab) -> Iterator[Guess]:
    """got = J g in place of Jᵀ g: a linear map that is applied a second time instead of being transposed.

    A matrix without .T, a permutation of axes that is not inverted, a rotation that is not turned back, a kernel that
    is not reversed.
    """
    g, x = lab.problem.upstream, lab.x
    if g.size != x.size or g.size < 2:
        return
    moved = lab.slopes(lab.problem.inputs, lab.argument, g.reshape(x.shape))
    if moved is not None and same(moved.reshape(x.shape), lab.got):
        yield Guess(
            "missing_transpose",
            "the upstream gradient was sent through the forward pass once more, J g; on its way back it needs the "
            "transpose, Jᵀ g",
        )


def rearranged(lab: Lab) -> Iterator[Guess]:
    """got has the same numbers as the truth, each at another place."""
    got, wanted = np.sort(lab.got, axis=None), np.sort(lab.wanted, axis=None)
    if len(np.unique(np.round(wanted, 9))) < 4 or not same(got, wanted):
        return
    for axis, n in enumerate(lab.got.shape):
        if n > 1 and same(np.flip(lab.got, axis), lab.wanted):
            yield Guess("wrong_axis", f"the right numbers in reversed order along axis {axis}")
            return
    if lab.got.ndim < 2 or not lab.wanted.all():
        yield Guess("wrong_variable", "the right numbers, but laid at other places")
    elif lab.problem.output.size < lab.got.size:
        yield Guess("wrong_axis", "the right numbers, but at other places: they are repeated along another axis")
    else:
        yield Guess("transposed", "the right numbers, but at other places: the axes are in another order")
