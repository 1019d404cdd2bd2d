"""The problem: a forward, a backward, and the place where they are tried. Everything in this package works on it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..backend import Array
from .randomness import GENERATORS, Randomness


@dataclass(frozen=True, eq=False)
class Problem:
    """A forward and a backward at one point, with one upstream gradient.

    forward(*inputs) -> output; backward(upstream, *inputs) -> a gradient, or a tuple of gradients, one an input
    inputs: float64 arrays, which have gradients; anything else (ids, masks, None, a Generator) is handed on as it is
    names: of the inputs; output: forward's at these inputs; upstream: like output, in float64
    seconds: what a call of forward takes, 0 for not known

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

    @property
    def arguments(self) -> list[int]:
        """The inputs that have gradients."""
        return [i for i, x in enumerate(self.inputs) if has_gradient(x)]

    @property
    def real_inputs(self) -> list[tuple[int, Array]]:
        """The inputs that have gradients, each with its number."""
        return [(i, self.inputs[i]) for i in self.arguments]

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
        return replace(self, inputs=tuple(inputs), upstream=g, output=self.run_forward(*inputs))


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
    items = list(returned) if isinstance(returned, tuple) else [returned]
    if isinstance(returned, list) and len(returned) == len(inputs) != 1:
        items = returned
    wanted = [i for i, x in enumerate(inputs) if has_gradient(x)]
    places = range(len(inputs)) if len(items) == len(inputs) else wanted
    found: list[Array | None] = [None] * len(inputs)
    for i, item in zip(places, items, strict=False):
        if i in wanted:
            found[i] = _numbers(item)
    return found


def _numbers(item: Any) -> Array | None:
    if item is None:
        return None
    try:
        array = np.asarray(item)
        return array.astype(np.float64) if array.dtype.kind in "fiub" else None
    except (TypeError, ValueError):
        return None
