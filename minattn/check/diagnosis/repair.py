"""The probe that reads backward itself: which one change of its code makes every gradient right?

Changes that undo the usual slips are tried at every expression of backward. What is found holds at several places, with
other lengths too, and is said of that expression. Where one change is not enough, several are looked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ...backend import Array
from .both_passes import BothPasses
from .factors import explain_factors
from .joint_edits import joint_edits, joint_numbers
from .measured_edits import Measured, measured_edits
from .needed_values import needed_values
from .site_search import SiteSearch
from .structural_edits import structural_edits
from .value_edits import value_edits
from .values_over_time import Edit, Site

_MOST_EDITS = 3
_MOST_ALTERNATIVES = 4
_MOST_PAIRS = 20
_PLAIN = 0.6  # cost of an edit after which no less likely ones are looked for
_OF_PLACES = ("wrong_index", "overwritten_not_accumulated", "mask_leak")  # kinds that change where, and not what
_GOOD_ENOUGH = 1.2  # cost of an edit beside which no two others are looked for


class Fix(NamedTuple):
    """An edit, and the arguments whose gradients are right after it."""

    edit: Edit
    fixed: frozenset[int]


class Search(NamedTuple):
    """Places where everything is tried, and until when."""

    elsewhere: Callable[[], Sequence[BothPasses]]
    deadline: float

    @property
    def is_over(self) -> bool:
        """Whether time is up."""
        return time.thread_time() > self.deadline

    def after(self, edit: Edit) -> Search | None:
        """The same search where an edit has been made; None where that is not possible."""
        places = [place.edited(edit) for place in self.elsewhere()]
        known = [place for place in places if place is not None]
        return Search(lambda: known, self.deadline) if len(known) == len(places) else None


def repair(passes: BothPasses, search: Search, tried: Tried, most: int = _MOST_EDITS) -> list[Fix] | None:
    """The likeliest edits that together make all gradients right at this place and at all others; None for none.

    tried: is filled with what was found on the way
    """
    wrong = frozenset(passes.wrong)
    fixes = tried.fixes = list(_fixes(passes, search, tried))
    candidates = [[fix] for fix in fixes if fix.fixed == wrong]
    best = min(candidates, key=cost_of, default=None)
    if most > 1 and (best is None or cost_of(best) > _GOOD_ENOUGH):
        for fix in [*_alternatives([fix for fix in fixes if fix.fixed != wrong]), *_alternatives(tried.nearly)]:
            rest, after = passes.edited(fix.edit), search.after(fix.edit)
            if rest is None or after is None or search.is_over:
                continue
            following = repair(rest, after, Tried(), most - 1)
            if following and (best is None or cost_of([fix, *following]) < cost_of(best)):
                best = [fix, *following]
    if best is None and most > 1 and len(wrong) == 1:
        best = pair(passes, search, tried, next(iter(wrong)))
    return best


def cost_of(fixes: Sequence[Fix]) -> float:
    """The likelier, the less: each edit's own, and one for every further edit."""
    return sum(fix.edit.cost for fix in fixes) + len(fixes) - 1


class Tried:
    """Edits that put some gradients right, and what did not do by itself: edits after which a gradient is right but for
    a factor, and the effects of others, those that change an operation once more by themselves."""

    def __init__(self) -> None:
        self.fixes: list[Fix] = []
        self.nearly: list[Fix] = []
        self.effects: list[tuple[Edit, dict[int, Array]]] = []
        self.operations: list[tuple[Edit, dict[int, Array]]] = []


def _alternatives(found: Sequence[Fix]) -> list[Fix]:
    """The likeliest, those first that fix most; of each expression one."""
    first: dict[tuple[Site, frozenset[int]], Fix] = {}
    for fix in sorted(found, key=lambda fix: fix.edit.cost):
        first.setdefault((fix.edit.site, fix.fixed), fix)
    return sorted(first.values(), key=lambda fix: -len(fix.fixed))[:_MOST_ALTERNATIVES]


def _fixes(passes: BothPasses, search: Search, tried: Tried) -> Iterator[Fix]:
    """Edits that put an argument right, or several, and leave those right that are, here and at the other places."""
    right = [i for i in passes.outputs if i not in passes.wrong]
    sites = []
    for site, steps in passes.sites.items():
        reached = set(passes.downstream(steps))
        reaches = {i for i, step in passes.outputs.items() if step in reached}
        if reaches and reaches.isdisjoint(right):
            sites.append(SiteSearch(passes, site))
    sites.reverse()  # the last lines of backward are the quickest to try
    wrong, is_found, explained = frozenset(passes.wrong), False, frozenset[int]()
    for family in (structural_edits, value_edits):
        if is_found:
            return
        for site_search in sites:
            for edit in family(passes, site_search.site):
                if search.is_over:
                    return
                fixed, nearly = site_search.fixed_by(edit)
                if fixed and holds(edit, fixed, search.elsewhere()):
                    yield Fix(edit, fixed)
                    explained |= fixed
                    is_found = is_found or (fixed == wrong and edit.cost <= _PLAIN)
                elif nearly:
                    tried.nearly.append(Fix(edit, nearly))
                elif effect := site_search.effect(edit):
                    tried.effects.append((edit, effect))
                    if family is structural_edits and edit.kind not in _OF_PLACES:
                        tried.operations.append((edit, effect))
    for site_search in sites if not is_found else ():
        for measured in measured_edits(passes, site_search.site):
            if search.is_over:
                return
            fix = _solved(site_search, measured, search.elsewhere)
            if fix is not None:
                yield fix
                explained |= fix.fixed
            elif measured.usual is not None:
                edit = measured.edit(measured.usual, "")
                if effect := site_search.effect(edit):
                    tried.effects.append((edit, effect))
    if explained < wrong:
        yield from _joint(passes, search, sites)
    for site_search in sites if explained < wrong else ():
        for edit in needed_values(site_search):
            if search.is_over:
                return
            fixed, _ = site_search.fixed_by(edit)
            if fixed and holds(edit, fixed, search.elsewhere()):
                yield Fix(edit, fixed)


