"""The diagnosis of all wrong gradients together: one cause that explains several is one finding."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ...trace import Untraceable
from ..problem import Problem, bolder_points, second_point
from ..redrawn import redrawn
from ..referee import TrueGradient
from .both_passes import BothPasses
from .dropped_uses import Dropped, explain, hypotheses, is_what_came
from .known_facts import known_facts
from .local_jacobians import LocalJacobians
from .repair import Fix, Search, Tried, adding_up, pair, repair
from .values_over_time import Edit

_MOST_PAIRS = 20
_SHARE_OF_USES, _SHARE_OF_EDITS = 0.3, 0.8  # of the time, until when d is asked, and then e; the rest is for f
_PLAUSIBLE = 0.9  # cost of an edit that may be the second of two mistakes

_REMOVED = "does not belong there"  # with a use left out this describes other gradients too


class Cause(NamedTuple):
    """One thing that is wrong: with which arguments, its kind and sentence, and how unlikely a slip it is.

    is_exact: whether it accounts for the gradients at all places; says_where: whether it names the expression to mend
    """

    arguments: frozenset[int]
    kind: str
    sentence: str
    cost: float
    is_exact: bool = True
    says_where: bool = False


class WholeBackward:
    """A backward pass that is wrong, at several places: where it was found to be, with other lengths, at other inputs.

    problem, true: where it is wrong, and the true gradients there as far as they are known
    first: the problem as it was given, where it is tried too
    """

    def __init__(self, problem: Problem, true: Mapping[int, TrueGradient], first: Problem, deadline: float) -> None:
        self.deadline = deadline
        self.problem, self.first = problem, first
        self.tied = False
        self.passes = BothPasses(problem, true)

    @cached_property
    def elsewhere(self) -> list[BothPasses]:
        """The other places at which both passes can be followed."""
        first = None if self.first is self.problem else self.first
        rng = np.random.default_rng(11)
        other = redrawn(self.problem, self.tied)
        moved = second_point(other or self.problem, rng)
        anywhere = next(bolder_points(self.problem, rng), None)  # where signs are others, and so are branches and masks
        found = []
        for place in (first, moved or other, anywhere):
            if place is not None:
                with contextlib.suppress(Untraceable):
                    there = BothPasses(place)
                    if not set(there.wrong) - set(self.passes.wrong):  # else forward leaves a part of an input unused
                        found.append(there)
        return found

    @cached_property
    def here(self) -> LocalJacobians | None:
        """The local Jacobians of forward's steps; None where they cannot be measured."""
        try:
            return LocalJacobians(self.passes)
        except Exception:  # a step that cannot be run by itself
            return None

    @cached_property
    def there(self) -> list[LocalJacobians]:
        """Those at the other places where they can be measured."""
        found = []
        for place in self.elsewhere:
            with contextlib.suppress(Exception):  # a step that cannot be run by itself
                found.append(LocalJacobians(place))
        return found

    def is_over(self) -> bool:
        """Whether time is up."""
        return time.thread_time() > self.deadline

    def causes(self) -> list[Cause]:
        """The likeliest causes that together explain as many of the wrong gradients as can be."""
        wrong = frozenset(self.passes.wrong)
        best = self._causes(wrong) if wrong else []
        if _explained(best) < wrong and not self.is_over():
            self.tied = True
            for name in ("elsewhere", "there"):
                self.__dict__.pop(name, None)
            again = self._causes(wrong)
            if len(_explained(again)) > len(_explained(best)):
                return again
        return best

    def _causes(self, wrong: frozenset[int]) -> list[Cause]:
        options: list[list[Cause]] = []
        here, start = self.here, time.thread_time()
        part = start + _SHARE_OF_USES * (self.deadline - start)
        left = hypotheses(here) if here else iter(())
        options += self._uses(wrong, left, lambda: time.thread_time() > part)
        until = start + _SHARE_OF_EDITS * (self.deadline - start)
        tried, search = Tried(), Search(lambda: self.elsewhere, until)
        fixes = repair(self.passes, search, tried)
        options += [[_of_fix(fix)] for fix in tried.fixes]
        options += [_of_fixes(fixes)] if fixes else []
        for i in sorted(wrong - _explained([c for option in options for c in option])) if len(wrong) > 1 else ():
            two = pair(self.passes, search, tried, i)
            options += [_of_fixes(two)] if two else []
        if not options:
            options += self._uses(wrong, left, self.is_over)
        if here is not None and not options and len(wrong) == 1:
            options += list(self._mixed([here, *self.there], tried, next(iter(wrong))))
        return _cover(options, wrong)

    def _uses(
        self, wrong: frozenset[int], left: Iterator[Dropped], is_over: Callable[[], bool]
    ) -> Iterator[list[Cause]]:
        """What the hypotheses about uses that are left explain, until one explains everything."""
        for hypothesis, explained in explain(self.here, left, lambda: self.there, is_over) if self.here else ():
            yield [Cause(explained, hypothesis.kind, hypothesis.sentence, hypothesis.cost)]
            if explained == wrong and hypothesis.cost < 1:
                return

    def _mixed(self, places: Sequence[LocalJacobians], tried: Tried, argument: int) -> Iterator[list[Cause]]:
        """A use that is not followed, and a slip in what is: together they are what came."""
        place, passes = places[0], self.passes
        true, got = passes.true[argument].value.ravel(), np.ravel(passes.values[passes.outputs[argument]])
        if true.size != got.size:
            return
        dropped, rows = [], []
        for use in hypotheses(place):
            if self.is_over():
                return
            gradient = place.gradients(use.factors(place))[argument].ravel() if use.cost < 1 else np.zeros(1)
            if np.abs(gradient).max() > 1e-6 * np.abs(true).max():
                dropped.append(use)
                rows.append(true - gradient)
        edits = [(edit, effect[argument]) for edit, effect in tried.operations if argument in effect]
        edits = [(edit, effect) for edit, effect in edits if edit.cost <= _PLAUSIBLE and _REMOVED not in edit.sentence]
        pairs = adding_up([*rows, *(effect for _, effect in edits)], true - got)
        for i, j in pairs[:_MOST_PAIRS]:
            if i < len(rows) <= j and not self.is_over():
                use, edit = dropped[i], edits[j - len(rows)][0]
                if all(_is_what_comes_after(there, use, edit, argument) for there in places):
                    one = frozenset({argument})
                    sentence = f"two mistakes at once, it seems: it is {use.sentence}; and {edit.sentence}"
                    yield [Cause(one, use.kind, sentence, use.cost + edit.cost + 1, False)]
                    return


