"""What an entry of the catalogue of mistakes is, and how a wrong backward pass enters it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

Backward = Callable[..., Any]
"""(upstream, *inputs, **options) -> gradient, or a tuple of gradients, one an input, None for integers and masks."""


@dataclass(frozen=True)
class Mistake:
    """A wrong backward pass that people write: right in everything but one thing.

    op: the registered op that it is a wrong backward pass of; kind: a word of the vocabulary of kinds;
    sentence: what the code does, and what belongs there; backward: the code, whose options are those of the op.
    """

    name: str
    kind: str
    sentence: str
    backward: Backward
    op: str


catalogue: dict[str, list[Mistake]] = {}
"""The mistakes of every op by the op's class name, the commonest first."""

Written = TypeVar("Written", bound=Backward)


def mistake(op: str, kind: str, sentence: str) -> Callable[[Written], Written]:
    """Function decorator: enter a wrong backward pass of `op` into the catalogue, under the function's name."""

    def enter(backward: Written) -> Written:
        catalogue.setdefault(op, []).append(Mistake(backward.__name__, kind, sentence, backward, op))
        return backward

    return enter