def _joint(passes: BothPasses, search: Search, sites: Sequence[SiteSearch]) -> Iterator[Fix]:
    """Edits of several expressions at once."""
    right = [i for i in passes.outputs if i not in passes.wrong]
    for edit in joint_edits(passes):
        if search.is_over:
            return
        changes = edit.changes(passes)
        gradients = None if changes is None else passes.replay(changes)
        if gradients is not None and all(passes.is_right(i, gradients[i]) for i in right):
            fixed = frozenset(i for i in passes.wrong if passes.is_right(i, gradients[i]))
            if fixed and holds(edit, fixed, search.elsewhere()):
                yield Fix(edit, fixed)
    for site, measured in joint_numbers(passes):
        for site_search in sites:
            if site_search.site == site and (fix := _solved(site_search, measured, search.elsewhere)):
                yield fix


def pair(passes: BothPasses, search: Search, tried: Tried, argument: int) -> list[Fix] | None:
    """Two edits of different terms of one gradient, whose effects add up to what is wrong with it."""
    rows = [(edit, effect[argument]) for edit, effect in tried.effects if argument in effect]
    if np.size(passes.values[passes.outputs[argument]]) != passes.true[argument].value.size:
        return None
    off = passes.true[argument].value.ravel() - np.asarray(passes.values[passes.outputs[argument]], float).ravel()
    pairs = [(rows[i][0], rows[j][0]) for i, j in adding_up([effect for _, effect in rows], off)]
    fixed = frozenset({argument})
    for one, two in sorted(pairs, key=lambda pair: pair[0].cost + pair[1].cost)[:_MOST_PAIRS]:
        if one.site == two.site or search.is_over:
            continue
        places = [place.edited(one) for place in (passes, *search.elsewhere())]
        if all(place is not None and holds(two, fixed, [place]) for place in places):
            return [Fix(one, fixed), Fix(two, fixed)]
    return None


def adding_up(effects: Sequence[Array], off: Array) -> list[tuple[int, int]]:
    """The pairs of effects whose sum is what is off; none of numbers so few that many would."""
    known = [i for i, effect in enumerate(effects) if np.isfinite(effect).all() and effect.any()]
    if len(known) < 2 or off.size < 4:
        return []
    matrix = np.array([effects[i] for i in known])
    along = np.random.default_rng(2).normal(size=(off.size, 2))
    first, wanted = matrix @ along, off @ along
    order = np.argsort(first[:, 0])
    ranked, blur = first[order, 0], 1e-7 * float(np.abs(wanted).max())
    pairs = []
    for i, (left, across) in enumerate(first):
        low, high = np.searchsorted(ranked, [wanted[0] - left - blur, wanted[0] - left + blur])
        for j in order[low:high][:50]:
            is_pair = j > i and abs(across + first[j, 1] - wanted[1]) <= blur
            if is_pair and np.abs(matrix[i] + matrix[j] - off).max() <= 1e-6 * np.abs(off).max():
                pairs.append((known[i], known[j]))
    return pairs


def holds(edit: Edit, fixed: frozenset[int], places: Sequence[BothPasses]) -> bool:
    """Whether an edit puts the same arguments right at other places, and leaves right there what is right."""
    for place in places:
        if edit.site not in place.sites:
            return False
        changes = edit.changes(place)
        gradients = None if changes is None else place.replay(changes)
        if gradients is None:
            return False
        kept = fixed | {i for i in place.outputs if i not in place.wrong}
        if not all(place.is_right(i, gradients[i]) for i in kept):
            return False
    return True


def _solved(search: SiteSearch, measured: Measured, elsewhere: Callable[[], Sequence[BothPasses]]) -> Fix | None:
    """A measured edit with its number, which is the same at all places, or follows a length."""
    numbers = search.solve(measured)
    if not numbers:
        return None
    first = next(iter(numbers.values()))
    fixed = frozenset(i for i, c in numbers.items() if abs(c - first) <= 1e-6 * abs(first))
    values, places = [first], [search.passes, *elsewhere()]
    for place in places[1:]:
        if search.site not in place.sites:
            return None
        there = SiteSearch(place, search.site).solve(measured)
        found = [there.get(i) for i in fixed]
        c = found[0]
        if c is None or any(other is None or abs(other - c) > 1e-5 * abs(c) for other in found):
            return None
        values.append(c)
    told = "" if first == measured.usual else explain_factors(values, [place.problem for place in places])
    if told is None:
        return None
    if measured.usual is not None and abs(first - measured.usual) < 1e-6:
        first, told = measured.usual, ""
    edit = measured.edit(first, told)
    if told and measured.usual is not None:
        edit = edit._replace(cost=edit.cost + 1.5)
    gradients = search.passes.replay(edit.changes(search.passes) or {})
    if gradients is None or not all(search.passes.is_right(i, gradients[i]) for i in (*fixed, *search.right)):
        return None
    return Fix(edit, fixed)
