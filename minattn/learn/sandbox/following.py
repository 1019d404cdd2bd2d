"""Follows what a learner's function computes: every value of every expression of their file, and every call.

A derivative is measured by looking at forward beside the point that was given. So the numbers that came in show up
again, a little changed: in one entry, in some by the same amount, to both sides; or there are complex numbers, or unit
vectors one by one. This is counted here, whatever the functions are called and whoever calls them; what it means is
said elsewhere.
"""

import contextlib
from bisect import bisect_left
from collections import defaultdict
from typing import Any

import numpy as np

MOST_EVALUATIONS, MOST_ENTRIES, MOST_KEPT = 60_000, 1 << 16, 64
NEAR = 0.05
"""Beside a point: within this share of its largest entry."""


class Input:
    """One of the arrays that came in, and how often it was seen beside itself.

    single, units: the entries that were changed alone, and those that were alone not zero, by their value
    patterns, shifts: sets of entries that were changed by one amount; amounts by which all were
    beside: differences of values that lie near
    """

    def __init__(self, argument: int, array: Any) -> None:
        self.argument, self.shape, self.flat = argument, array.shape, array.astype(float).ravel()
        self.largest = max(float(np.abs(self.flat).max(initial=0.0)), 1e-3)
        self.single: set[int] = set()
        self.units: dict[float, set[int]] = defaultdict(set)
        self.patterns: set[bytes] = set()
        self.shifts: set[float] = set()
        self.beside: list[Any] = []
        self.scalars: dict[str, set[int]] = defaultdict(set)

    def look(self, value: Any) -> None:
        """Compare a value with the input, or each of several that lie in one array; rows with its rows."""
        n, shape, of = self.flat.size, value.shape, len(self.shape)
        if value.size == n and shape == self.shape[::-1] != self.shape:
            self._compare(value.T.reshape(1, n), self.flat[None])
        elif value.size == n and (shape == self.shape or value.ndim == 1):
            self._compare(value.reshape(1, n), self.flat[None])
        elif value.size % n == 0 and value.size > n and (shape[-of:] == self.shape or shape[1:] == (n,)):
            self._compare(value.reshape(-1, n), self.flat[None])
        elif value.size % n == 0 and value.size > n and (shape[:of] == self.shape or shape[:1] == (n,)):
            self._compare(value.reshape(n, -1).T, self.flat[None])
        elif 2 <= value.size < n and self.shape[-value.ndim :] == shape:
            self._compare(value.reshape(1, -1), self.flat.reshape(-1, value.size))

    def _compare(self, values: Any, rows: Any) -> None:
        """Compare values (K, N) with (1, N), or one value (1, N) with rows (R, N) of the input."""
        is_whole = rows.shape[1] == self.flat.size
        rounding = 4 * float(np.finfo(float).eps) * self.largest
        with np.errstate(all="ignore"):
            difference = values - rows
            difference[abs(difference) < rounding / 4] = 0  # an entry that was changed and put back
            changed = (difference != 0).sum(axis=1)
        for i in np.flatnonzero((changed > 0) & np.isfinite(difference).all(axis=1))[: 4 * MOST_KEPT * 16]:
            part, offset = difference[i], 0 if is_whole else int(i) * rows.shape[1]
            places = np.flatnonzero(part)
            amounts = part[places]
            size = float(np.abs(amounts).max())
            if len(places) == 1 and rows.shape[1] > 1:
                self.single.add(offset + int(places[0]))
            elif size <= 10 * self.largest and np.ptp(amounts) <= 1e-3 * size + rounding:
                if len(places) < rows.shape[1]:
                    self.patterns.add(offset.to_bytes(8, "little") + places.tobytes())
                elif is_whole:
                    self.shifts.add(float(f"{amounts[0]:.3g}"))
            if size <= NEAR * self.largest and len(self.beside) < MOST_KEPT:
                whole = np.zeros(self.flat.size)
                whole[offset : offset + rows.shape[1]] = part
                self.beside.append(whole)
        if is_whole and len(self.shape) > 1:
            for row in values[(values != 0).sum(axis=1) == 1][: 4 * MOST_KEPT * 16]:
                place = int(np.flatnonzero(row)[0])
                self.units[abs(float(row[place]))].add(place)

    def pairs(self) -> int:
        """How many of the values beside the input lie opposite each other."""
        found = 0
        for i, one in enumerate(self.beside):
            limit = 1e-3 * float(np.abs(one).max()) + 8 * float(np.finfo(float).eps) * self.largest
            found += any(float(np.abs(one + other).max()) <= limit for other in self.beside[:i])
        return found

    def told(self) -> dict[str, Any]:
        """What was counted."""
        distinct = {part.astype(float).tobytes() for part in self.beside}
        return {
            "argument": self.argument,
            "entries": int(self.flat.size),
            "single": len(self.single),
            "units": max(map(len, self.units.values()), default=0),
            "patterns": len(self.patterns),
            "shifts": sorted(self.shifts, key=abs)[:20],
            "beside": len(distinct),
            "pairs": self.pairs(),
            "scalars": max(map(len, self.scalars.values()), default=0),
        }


