"""Probes that compare backward's matrix M with the Jacobian J, entry by entry: what is missing, what is too much.

M is measured with upstreams that are 1 at one output. Its rows are outputs, its columns the entries of the argument.
"""

from collections.abc import Iterator

import numpy as np

from ...backend import Array
from .factors import describe_factor, factor_between
from .measurements import Diagnosis, Measurements, are_equal


class JacobianPattern:
    """Where M and J are zero, and where M is right.

    is_live: J is not zero; is_used: M is not; is_right: they are equal; own: an output and the entry at its own place
    """

    def __init__(self, measured: Measurements, matrix: Array, jacobian: Array) -> None:
        self.out, self.into, self.rows = measured.problem.output.shape, measured.x.shape, measured.rows
        self.matrix, self.jacobian = matrix, jacobian
        size = max(float(np.abs(jacobian).max()), 1e-300)
        row = np.abs(jacobian).max(axis=1, keepdims=True)
        self.is_live = np.abs(jacobian) > 1e-8 * size
        self.is_used = np.abs(matrix) > 1e-7 * size
        largest = np.maximum(np.abs(jacobian), np.maximum(1e-3 * row, 1e-3 * size))
        self.is_right = np.abs(matrix - jacobian) <= 1e-6 * largest
        self.leaks = self.is_used & ~self.is_live
        self.own = self.rows[:, None] == np.arange(matrix.shape[1])

    def index(self, axis: int) -> Array:
        """The index along one axis of the output, as a column over the rows."""
        return np.indices(self.out).reshape(len(self.out), -1)[axis][self.rows, None]

    def place(self, axis: int) -> Array:
        """The index along one axis of the argument, as a row over the columns."""
        return np.indices(self.into).reshape(len(self.into), -1)[axis][None, :]


def jacobian_pattern(measured: Measurements) -> JacobianPattern | None:
    """None where one of the two is not known, or not finite."""
    matrix, jacobian = measured.backward_matrix, measured.jacobian
    if matrix is None or jacobian is None or not matrix.size:
        return None
    jacobian = jacobian[measured.rows]
    is_known = np.isfinite(matrix).all() and np.isfinite(jacobian).all()
    return JacobianPattern(measured, matrix, jacobian) if is_known else None


def diagonal_only(measured: Measurements) -> Iterator[Diagnosis]:
    """Only the diagonal of the Jacobian: each entry of the argument gets something from its own output alone."""
    p = jacobian_pattern(measured)
    if p is None or p.out != p.into or (p.is_used & ~p.own).any():
        return
    if not (p.is_live & ~p.own).any() or not (p.is_live & p.own).any():
        return
    axes = [axis for axis in range(len(p.out)) if (p.is_live & (p.index(axis) != p.place(axis))).any()]
    along = f"along axis {' and '.join(map(str, axes))}"
    if p.is_right[p.own].all():
        others = f"an entry of {measured.name} acts on other outputs {along} too"
        yield Diagnosis("cross_terms_missing", f"only the diagonal of the Jacobian is used; {others}")
    else:
        sentence = f"each entry hears from its own output alone, as if what is computed {along} were a constant"
        yield Diagnosis("treated_as_constant", sentence, False)


def gradient_without_effect(measured: Measurements) -> Iterator[Diagnosis]:
    """Gradients between entries that have nothing to do with each other: J = 0 and M ≠ 0."""
    p = jacobian_pattern(measured)
    if p is None or not p.leaks.any():
        return
    dead = ~measured.jacobian.any(axis=0) if measured.jacobian is not None else np.zeros(measured.x.size, bool)
    if not p.leaks[:, ~dead].any():
        is_rest_right = bool(p.is_right[:, ~dead].all())
        count = int(p.leaks.any(axis=0).sum())
        ending = ", all others are right" if is_rest_right else ""
        one = f"an entry of {measured.name} has no effect on the output and gets a gradient"
        several = f"{count} entries of {measured.name} have no effect on the output and get a gradient"
        sentence = f"{several if count > 1 else one}{ending}"
        yield Diagnosis("mask_leak", sentence, is_rest_right)
        return
    for axis, n in enumerate(p.out):
        for place, m in enumerate(p.into):
            if n != m or n < 2:
                continue
            index, there = p.index(axis), p.place(place)
            if not (p.is_live & (index != there)).any() and (p.leaks & (index != there)).any():
                sentence = (
                    f"entries of {measured.name} at different places along axis {place} do not see each other in the "
                    "forward pass, but their gradients are mixed: something runs over the wrong axis"
                )
                yield Diagnosis("wrong_axis", sentence, False)
                return
            if not (p.is_live & (index < there)).any() and (p.leaks & (index < there)).any():
                sentence = f"an output does not depend on later places along axis {axis}, but sends them a gradient"
                yield Diagnosis("mask_leak", sentence, False)
                return


