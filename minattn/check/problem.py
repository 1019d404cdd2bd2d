"""The problem: a forward, a backward, and the place where they are tried. Everything in this package works on it.

Tried are the inputs as given, and other points that are away from any initial values.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ..backend import Array
from .randomness import GENERATORS, Randomness

SEED_SALT = 0x6D61
"""Goes into every seed of a check, so that inputs drawn with the same seed do not equal the upstream."""


class Code(NamedTuple):
    """The two passes as somebody wrote them for another library, and how that is followed."""

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    dialect: Callable[[Any], Any]


@dataclass(frozen=True, eq=False)
class Problem:
    """A forward and a backward at one point, with one upstream gradient.

    forward(*inputs) -> output; backward(upstream, *inputs) -> a gradient, or a tuple of gradients, one an input
    inputs: float64 arrays, which have gradients; anything else (ids, masks, None, a Generator) is handed on as it is
    names: of the inputs; output: forward's at these inputs; upstream: like output, in float64
    seconds: what a call of forward takes, 0 for not known; code: what to follow instead of forward and backward, where
    these hand everything to another library

    `run_forward` and `run_backward` hand out copies, and rewind every generator of random numbers first, so that they
    may be called as often as one likes, in any order.
    """

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    inputs: tuple[Any, ...]
    names: tuple[str, ...]
    output: Array
    upstream: Array
    randomness: Randomness
    seconds: float = 0.0
    code: Code | None = None

    @property
    def arguments(self) -> list[int]:
        """The inputs that have gradients."""
        return [i for i, x in enumerate(self.inputs) if has_gradient(x)]

    @property
    def arrays(self) -> list[tuple[str, Array]]:
        """The inputs that are arrays, and the output, each with its name."""
        named = zip((*self.names, "the output"), (*self.inputs, self.output), strict=True)
        return [(name, x) for name, x in named if isinstance(x, np.ndarray)]

    def run_forward(self, *inputs: Any) -> Array:
        """forward's output, an array; inputs default to the problem's. May raise whatever forward raises."""
        self.randomness.rewind()
        with np.errstate(all="ignore"):
            return np.asarray(self.forward(*copies(inputs or self.inputs)))

    def run_forward_beside(self, inputs: Sequence[Any]) -> Array:
        """forward's output at inputs beside the problem's, in the shape that it has at the problem's own.

        NaN where forward raises or gives another shape there, as `x[x > 0]` does where an entry changes its sign. For
        complex inputs it raises instead: NaN would have an imaginary part of 0, which is a slope.
        """
        try:
            output = self.run_forward(*inputs)
            if output.shape == self.output.shape:
                return output
            raise ValueError(f"forward's output has shape {output.shape} here, not {self.output.shape}")
        except Exception:  # forward may refuse what it was not written for
            if any(isinstance(x, np.ndarray) and x.dtype.kind == "c" for x in inputs):
                raise
            return np.full(self.output.shape, np.nan)

    def run_backward(self, upstream: Array | None = None, inputs: Sequence[Any] | None = None) -> Any:
        """What backward returns, untouched, right after forward has run on the same inputs. May raise what they raise.

        upstream, inputs: instead of the problem's.
        """
        own = self.inputs if inputs is None else inputs
        g = self.upstream if upstream is None else upstream
        self.randomness.rewind()
        with np.errstate(all="ignore"):  # NaN and infinity are looked for, not warned of
            self.forward(*copies(own))
            return self.backward(g.copy(), *copies(own))

    def gradients(self, upstream: Array | None = None, inputs: Sequence[Any] | None = None) -> list[Array | None]:
        """What `run_backward` returns as a list, one an input: an array of numbers, whatever its shape, or None.

        None for an input without gradient, and where backward gave nothing that can be read as numbers.
        """
        return as_gradients(self.run_backward(upstream, inputs), self.inputs)

    def at(self, inputs: Sequence[Any], upstream: Array | None = None) -> Problem:
        """The same problem with other inputs of the same shapes, or another upstream.

        Raises what forward raises.
        """
        g = self.upstream if upstream is None else upstream
        arrays = tuple(np.asarray(x) if isinstance(x, np.generic) else x for x in inputs)  # 0-d arrays stay arrays
        return replace(self, inputs=arrays, upstream=g, output=self.run_forward(*arrays))


def has_gradient(x: Any) -> bool:
    """Whether an input is one that backward owes a gradient: real numbers, all of them finite."""
    return isinstance(x, np.ndarray) and x.dtype.kind == "f" and bool(np.isfinite(x).all())


def copies(inputs: Sequence[Any]) -> tuple[Any, ...]:
    """The inputs once more, so that nobody can change the originals."""
    return tuple(
        x.copy() if isinstance(x, np.ndarray) else copy.deepcopy(x) if isinstance(x, GENERATORS) else x for x in inputs
    )


def as_gradients(returned: Any, inputs: Sequence[Any]) -> list[Array | None]:
    """What backward returned, one item an input, as far as it can be understood.

    A single array stands for a tuple of one. Where there are as many as there are inputs with gradients, they are
    taken for those, in order.
    """
    items = as_items(returned, len(inputs))
    wanted = [i for i, x in enumerate(inputs) if has_gradient(x)]
    places = range(len(inputs)) if len(items) == len(inputs) else wanted
    found: list[Array | None] = [None] * len(inputs)
    for i, item in zip(places, items, strict=False):
        if i in wanted:
            found[i] = _numbers(item)
    return found


def as_items(returned: Any, count: int) -> list[Any]:
    """What backward returned for so many inputs, as a list; a list itself where it may stand for a tuple."""
    if isinstance(returned, list) and len(returned) == count != 1:
        return returned
    return list(returned) if isinstance(returned, tuple) else [returned]


def _numbers(item: Any) -> Array | None:
    if item is None:
        return None
    try:
        array = np.asarray(item)
        return array.astype(np.float64) if array.dtype.kind in "fiub" else None
    except (TypeError, ValueError):
        return None


def second_point(problem: Problem, rng: np.random.Generator) -> Problem | None:
    """The problem at other inputs, with another upstream; None where forward is finite nowhere near.

    Entries keep their sign, zeros stay, so that logarithms stay defined and masks keep their meaning. An array that
    is the same everywhere is one that nobody has trained yet (a gain of 1, a shift of 0): its entries become all
    different.
    """
    moves = {
        i: rng.normal(size=x.shape) if _is_untouched(x) and not x.any() else x * rng.uniform(-1, 1, x.shape)
        for i, x in enumerate(problem.inputs)
        if has_gradient(x)
    }
    return _first_finite(problem, moves, (0.4, 0.1, 0.01), rng)


def bolder_points(problem: Problem, rng: np.random.Generator) -> Iterator[Problem]:
    """Points that may lie anywhere: zeros move, signs change. For where nothing could be seen at the others."""
    for size in (0.5, 2.0):
        inputs = ((i, problem.inputs[i]) for i in problem.arguments)
        moves = {i: rng.normal(size=x.shape) * (np.abs(x).max(initial=0.0) or 1.0) for i, x in inputs}
        point = _first_finite(problem, moves, (size,), rng)
        if point is not None:
            yield point


def random_upstream(output: Array, rng: np.random.Generator) -> Array:
    """Normal numbers like the output; 0 where the output is not finite, because nothing can come back from there.

    A single number of them is kept away from 0 and 1, with which an upstream that was forgotten would not show.
    """
    g = np.asarray(rng.normal(size=output.shape))
    if g.size == 1:
        g = np.asarray(np.copysign(1.5 + np.abs(g), g))
    return np.where(np.isfinite(output), g, 0.0)


def _is_untouched(x: Array) -> bool:
    return bool(x.size) and bool((x == x.flat[0]).all())


def _first_finite(
    problem: Problem, moves: dict[int, Array], sizes: tuple[float, ...], rng: np.random.Generator
) -> Problem | None:
    """The problem moved by the largest of these sizes at which forward is as finite as it was."""
    for size in sizes:
        inputs = [x + size * moves[i] if i in moves else x for i, x in enumerate(problem.inputs)]
        try:
            with np.errstate(all="ignore"):
                moved = problem.at(inputs)
        except Exception:  # forward may refuse what it was not written for
            continue
        if moved.output.shape == problem.output.shape and _as_finite(moved.output, problem.output):
            return problem.at(inputs, random_upstream(moved.output, rng))
    return None


def _as_finite(output: Array, before: Array) -> bool:
    return bool((np.isfinite(output) | ~np.isfinite(before)).all())
