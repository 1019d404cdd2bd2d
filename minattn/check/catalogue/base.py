"""What an entry of the catalogue of mistakes is, how a wrong backward pass enters it, and what several of them need."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ...backend import Array
from ...ops import Sample, registry

Backward = Callable[..., Any]
"""(upstream, *inputs, **options) -> one gradient for each input, None for integers and masks; a tuple if several."""

Axis = int | tuple[int, ...] | None
Pair = tuple[Array, Array]
Gradients = tuple[Array | None, ...]


@dataclass(frozen=True)
class Mistake:
    """A wrong backward pass that people write: right in everything but one thing.

    Args:
        name: that of the function
        kind: a word of the vocabulary in `mistake_kinds`
        sentence: the docstring of the function: what the code does, and what belongs there
        backward: the code; its options are those of the op
        op: class name of the registered op that it is a wrong backward pass of
    """

    name: str
    kind: str
    sentence: str
    backward: Backward
    op: str


catalogue: dict[str, list[Mistake]] = {}
"""The mistakes of every op by the op's class name, the commonest first."""

Written = TypeVar("Written", bound=Backward)
Samples = Callable[[np.random.Generator], Iterable[Sample]]

_telling: dict[str, list[Samples]] = {}


def mistake(op: str, kind: str) -> Callable[[Written], Written]:
    """Function decorator: enter a wrong backward pass of `op` into the catalogue; its docstring is the sentence."""

    def enter(backward: Written) -> Written:
        sentence = " ".join((backward.__doc__ or backward.__name__).split())
        catalogue.setdefault(op, []).append(Mistake(backward.__name__, kind, sentence, backward, op))
        return backward

    return enter


def telling_samples(op: str) -> Callable[[Samples], Samples]:
    """Function decorator: add samples of `op` that set apart mistakes which look alike on its own samples."""

    def add(samples: Samples) -> Samples:
        _telling.setdefault(op, []).append(samples)
        return samples

    return add


def samples_of(op: str, rng: np.random.Generator) -> Iterator[Sample]:
    """What the mistakes of an op are tried on: its own samples, then the telling ones."""
    yield from registry[op].samples(rng)
    for samples in _telling.get(op, ()):
        yield from samples(rng)


def unbroadcast(gradient: Array, shape: tuple[int, ...]) -> Array:
    """The sum over every axis along which an input of this shape was repeated."""
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    return gradient.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


def average_copies(gradient: Array, shape: tuple[int, ...]) -> Array:
    """`unbroadcast` with means in place of sums."""
    summed = unbroadcast(gradient, shape)
    copies = gradient.size / max(summed.size, 1)
    return summed / max(copies, 1)


def last_copy(gradient: Array, shape: tuple[int, ...]) -> Array:
    """`unbroadcast` where each copy's gradient overwrites the one before it."""
    kept = np.zeros(shape)
    view = np.broadcast_to(np.arange(kept.size).reshape(shape), gradient.shape)
    kept.reshape(-1)[view.reshape(-1)] = gradient.reshape(-1)
    return kept


def stretch(g: Array, x: Array, axis: Axis, keepdims: bool) -> Array:
    """The gradient of a reduction, repeated along the reduced axes to the shape of x."""
    if not keepdims and axis is not None:
        axes = axis if isinstance(axis, tuple) else (axis,)
        g = np.expand_dims(g, tuple(i % x.ndim for i in axes))
    return np.broadcast_to(g, x.shape)


def reduced_count(x: Array, axis: Axis) -> int:
    """How many elements of x become one."""
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return int(np.prod([x.shape[i] for i in axes]))


def softmax_of(x: Array, axis: int = -1) -> Array:
    """Softmax along an axis; also of arrays without any row."""
    exp = np.exp(x - x.max(axis=axis, keepdims=True, initial=-np.inf))
    return exp / exp.sum(axis=axis, keepdims=True)
