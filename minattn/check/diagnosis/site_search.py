"""The edits of one expression of backward: which of them put a gradient right, or nearly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...backend import Array
from .both_passes import BothPasses
from .measured_edits import Measured
from .values_over_time import Edit, Site

_LARGEST_SITE = 150  # numbers of a value of which it is measured how each acts on the gradients


class SiteSearch:
    """Edits of one expression. Where the gradients are linear in its value, this is measured once, and most edits are
    refused by a product instead of a run."""

    def __init__(self, passes: BothPasses, site: Site) -> None:
        self.passes, self.site, self.steps = passes, site, passes.sites[site]
        self.right = [i for i in passes.outputs if i not in passes.wrong]
        reached = set(passes.downstream(self.steps))
        self.wrong = [i for i in passes.wrong if passes.outputs[i] in reached]
        self.got = {i: np.asarray(passes.values[passes.outputs[i]], float).ravel() for i in self.wrong}
        self.error = {
            i: passes.true[i].value.ravel() - got
            for i, got in self.got.items()
            if got.size == passes.true[i].value.size
        }
        self.allowed = {i: 1e-5 * passes.true[i].scale + 10 * passes.true[i].tolerance.ravel() for i in self.error}
        self.value = np.concatenate([np.ravel(passes.values[i]) for i in self.steps])
        self._response: dict[int, Array] | None = None
        self._is_measured = False
        self._tried = 0

    def response(self, at_once: bool = False) -> dict[int, Array] | None:
        """How each number of the expression's value acts on the wrong gradients, (size of the value, size of the
        gradient), after as many edits as it takes to pay; None where its values follow from one another, are many, or
        the gradients are not linear in them."""
        self._tried += 1
        size = self.value.size
        if self._is_measured or self.value.dtype.kind != "f" or size > _LARGEST_SITE:
            return self._response
        if self._tried < size / 2 and not at_once:
            return None
        self._is_measured = True
        if len(self.error) < len(self.wrong) or not self._is_free:
            return None  # a gradient of another shape
        rows: dict[int, list[Array]] = {i: [] for i in self.wrong}
        unit = float(np.abs(self.value).max(initial=0.0)) or 1.0
        directions = [*np.eye(size), np.random.default_rng(size).normal(size=size)]
        for d in directions:
            moved, changes = self._split(self.value + unit * d), {}
            for (step, new), old in zip(moved.items(), self._split(d).values(), strict=True):
                if np.any(old):
                    changes[step] = lambda _, new=new: new
            gradients = self.passes.replay(changes)
            if gradients is None:
                return None
            for i in self.wrong:
                rows[i].append((np.asarray(gradients[i], float).ravel() - self.got[i]) / unit)
        found = {}
        for i, ends in rows.items():
            matrix, last = np.array(ends[:-1]), ends[-1]
            if not np.allclose(directions[-1] @ matrix, last, 1e-6, 1e-9 * (1 + np.abs(last).max(initial=0.0))):
                return None
            found[i] = matrix
        self._response = found
        return found

    @property
    def _is_free(self) -> bool:
        """Whether no value of the expression follows from one that it had before."""
        steps = self.steps
        return all(set(self.passes.downstream([i])).isdisjoint(steps[k + 1 :]) for k, i in enumerate(steps[:-1]))

    def _split(self, flat: Array) -> dict[int, Array]:
        """The value of each step, of all values in a row."""
        shapes = [np.shape(self.passes.values[i]) for i in self.steps]
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
        return {i: x.reshape(shape) for i, x, shape in zip(self.steps, np.split(flat, ends), shapes, strict=True)}

    def effect(self, edit: Edit) -> dict[int, Array] | None:
        """How the wrong gradients move with an edit, to first order; None where that is not known without a run."""
        response = self.response()
        changes = None if response is None else edit.changes(self.passes)
        gradients = None if changes is None or response is None else self._predicted(changes, response)
        return None if gradients is None else {i: g - self.got[i] for i, g in gradients.items()}

    def fixed_by(self, edit: Edit) -> tuple[frozenset[int], frozenset[int]]:
        """The wrong arguments that an edit puts right, and those that are then right but for a factor.

        None of either where it harms one that is right.
        """
        nothing: frozenset[int] = frozenset()
        changes = edit.changes(self.passes)
        if changes is None:
            return nothing, nothing
        response = self.response()
        gradients = None if response is None else self._predicted(changes, response)
        if gradients is not None:
            close = {i for i, g in gradients.items() if self._is_close(i, g - self.got[i] - self.error[i])}
            near = frozenset(i for i, g in gradients.items() if i not in close and self._is_multiple(i, g))
            if not close:
                return nothing, near
        run = self.passes.replay(changes)
        if run is None or not all(self.passes.is_right(i, run[i]) for i in self.right):
            return nothing, nothing
        fixed = frozenset(i for i in self.wrong if self.passes.is_right(i, run[i]))
        near = frozenset(i for i in self.error if i not in fixed and self._is_multiple(i, run[i]))
        return fixed, near

    def _predicted(
        self, changes: Mapping[int, Callable[[list[Any]], Any]], response: dict[int, Array]
    ) -> dict[int, Array] | None:
        """The wrong gradients after a change, flat; None where its value has another shape, or another expression is
        changed too: only a run can tell."""
        if not changes.keys() <= set(self.steps):
            return None
        moved, known = [], list(self.passes.values)
        for i in self.passes.downstream(self.steps) if len(self.steps) > 1 else ():
            known[i] = None  # what follows from other values of this expression is not known without a run
        for i in self.steps:
            value = self.passes.values[i]
            try:
                new = np.asarray(changes[i](known)) if i in changes else value
            except Exception:  # shapes that do not go together
                return {} if len(self.steps) == 1 else None
            if np.shape(new) != np.shape(value) or np.asarray(new).dtype.kind not in "fiub":
                return None
            moved.append(np.ravel(new - value))
        return {i: self.got[i] + np.concatenate(moved) @ matrix for i, matrix in response.items()}

    def _is_multiple(self, argument: int, gradient: Any) -> bool:
        """Whether a gradient is the true one times a number."""
        true, got = self.passes.true[argument].value.ravel(), np.asarray(gradient)
        if got.size != true.size or got.size < 2 or got.dtype.kind != "f":
            return False
        c = float(got.ravel() @ true) / max(float(true @ true), 1e-300)
        return abs(c) > 1e-6 and self._is_close(argument, got.ravel() / c - true)

    def _is_close(self, argument: int, off: Array) -> bool:
        return bool((np.abs(off) <= self.allowed[argument]).all())

    def solve(self, measured: Measured) -> dict[int, float]:
        """For each wrong argument the number with which the edit puts it right, where there is one."""
        ends = []
        for c in (0.0, 1.0):
            changes = measured.edit(c, "").changes(self.passes)
            gradients = None if changes is None else self._gradients(changes)
            if gradients is None or not self.error.keys() <= gradients.keys():
                return {}
            ends.append(gradients)
        numbers: dict[int, float] = {}
        for i in self.error:
            zero, one = (np.asarray(end[i], float).ravel() for end in ends)
            if zero.shape != self.got[i].shape or one.shape != zero.shape or not np.isfinite(one + zero).all():
                continue
            moved, off = one - zero, self.got[i] + self.error[i] - zero
            size = float(moved @ moved)
            c = float(moved @ off) / size if size > 1e-300 else 0.0
            if abs(c) > 1e-9 and self._is_close(i, c * moved - off):
                numbers[i] = c
        return numbers

    def _gradients(self, changes: Mapping[int, Callable[[list[Any]], Any]]) -> dict[int, Any] | None:
        """The wrong gradients after a change: from the response to the value where that is known, else by a run."""
        response = self.response()
        predicted = None if response is None else self._predicted(changes, response)
        return self.passes.replay(changes) if predicted is None else predicted