def one_contribution_kept(measured: Measurements) -> Iterator[Diagnosis]:
    """Of several contributions to an entry one alone is there, and it is right."""
    p = jacobian_pattern(measured)
    if p is None or len(p.rows) < measured.problem.output.size or not (p.is_live.sum(axis=0) > 1).any():
        return
    if not (p.is_right | ~p.is_used).all() or p.is_right.all() or not p.is_used.any():
        return
    missing = p.is_live & ~p.is_used
    for axis, n in enumerate(p.out):
        for which, only in (("last", n - 1), ("first", 0)):
            if n > 1 and np.array_equal(missing, p.is_live & (p.index(axis) != only)):
                kind = "overwritten_not_accumulated" if which == "last" else "broadcast_not_summed"
                acts = f"{measured.name} acts all along axis {axis} of the output"
                sentence = f"{acts}, and the {which} contribution alone is there"
                yield Diagnosis(kind, sentence)
                return
    rows = p.rows[:, None]
    last = np.where(p.is_live, rows, -1).max(axis=0)
    first = np.where(p.is_live, rows, len(rows)).min(axis=0)
    for which, only in (("last", last), ("first", first)):
        if np.array_equal(missing, p.is_live & (rows != only)):
            used = f"where an entry of {measured.name} is used several times"
            yield Diagnosis("overwritten_not_accumulated", f"{used}, the {which} contribution alone is there")
            return


def sum_over_wrong_axis(measured: Measurements) -> Iterator[Diagnosis]:
    """got is the sum of the upstream over other axes."""
    g = measured.problem.upstream
    if not any(are_equal(g.sum(axis=axis), measured.right) for axis in range(g.ndim)):
        return
    for axis in range(g.ndim):
        if measured.got.size > 1 and are_equal(g.sum(axis=axis), measured.got):
            sentence = f"the sum of the upstream gradient over axis {axis}; another one was repeated"
            yield Diagnosis("wrong_axis", sentence)
            return


def scaled_coupling(measured: Measurements) -> Iterator[Diagnosis]:
    """Off its diagonal M is c J: the term through which the elements of a row act on each other, times c."""
    c = _coupling(measured)
    if c is None or abs(c - 1) < 1e-6:
        return
    term = "the term through which elements act on each other's outputs"
    if abs(c + 1) < 1e-6:
        yield Diagnosis("sign", f"{term} has the wrong sign", False)
    else:
        factor = describe_factor(c, measured.problem, lambda problem: _coupling(measured.again(problem)))
        yield Diagnosis("constant_factor", f"{term} is multiplied by {factor}", False)


def _coupling(measured: Measurements | None) -> float | None:
    """c, if M is c J off its diagonal."""
    p = None if measured is None else jacobian_pattern(measured)
    if p is None or p.out != p.into or p.leaks.any():
        return None
    off = p.is_live & ~p.own
    return factor_between(p.matrix[off], p.jacobian[off]) if off.sum() > 1 else None


def missing_shortcut(measured: Measurements) -> Iterator[Diagnosis]:
    """true - got = g: what comes along a shortcut is not there."""
    if are_equal(measured.right - measured.got, measured.problem.upstream):
        sentence = "the upstream gradient itself is not there, which comes along a shortcut past everything else"
        yield Diagnosis("missing_path", sentence)


def right_pattern_wrong_values(measured: Measurements) -> Iterator[Diagnosis]:
    """M ≠ 0 only where J ≠ 0: every entry hears from the right outputs, in other measures. A value is another one."""
    p = jacobian_pattern(measured)
    if p is None or p.leaks.any():
        return
    if missing := int((p.is_live & ~p.is_used).any(axis=0).sum()):
        count = f"{missing} of {measured.x.size} entries of {measured.name} get"
        yield Diagnosis("missing_path", f"{count} nothing from some of the outputs that they act on", False)
    else:
        sentence = (
            f"each entry of {measured.name} gets its gradient from the right outputs and from no other, but with other "
            "weights: a value in the formula is not the one that belongs there"
        )
        yield Diagnosis("wrong_variable", sentence, False)
