"""Recognising a mistake: which entry of the catalogue gives the very numbers that a user's backward gives."""

import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...backend import Array
from ...ops import registry
from ..problem import Problem, as_gradients, copies, random_upstream, second_point
from .base import Mistake, catalogue
from .registered_op import fitting_options

AGREEMENT = 1e-9  # of the largest entry: above the rounding of other algebra, far below what any mistake changes


class Outcome(NamedTuple):
    """What a backward pass did: the gradient of each input, and whether it changed the upstream and each input."""

    gradients: list[Array | None]
    changed: tuple[bool, ...]


def match(
    problem: Problem,
    op: str,
    options: Mapping[str, Any] | None = None,
    got: Sequence[Array | None] | None = None,
    *,
    arguments: Collection[int] | None = None,
) -> Mistake | None:
    """The mistake that the problem's backward makes, if it is in the catalogue: the first of `matches`."""
    return next(iter(matches(problem, op, options, got, arguments=arguments)), None)


def matches(
    problem: Problem,
    op: str,
    options: Mapping[str, Any] | None = None,
    got: Sequence[Array | None] | None = None,
    *,
    arguments: Collection[int] | None = None,
) -> list[Mistake]:
    """The mistakes of an op that do, to rounding, all that the problem's backward does, at every point tried.

    Args:
        problem: one whose backward is known to be wrong
        op: class name
        options: the op's; found by comparing the forward passes if not given
        got: the gradients at the problem itself, where they are known already
        arguments: only the gradients of these inputs must be those of the mistake, for a backward with one mistake here
            and another there; what the mistake gives for the other inputs must be right, or what the backward gives

    Returns:
        Mistakes in the order of the catalogue. Where there are several, they are the same bug for these inputs.
    """
    if options is None:
        options = fitting_options(op, problem)
    if options is None or not catalogue.get(op):
        return []
    candidates = catalogue[op]
    if got is not None:
        right = _right_elsewhere(op, problem, options, arguments)
        candidates = [m for m in candidates if _same_gradients(_outcome_of(m, problem, options), got, right)]
    for point in _points(problem):
        try:
            seen = outcome(point, point.backward) if candidates else None
        except Exception:  # a backward that fails is not in the catalogue
            return []
        right = _right_elsewhere(op, point, options, arguments)
        candidates = [m for m in candidates if _same(_outcome_of(m, point, options), seen, right)]
    return candidates


def outcome(problem: Problem, backward: Any, options: Mapping[str, Any] | None = None) -> Outcome:
    """Run a backward pass on the problem, right after its forward. Raises whatever these raise."""
    problem.randomness.rewind()
    problem.forward(*copies(problem.inputs))
    given = (problem.upstream.copy(), *copies(problem.inputs))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # wrong code divides by zero, takes means of nothing
        returned = backward(*given, **(options or {}))
    before = (problem.upstream, *problem.inputs)
    changed = tuple(
        isinstance(a, np.ndarray) and not np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        for a, b in zip(before, given, strict=True)
    )
    return Outcome(as_gradients(returned, problem.inputs), changed)


def _outcome_of(mistake: Mistake, problem: Problem, options: Mapping[str, Any]) -> Outcome | None:
    try:
        return outcome(problem, mistake.backward, options)
    except Exception:  # a mistake that does not fit these shapes is not the one
        return None


def _points(problem: Problem) -> Iterator[Problem]:
    """The problem itself, with another upstream, and somewhere else."""
    rng = np.random.default_rng(0)
    yield problem
    yield problem.at(problem.inputs, random_upstream(problem.output, rng))
    elsewhere = second_point(problem, rng)
    if elsewhere is not None:
        yield elsewhere


def _right_elsewhere(
    op: str, problem: Problem, options: Mapping[str, Any], arguments: Collection[int] | None
) -> dict[int, Array | None]:
    """The op's own gradients of the inputs that are not among the arguments; none where it cannot take the inputs."""
    if arguments is None:
        return {}

    def backward(g: Array, *inputs: Any) -> Any:
        made = registry[op].op(**options)
        made(*(x for x in inputs if x is not None))
        return made.gradients(g)

    try:
        right = outcome(problem, backward).gradients
    except Exception:  # inputs of which the op could make nothing
        return {}
    return {i: gradient for i, gradient in enumerate(right) if i not in arguments}


def _same(a: Outcome | None, b: Outcome | None, right: Mapping[int, Array | None]) -> bool:
    return a is not None and b is not None and a.changed == b.changed and _same_gradients(a, b.gradients, right)


def _same_gradients(a: Outcome | None, b: Sequence[Array | None], right: Mapping[int, Array | None]) -> bool:
    """Whether a mistake gives the gradients b, or those of `right` for the inputs that are in it."""
    if a is None:
        return False
    pairs = enumerate(zip(a.gradients, b, strict=True))
    return all(_close(x, y) or (i in right and _close(x, right[i])) for i, (x, y) in pairs)


def _close(a: Array | None, b: Array | None) -> bool:
    if a is None or b is None:
        return a is b
    if a.shape != b.shape:
        return False
    finite = np.abs(a[np.isfinite(a)])
    return np.allclose(a, b, rtol=0, atol=AGREEMENT * finite.max(initial=0.0), equal_nan=True)