def _is_what_comes_after(place: LocalJacobians, use: Dropped, edit: Edit, argument: int) -> bool:
    edited = place.passes.edited(edit)
    return edited is not None and is_what_came(edited, argument, place.gradients(use.factors(place))[argument])


def _of_fixes(fixes: Sequence[Fix]) -> list[Cause]:
    """One cause for each fix; for those of one and the same gradient one, because they hold only together."""
    causes: list[Cause] = []
    for fix in fixes:
        same = next((k for k, cause in enumerate(causes) if cause.arguments == fix.fixed), None)
        if same is None:
            causes.append(_of_fix(fix))
        else:
            first = causes[same]
            together = f"{first.sentence}; and with it, {fix.edit.sentence}: both have to be mended"
            causes[same] = first._replace(sentence=together, cost=first.cost + fix.edit.cost + 1)
    return causes


def _of_fix(fix: Fix) -> Cause:
    return Cause(fix.fixed, fix.edit.kind, fix.edit.sentence, fix.edit.cost, says_where=True)


def _cover(options: Sequence[Sequence[Cause]], wrong: frozenset[int]) -> list[Cause]:
    """The cheapest options that together explain all arguments, or as many as can be."""
    best: list[Cause] = []
    left = wrong
    while left:
        useful = [option for option in options if left & _explained(option)]
        if not useful:
            break
        chosen = min(useful, key=lambda option: (_price(option) / len(left & _explained(option)), _price(option)))
        best += [cause for cause in chosen if cause not in best]
        left -= _explained(chosen)
    whole = [option for option in options if _explained(option) >= wrong]
    cheapest = min(whole, key=_price, default=None)
    return list(cheapest) if cheapest is not None and _price(cheapest) <= _price(best) else best


def _explained(option: Sequence[Cause]) -> frozenset[int]:
    return frozenset().union(*(cause.arguments for cause in option))


def _price(option: Sequence[Cause]) -> float:
    return sum(cause.cost for cause in option) + len(option)


def find_causes_together(
    problem: Problem,
    true: Mapping[int, TrueGradient],
    first: Problem,
    deadline: float,
    *,
    strict: bool = False,
) -> tuple[list[Cause], dict[int, list[str]]]:
    """The causes of what is wrong with several gradients, and of each that stays without one what is known of it; none
    where backward cannot be followed.

    problem, true: where it is wrong, and the true gradients there; first: the problem as it was given; deadline: on the
    clock of `time.thread_time`, from which on nothing is tried any more; strict: let an exception of what is done here
    through, as tests do; else nothing is said
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # wrong code divides by zero, takes means of nothing
        try:
            whole = WholeBackward(problem, true, first, deadline)
            causes = whole.causes()
            if not whole.elsewhere:  # nothing is exact that was seen at one place alone
                causes = [cause._replace(is_exact=False) for cause in causes]
            left = set(whole.passes.wrong) - _explained(causes)
            return causes, {i: known_facts(whole.passes, whole.here, i) for i in left}
        except Untraceable:
            return [], {}
        except Exception:  # the gradients are wrong whatever happens in here
            if strict:
                raise
            return [], {}
