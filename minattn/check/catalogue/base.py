"""What an entry of the catalogue of mistakes is, and how a wrong backward pass enters it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ...ops import Sample, registry

Backward = Callable[..., Any]
"""(upstream, *inputs, **options) -> one gradient for each input, None for integers and masks; a tuple if several."""


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