class Trail:
    """Counts, while a file is loaded and while one call of it runs."""

    def __init__(self) -> None:
        self.inputs: list[Input] = []
        self.order: list[tuple[float, int, int]] = []
        self.active, self.evaluations = True, 0
        self.at_load = [0, 0]
        self.calls: set[bytes] = set()
        self.known: set[tuple[Any, bytes]] = set()
        self.first: dict[tuple[int, int], Any] = {}
        self.flags = dict.fromkeys(("complex", "long", "batched", "identity", "lost"), False)
        self.moved: dict[int, set[bytes]] = defaultdict(set)

    def begin(self, arguments: list[Any]) -> None:
        """Begin to compare with what is handed in."""
        self.at_load, self.evaluations, self.active = [len(self.calls), self.evaluations], 0, True
        self.calls.clear()
        self.known.clear()
        self.first.clear()
        for number, argument in enumerate(arguments):
            self._add(number, argument)
        for i, part in enumerate(self.inputs):
            self.order += [(float(x), i, j) for j, x in enumerate(part.flat)]
        self.order.sort()

    def _add(self, number: int, value: Any) -> None:
        for part in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
            self._add(number, part)
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and 1 < value.size <= 4096:
            self.inputs.append(Input(number, value))

    def end(self) -> dict[str, Any]:
        """Stop, and tell what was counted."""
        self.active = False
        return {
            **self.flags,
            "at_load": self.at_load,
            "evaluations": self.evaluations,
            "calls": len(self.calls),
            "moved": {str(line): len(points) for line, points in self.moved.items()},
            "inputs": [part.told() for part in self.inputs],
        }

    def see(self, value: Any) -> Any:
        """Look at a value, and hand it on."""
        if self.active:
            try:
                self._see(value)
            except Exception:  # of a value that is not what it seems; the learner's code goes on
                self.active, self.flags["lost"] = False, True
        return value

    def _see(self, value: Any) -> None:
        self.evaluations += 1
        if self.evaluations > MOST_EVALUATIONS:
            self.active, self.flags["lost"] = False, True
        elif isinstance(value, float | np.floating):
            self._scalar(value)
        elif isinstance(value, np.ndarray):
            self._array(value)
        elif isinstance(value, complex | np.complexfloating):
            self.flags["complex"] = True
        elif type(value) is list and value and type(value[0]) in (float, list):
            with contextlib.suppress(ValueError, TypeError):  # not numbers alone, or of different lengths
                self._array(np.array(value, float))

    def enter(self, is_forward: bool, line: int, *arguments: Any) -> None:
        """Note a call of one of the file's functions."""
        if self.active:
            try:
                self._enter(is_forward, line, arguments)
            except Exception:
                self.active, self.flags["lost"] = False, True

    def _enter(self, is_forward: bool, line: int, arguments: tuple[Any, ...]) -> None:
        arrays = [(i, x) for i, x in enumerate(arguments) if isinstance(x, np.ndarray) and x.dtype.kind in "fc"]
        for i, array in arrays:
            self._array(array)
            first = self.first.setdefault((line, i), array.copy())
            if first is not array and first.shape == array.shape and array.size > 1:
                difference = (array - first)[array != first]
                is_shift = difference.size and np.ptp(difference.real) <= 1e-3 * abs(difference).max()
                if is_shift and len(self.moved[line]) < MOST_KEPT:
                    self.moved[line].add(array.tobytes()[: 1 << 12])
        if not is_forward or not arrays:
            if is_forward and not self.inputs:
                self.calls.add(len(self.calls).to_bytes(8, "little"))
            return
        shapes, most = {part.shape for part in self.inputs}, max((part.flat.size for part in self.inputs), default=0)
        is_whole = all(array.shape in shapes for _, array in arrays) or not self.inputs
        if is_whole and len(self.calls) < 1 << 12:
            self.calls.add(b"".join(array.tobytes() for _, array in arrays))
        if self.inputs:
            self.flags["batched"] |= any(array.size >= 2 * most for _, array in arrays)
            self.flags["identity"] |= any(_is_units(array) for _, array in arrays)

    def _array(self, value: Any) -> None:
        kind = value.dtype.kind
        if kind == "c":
            self.flags["complex"] = True
        elif kind == "f" and value.size > MOST_ENTRIES:
            self.flags["lost"] = True
        elif kind == "f":
            self.flags["long"] |= value.dtype.itemsize > 8
            known = value.shape, value.tobytes()
            if known not in self.known:
                self.known.add(known)
                for part in self.inputs:
                    part.look(value)

    def _scalar(self, value: Any) -> None:
        value = float(value)
        place = bisect_left(self.order, (value,))
        for x, i, j in self.order[max(place - 1, 0) : place + 2]:
            difference = value - x
            if difference and abs(difference) <= NEAR * max(1.0, abs(x)):
                for key in (f"{difference:.2e}", f"x{difference / x:.2e}" if x else ""):
                    if len(self.inputs[i].scalars) < 1 << 14:
                        self.inputs[i].scalars[key].add(j)


def _is_units(array: Any) -> bool:
    """Whether an array is unit vectors, one below the other: the identity, or a stack of arrays of one 1."""
    if array.ndim < 2 or len(array) < 2:
        return False
    flat = array.reshape(len(array), -1)
    if flat.shape[1] < len(flat):
        return False
    ones = (flat != 0).sum(axis=1)
    return bool((ones == 1).all() and np.ptp(flat.sum(axis=1)) == 0 and (flat != 0).any(axis=0).sum() == len(flat))
