"""Which value an expression of backward would need, where no slip says it: a product of two values, or a sum of such.

The gradients are linear in the value of most expressions. So a number for each product of two values tells which of
them could stand there, and all products are tried at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...backend import Array
from .both_passes import BothPasses
from .site_search import SiteSearch
from .value_edits import cost_of_value, in_backticks, stretches, time_words
from .values_over_time import ONCE, Alignment, Edit, NewValue, Site

_MOST_VALUES = 60
_MOST_NUMBERS = 5000  # in the values of one expression, over all times
_MOST_FOUND = 8
_COST = 1.3
_TIMES = (1.0, -1.0, 2.0, -2.0, 0.5, -0.5)


class _Atom(NamedTuple):
    """A value: what it is called, the key of its sequence, an index it is read at (None for none), an axis put into it
    (None for none), and whether it is its reciprocal."""

    name: str
    key: object
    alignment: Alignment
    ids: object
    axis: int | None
    divides: bool
    cost: float

    def at(self, passes: BothPasses, site: Site) -> dict[int, tuple[int, ...]] | None:
        """For each step of a site where the value stands, and its index."""
        pairs = passes.at_time(self.key, self.alignment, site)
        places = passes.at_time(self.ids, ONCE, site) if self.ids is not None else {}
        if pairs is None or places is None:
            return None
        return {i: (there, places[i]) if self.ids is not None else (there,) for i, there in pairs.items()}

    def read(self, values: Sequence[Any], places: Sequence[int]) -> Array:
        """The value in its form."""
        x = np.asarray(values[places[0]], float)
        x = x[values[places[1]]] if len(places) > 1 else x
        x = x if self.axis is None else np.expand_dims(x, self.axis)
        return 1 / x if self.divides else x


class _Way(NamedTuple):
    """From the shape of a product to the shape of a value: sums along axes; keeps: whether these axes stay."""

    shape: tuple[int, ...]
    axes: tuple[int, ...]
    keeps: bool


def needed_values(search: SiteSearch) -> Iterator[Edit]:
    """Edits that give an expression a product, or a sum of products, in place of its value, or add it."""
    response, passes, site = search.response(at_once=True), search.passes, search.site
    shapes = {np.shape(passes.values[i]) for i in search.steps}
    if response is None or len(shapes) > 1:
        return
    shape, found = shapes.pop(), 0
    atoms = _atoms(search)
    along = {i: np.random.default_rng(3).normal(size=matrix.shape[1]) for i, matrix in response.items()}
    for i, matrix in response.items():
        weight = (matrix @ along[i]).reshape(len(search.steps), *shape)
        missing = float(search.error[i] @ along[i])
        wanted = missing + float(weight.ravel() @ search.value)
        for way in _ways(shape, [values.shape[1:] for _, values in atoms]):
            for one, two, c, is_term in _products(atoms, weight, way, missing, wanted):
                told = _told(one, two, c, way)
                words = f"to {passes.expression(site)} {told} is to be added" if is_term else ""
                words = words or f"{passes.expression(site)} stands where {told} belongs"
                change = partial(_changes, site, shape, one, two, c, way, is_term)
                cost = _COST + (one.cost + two.cost) / 4 + 0.2 * (c != 1) + 0.2 * one.divides + 0.1 * bool(way.axes)
                yield Edit("cross_terms_missing" if way.axes else "wrong_variable", words, site, change, cost)
                found += 1
                if found > _MOST_FOUND:
                    return


def _atoms(search: SiteSearch) -> list[tuple[_Atom, Array]]:
    """The values that may stand at a site, each with its numbers, the times that the site runs in front."""
    passes, site = search.passes, search.site
    found: list[tuple[_Atom, Array]] = []
    later = set(passes.downstream(search.steps))
    for plain in _values_by_cost(passes, site):
        pairs = plain.at(passes, site)
        if pairs is None or len(pairs) < len(search.steps) or later & {i for each in pairs.values() for i in each}:
            continue
        for axis in (None, -1):
            for divides in (False, True):
                atom = plain._replace(axis=axis, divides=divides)
                try:
                    numbers = np.stack([atom.read(passes.values, pairs[i]) for i in search.steps])
                except (IndexError, ValueError, TypeError):  # other shapes at other times, an index beside the array
                    break
                is_known = 1 < numbers.size < _MOST_NUMBERS and np.isfinite(numbers).all()
                if is_known and (axis is None or numbers.ndim == 3) and (not divides or np.all(numbers)):
                    found.append((atom, numbers))
        if len(found) > _MOST_VALUES:
            break
    return found


def _values_by_cost(passes: BothPasses, site: Site) -> Iterator[_Atom]:
    """The values that have a name first; then what stands in them at the places that ids say."""
    values = sorted(passes.different_sequences.items(), key=lambda item: cost_of_value(item[0], item[1].name))
    kinds = {key: np.asarray(passes.values[sequence.steps[0]]) for key, sequence in values}
    for key, sequence in values:
        for alignment in passes.alignments(sequence, site)[:2] if kinds[key].dtype.kind in "fbi" else ():
            name = in_backticks(sequence.name) + time_words(alignment)
            yield _Atom(name, key, alignment, None, None, False, cost_of_value(key, sequence.name))
    for index, ids in values:
        is_index = kinds[index].dtype.kind == "i" and kinds[index].ndim == 1 == len(ids.steps)
        for key, sequence in values if is_index else ():
            if kinds[key].ndim == 1 == len(sequence.steps) and kinds[key].size > kinds[index].max(initial=0):
                name = f"{in_backticks(sequence.name)} at the places {in_backticks(ids.name)}"
                yield _Atom(name, key, ONCE, index, None, False, cost_of_value(key, sequence.name))


def _ways(shape: tuple[int, ...], others: list[tuple[int, ...]]) -> list[_Way]:
    """No sum; a sum along an axis, spread over it again; sums from a larger shape."""
    ways = [_Way(shape, (), False)]
    ways += [_Way(shape, (axis,), True) for axis, n in enumerate(shape) if n > 1]
    for other in dict.fromkeys(others):
        if len(other) == len(shape) and stretches(shape, other) and other != shape:
            ways.append(_Way(other, tuple(a for a, n in enumerate(shape) if n != other[a]), True))
        for axis in range(len(other)) if len(other) == len(shape) + 1 else ():
            if other[:axis] + other[axis + 1 :] == shape and other[axis] > 1:
                ways.append(_Way(other, (axis,), False))
        if not shape and len(other) > 1:
            ways.append(_Way(other, tuple(range(len(other))), False))
    return ways


def _products(
    atoms: list[tuple[_Atom, Array]], weight: Array, way: _Way, missing: float, wanted: float
) -> Iterator[tuple[_Atom, _Atom, float, bool]]:
    """Two values, a factor, and whether their product is a term that is missing or stands for the whole value."""
    fitting = [(atom, x) for atom, x in atoms if stretches(x.shape[1:], way.shape)]
    if not fitting or len(weight) * int(np.prod(way.shape)) > _MOST_NUMBERS:
        return
    rows = np.array([_spread(x, way.shape) for _, x in fitting])
    w = weight
    if way.axes and way.keeps:
        small = tuple(1 if a in way.axes else n for a, n in enumerate(way.shape))
        if weight.shape[1:] != small:
            w = weight.sum(axis=tuple(a + 1 for a in way.axes), keepdims=True)
    elif way.axes:
        w = np.expand_dims(weight, tuple(a + 1 for a in way.axes))
    spread = np.broadcast_to(w, (len(weight), *way.shape)).ravel()
    table = (rows * spread) @ rows.T
    scale = np.sqrt((rows * rows) @ (spread * spread))
    for is_term, number in ((False, wanted), (True, missing)):
        if abs(number) < 1e-9 * scale.max(initial=0.0):
            continue
        for c in _TIMES:
            for j, k in np.argwhere(np.abs(c * table - number) < 1e-7 * abs(number)):
                if j <= k and not (fitting[j][0].divides and fitting[k][0].divides):
                    one, two = sorted((fitting[j][0], fitting[k][0]), key=lambda atom: atom.divides)
                    full = np.broadcast_shapes(fitting[j][1].shape[1:], fitting[k][1].shape[1:]) == way.shape
                    if not (one.key == two.key and two.divides) and (full or not way.axes):
                        yield one, two, c, is_term


def _spread(x: Array, shape: tuple[int, ...]) -> Array:
    """The numbers of all times in a row, each stretched to a shape."""
    x = x.reshape(len(x), *(1,) * (len(shape) + 1 - x.ndim), *x.shape[1:])
    return np.broadcast_to(x, (len(x), *shape)).ravel()


def _told(one: _Atom, two: _Atom, c: float, way: _Way) -> str:
    by = "divided by" if two.divides else "times"
    product = f"{one.name} squared" if one == two else f"{one.name} {by} {two.name}"
    factor = {1.0: "", -1.0: "-1 times "}.get(c, f"{c:g} times ")
    axes = " and ".join(map(str, way.axes))
    return f"{factor}the sum along axis {axes} of {product}" if way.axes else f"{factor}{product}"


def _changes(
    site: Site, shape: tuple[int, ...], one: _Atom, two: _Atom, c: float, way: _Way, is_term: bool, passes: BothPasses
) -> Mapping[int, NewValue] | None:
    first, second = one.at(passes, site), two.at(passes, site)
    if first is None or second is None or first.keys() != second.keys():
        return None
    return {i: partial(_value, i, first[i], second[i], one, two, c, way, is_term, passes) for i in first}


def _value(
    i: int,
    first: Sequence[int],
    second: Sequence[int],
    one: _Atom,
    two: _Atom,
    c: float,
    way: _Way,
    is_term: bool,
    passes: BothPasses,
    values: list[Any],
) -> Any:
    x = c * one.read(values, first) * two.read(values, second)
    own = passes.runs[i](values)
    if way.axes:
        x = x.sum(axis=way.axes, keepdims=way.keeps)
    return own + x if is_term else np.broadcast_to(x, np.shape(own))
