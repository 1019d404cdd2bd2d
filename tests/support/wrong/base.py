"""What a set of wrong backward passes is made of."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np


class Case(NamedTuple):
    """One wrong backward pass, the argument whose gradient is wrong, and the kind of the mistake."""

    name: str
    kind: str
    argument: int
    forward: Callable[..., Any]
    backward: Callable[..., tuple[Any, ...]]
    inputs: tuple[Any, ...]


class Group(NamedTuple):
    """A forward pass, its right backward pass, inputs, and the mistakes people make in it."""

    name: str
    forward: Callable[..., Any]
    right: Callable[..., Any]
    inputs: tuple[Any, ...]
    mistakes: Mapping[str, tuple[str, int, Callable[..., Any]]]

    def cases(self) -> Iterator[Case]:
        for name, (kind, argument, wrong) in self.mistakes.items():
            backward = wrong if name.endswith("*") else self.but(argument, wrong)
            yield Case(f"{self.name}: {name}", kind, argument, self.forward, backward, self.inputs)

    def but(self, argument: int, wrong: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
        """The right backward pass with one gradient replaced."""

        def backward(g: Any, *inputs: Any) -> tuple[Any, ...]:
            result = self.right(g, *inputs)
            gradients = list(result) if isinstance(result, tuple) else [result]
            gradients[argument] = wrong(g, *inputs)
            return tuple(gradients)

        return backward


def rng_inputs(seed: int, *shapes: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """Normal numbers, one array a shape."""
    rng = np.random.default_rng(seed)
    return tuple(np.asarray(rng.normal(size=shape)) for shape in shapes)


def softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def one_hot(ids: np.ndarray, width: int) -> np.ndarray:
    return (ids[..., None] == np.arange(width)).astype(float)
