"""The backward passes that `checkers.py` shows to every checker: wrong ones, right ones, and right but awkward ones."""

import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from minattn.check.catalogue import Mistake, catalogue, samples_of
from minattn.ops import Sample, registry


class Case(NamedTuple):
    """A forward and a backward with inputs; `make` builds them anew, so that no checker sees another's random state."""

    name: str
    make: Callable[[], tuple[Callable[..., Any], Callable[..., Any], tuple[Any, ...]]]
    op: str = ""
    kind: str = ""
    sentence: str = ""


def floats(inputs) -> list[int]:
    """The inputs that have gradients."""
    return [i for i, x in enumerate(inputs) if x.dtype.kind == "f"]


def as_tuple(gradients, inputs) -> tuple[Any, ...]:
    """One gradient an input that has one."""
    given = gradients if isinstance(gradients, tuple) else (gradients,)
    return given if len(given) != len(inputs) else tuple(given[i] for i in floats(inputs))


def passes_of(op: str, options: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """A registered op as two functions."""

    def forward(*inputs):
        return registry[op].op(**options)(*inputs)

    def backward(g, *inputs):
        made = registry[op].op(**options)
        made(*inputs)
        return made.gradients(g)

    return forward, backward


def samples(op: str) -> Iterator[Sample]:
    """The samples of an op that are not empty."""
    return (s for s in samples_of(op, np.random.default_rng(1)) if all(x.size for x in s.inputs))


def wrong_cases() -> list[Case]:
    """Every entry of the catalogue whose op is registered."""
    return [telling_case(entry) for op, entries in catalogue.items() if op in registry for entry in entries]


def telling_case(mistake: Mistake) -> Case:
    """A mistake on a sample where it is wrong, if possible one where no other mistake of the op gives the same."""
    cases = []
    for sample in samples(mistake.op):
        forward, right = passes_of(mistake.op, sample.options)
        backward = functools.partial(mistake.backward, **sample.options)
        got = result(forward, backward, sample.inputs)
        if got is None or agree(got, result(forward, right, sample.inputs)):
            continue
        made = forward, backward, sample.inputs
        cases.append(Case(mistake.name, lambda made=made: made, mistake.op, mistake.kind, mistake.sentence))
        others = (functools.partial(m.backward, **sample.options) for m in catalogue[mistake.op] if m is not mistake)
        if not any(agree(got, result(forward, other, sample.inputs)) for other in others):
            return cases[-1]
    return cases[0]


def result(forward, backward, inputs) -> list[np.ndarray] | None:
    """The gradients, and the upstream as it was left behind; None where the code does not fit the shapes."""
    upstream = np.asarray(np.random.default_rng(2).normal(size=forward(*inputs).shape))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return [*as_tuple(backward(upstream, *(x.copy() for x in inputs)), inputs), upstream]
        except (ValueError, IndexError):
            return None


def agree(a, b) -> bool:
    """Whether two results agree."""
    return b is not None and all(
        np.shape(x) == np.shape(y) and np.allclose(x, y, 1e-9, 1e-12, True) for x, y in zip(a, b, strict=True)
    )


def registered_cases() -> list[Case]:
    """Every registered op's own backward pass on every sample."""
    return [
        Case(f"{op}, {s.name}", lambda op=op, s=s: (*passes_of(op, s.options), s.inputs), op)
        for op in registry
        for s in samples(op)
    ]


class RedrawnDropout:
    """Dropout as most people write it: every forward pass draws a new mask, backward uses the last one."""

    def __init__(self) -> None:
        self.generator = np.random.default_rng(0)

    def forward(self, x):
        self.keep = self.generator.random(x.shape) >= 0.5
        return x * self.keep / 0.5

    def backward(self, g, x):
        return g * self.keep / 0.5


def awkward_cases() -> list[Case]:
    """Right backward passes that are awkward to check."""
    rng = np.random.default_rng(3)

    def op(name, *inputs, **options):
        return lambda: (*passes_of(name, options), inputs)

    def dropout():
        layer = RedrawnDropout()
        return layer.forward, layer.backward, (x,)

    def pair(forward, backward, *inputs):
        return lambda: (forward, backward, inputs)

    def softmax_summed(x):
        return (np.exp(x) / np.exp(x).sum(-1, keepdims=True)).sum(-1)

    x = rng.normal(size=(4, 5))
    zeros = np.array([[0.0, -1.0, 2.0], [0.5, 0.0, -0.3]])
    single = rng.normal(size=(3, 4)).astype(np.float32)
    gain, shift = np.ones(4, np.float32) * 2, np.ones(4, np.float32)
    padding = np.array([[True, True, False, False], [False] * 4, [True] * 4])
    q, k, v = rng.normal(size=(3, 5)), rng.normal(size=(4, 5)), rng.normal(size=(4, 3))
    return [
        Case("ReLU at exact zeros", op("ReLU", zeros)),
        Case("absolute value at exact zeros", pair(np.abs, lambda g, x: g * np.sign(x), zeros)),
        Case("clip at its limits", pair(lambda x: np.clip(x, 0, 2), lambda g, x: g * ((x > 0) & (x <= 2)), zeros)),
        Case("max at ties", op("Max", np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]), axis=1)),
        Case("maximum of equals", op("Maximum", np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.5, 3.0]))),
        Case("dropout, mask redrawn", dropout),
        Case("softmax in float32", op("Softmax", single)),
        Case("layer norm in float32", op("LayerNorm", single, gain, shift)),
        Case("true gradient zero", pair(softmax_summed, lambda g, x: np.zeros_like(x), rng.normal(size=(3, 4)))),
        Case("logarithm close to 0", op("Log", np.array([1e-5, 3e-5, 1.0]))),
        Case("exponential of 25", op("Exp", np.array([25.0, -25.0, 0.5]))),
        Case("squares of millions", pair(lambda x: (x * x).sum(), lambda g, x: g * 2 * x, 1e6 * rng.normal(size=20))),
        Case("a query that may look nowhere", op("ScaledDotProductAttention", q, k, v, padding)),
    ]
