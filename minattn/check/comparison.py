"""Whether the numbers are right: one argument at one point, and all arguments together at kinks."""

import math
from dataclasses import dataclass, replace

import numpy as np

from ..backend import Array
from .problem import Problem
from .referee import TrueGradient, compare_slopes, measure_gradient, measure_slopes
from .report import EXACTLY, Evidence, Finding

EVERY_ENTRY = 1000
"""An argument of so many entries or fewer has every one of them checked; a larger one is checked along directions."""
DIRECTIONS = 16
_MOST_MEASURED_ENTRIES = 20_000  # of an argument that random directions have shown to be wrong
_SECONDS_FOR_AN_ARGUMENT = 2.0  # that a check of every entry of one argument may take at one point
_CALLS_FOR_AN_ENTRY = 8  # of forward that an entry takes by differences, about


@dataclass(frozen=True, eq=False)
class Comparison:
    """A gradient beside the true one; of a large argument, both along random directions. Errors are shares of the
    largest true entry, or plain numbers where that is about zero."""

    problem: Problem
    argument: int
    gradient: Array
    compared: Array
    true: TrueGradient

    @property
    def is_entrywise(self) -> bool:
        """Whether each entry was compared, rather than sums along directions."""
        return bool(self.true.value.shape == self.problem.inputs[self.argument].shape)

    @property
    def wrong(self) -> Array:
        """Which entries are wrong."""
        return self.true.wrong(self.compared)

    @property
    def is_right(self) -> bool:
        """Whether nothing is wrong as far as was measured."""
        return not self.wrong.any()

    @property
    def has_power(self) -> bool:
        """Whether a wrong gradient would have been seen: the true one is not about zero, and known well."""
        return not self.true.is_about_zero and not self.true.is_blurred

    @property
    def error(self) -> float:
        """The largest error."""
        return self._largest(self.true.distance(self.compared))

    @property
    def tolerance(self) -> float:
        """The largest tolerance."""
        return self._largest(self.true.tolerance)

    def _largest(self, numbers: Array) -> float:
        """As a share of the largest true entry, or as it is where that is about zero."""
        unit = 1.0 if self.true.is_about_zero else self.true.scale
        return float(numbers[self.true.is_known].max(initial=0.0) / unit)

    @property
    def evidence(self) -> Evidence:
        """The worst entry, and the share of entries that are wrong; without an index where directions were checked."""
        found = worst_entry(self.true, self.compared)
        return found if self.is_entrywise else replace(found, index=None)


def worst_entry(true: TrueGradient, gradient: Array) -> Evidence:
    """The entry of a gradient that is most wrong, and the share of entries that are; empty for another shape."""
    if gradient.shape != true.value.shape or not gradient.size:
        return Evidence()
    wrong = true.wrong(gradient)
    distance = np.where(wrong, np.nan_to_num(true.distance(gradient), nan=np.inf), -1.0)
    index = tuple(int(k) for k in np.unravel_index(np.argmax(distance), distance.shape))
    low, high = float(true.low[index]), float(true.high[index])
    expected = float(true.value[index]) if low == high else (low, high)
    return Evidence(index, float(gradient[index]), expected, float(wrong.mean()))


def compare(problem: Problem, argument: int, gradient: Array) -> Comparison:
    """Compare a gradient, of its input's shape, with the true one: every entry, or random directions if it is large, or
    forward so slow that every entry would take seconds."""
    x = problem.inputs[argument]
    if x.size <= min(EVERY_ENTRY, _affordable(problem)):
        return Comparison(problem, argument, gradient, gradient, measure_gradient(problem, argument))
    rng = np.random.default_rng(x.size)
    true, slopes = compare_slopes(problem, {argument: gradient}, DIRECTIONS, rng)
    verdict = Comparison(problem, argument, gradient, slopes, true)
    if verdict.is_right or not is_measurable(problem, argument):
        return verdict
    return Comparison(problem, argument, gradient, gradient, measure_gradient(problem, argument))


def is_measurable(problem: Problem, argument: int) -> bool:
    """Whether every entry of an argument can be measured in some seconds."""
    size: int = problem.inputs[argument].size
    return size <= min(_MOST_MEASURED_ENTRIES, 5 * _affordable(problem))


def _affordable(problem: Problem) -> float:
    """How many entries can be measured in the time that there is."""
    return _SECONDS_FOR_AN_ARGUMENT / (_CALLS_FOR_AN_ENTRY * problem.seconds) if problem.seconds else math.inf


def compare_ties(comparisons: list[Comparison]) -> Finding | None:
    """Move all entries that sit on a kink together. Inputs that are tied for the largest may share the upstream in any
    way, each from nothing to all of it, but in the sum it must come out once.

    comparisons: of all arguments at one point, each of them right by itself
    """
    kinks = {j.argument: j.true.low < j.true.high for j in comparisons if j.is_entrywise}
    kinks = {i: kink for i, kink in kinks.items() if kink.any()}
    if sum(int(kink.sum()) for kink in kinks.values()) < 2:
        return None
    problem = comparisons[0].problem
    gradients = {j.argument: j.gradient for j in comparisons}
    true = measure_slopes(problem, {i: kink[None].astype(np.float64) for i, kink in kinks.items()})
    together = np.array([sum(float(gradients[i][kink].sum()) for i, kink in kinks.items())])
    if not true.wrong(together).any():
        return None
    names = " and ".join(problem.names[i] for i in kinks)
    low, high = float(true.low[0]), float(true.high[0])
    text = (
        f"entries of {names} are tied, or at a kink: each gradient may be right, but together they are not: "
        f"moving all of these entries at once changes the result by {low:.6g} a unit, and the gradients say "
        f"{together[0]:.6g}"
    )
    advice = "the upstream may be shared among the tied entries in any way, but in the sum it must come out once"
    evidence = Evidence(None, float(together[0]), low if low == high else (low, high))
    return Finding(names, "ties", text, evidence, EXACTLY, advice)
