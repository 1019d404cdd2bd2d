"""The steps of a forward pass at one place: values, how they move, and the true gradient at each.

Every local gradient is measured by differences: no rule for any NumPy function is needed, and none can be wrong.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...backend import Array
from ...ops.base import sum_to_shape
from ...trace import RecordedSteps, Step
from .measurements import Measurements, are_equal

DIFFERENCE_STEP = 1e-5
_LINES = 6  # random lines through the argument along which a guess is held against backward's gradient
_MOST_NUMBERS = 20_000  # in all steps together
LINEAR = {
    *("matmul", "sum", "mean", "add.reduce", "transpose", "swapaxes", "reshape", "getitem", "concatenate", "stack"),
    *("moveaxis", "expand_dims", "squeeze", "broadcast_to", "repeat", "tile", "roll", "flip", "astype", "copy"),
    *("ravel", "flatten", "matrix_transpose", "einsum", "dot", "tensordot", "cumsum", "take", "take_along_axis"),
}


class StepEdge(NamedTuple):
    """An edge between two steps: the value of `parent` goes into `step` as operand number `operand`."""

    step: int
    operand: int
    parent: int


@dataclass(eq=False)
class StepValues:
    """The steps at one place, with one upstream gradient.

    argument: the step that is the argument; inputs: those that are followed; all_inputs: those that are not, too
    got: what backward gives for the argument; values: of each step; adjoints: the true gradient of each step's value
    contributions: what goes back along each edge
    slopes: of each step's value along each of some random lines through the argument, (lines, *shape); true_slopes: of
    Σ upstream · output along each line; errors: by how much those that follow from `got` are off. All three are filled
    in by `measure_lines`.
    """

    argument: int
    inputs: list[Any]
    all_inputs: list[Any]
    upstream: Array
    got: Array
    values: list[Any]
    adjoints: list[Array | None]
    contributions: dict[StepEdge, Array]
    slopes: list[Array | None] = field(default_factory=list)
    true_slopes: Array = field(default_factory=lambda: np.zeros(0))
    errors: Array = field(default_factory=lambda: np.zeros(0))

    @property
    def true_gradient(self) -> Array:
        """The true gradient of the argument."""
        return self.gradient(self.argument)

    def gradient(self, step: int) -> Array:
        """The true gradient of a step's value."""
        adjoint = self.adjoints[step]
        assert adjoint is not None
        return adjoint

    def operands(self, step: Step) -> list[Any]:
        """The values that go into a step."""
        return [self.values[parent] for parent in step.parents]


def measure_steps(
    measured: Measurements, trace: RecordedSteps, active: list[bool], argument: int, inputs: list[Any]
) -> StepValues | None:
    """The steps at these inputs with a random upstream, without lines.

    Returns: None where the steps do not make up forward, are too many, or give an output of another shape.
    """
    problem = measured.problem
    all_inputs = list(problem.inputs)
    for j, x in zip(trace.followed_inputs, inputs, strict=True):
        all_inputs[j] = x
    upstream = np.asarray(measured.rng.normal(size=problem.output.shape))
    got = measured.gradient_at(upstream, all_inputs)
    if got is None:
        return None
    with np.errstate(all="ignore"):
        try:
            values = trace.run(inputs)
            output = np.asarray(values[trace.output])
            if sum(np.size(value) for value in values) > _MOST_NUMBERS or output.shape != upstream.shape:
                return None
            if not are_equal(output, problem.run_forward(*all_inputs)):
                return None
            adjoints, contributions = go_back(trace, values, upstream, active)
        except Exception:  # a step that cannot be run again at another place
            return None
    return StepValues(argument, inputs, all_inputs, upstream, got, values, adjoints, contributions)


def measure_lines(
    measured: Measurements, trace: RecordedSteps, active: list[bool], place: StepValues, held: set[int]
) -> bool:
    """Fill in how the steps move along random lines; False where that contradicts their gradients, as at a kink.

    held: steps that stay as they are
    """
    inputs, argument = place.inputs, place.argument
    replaced = {i: partial(_hold, place.values[i]) for i in held}
    directions = measured.rng.normal(size=(min(_LINES, place.got.size), *place.got.shape))
    h = DIFFERENCE_STEP * max(1.0, 0.1 * float(np.abs(inputs[argument]).max(initial=0.0)))
    with np.errstate(all="ignore"):
        try:
            moves = [[inputs[argument] + t * d for t in (h, -h)] for d in directions]
            ends = [
                [trace.run([*inputs[:argument], x, *inputs[argument + 1 :]], replaced) for x in pair] for pair in moves
            ]
            place.slopes = [
                np.array([np.nan_to_num((up[i] - down[i]) / (2 * h)) for up, down in ends])
                if active[i] and is_real(value)
                else None
                for i, value in enumerate(place.values)
            ]
        except Exception:  # a step that cannot be run beside this place, or has another shape there
            return False
    true, of_output = place.adjoints[argument], place.slopes[trace.output]
    if true is None or of_output is None:
        return False
    products = directions * true, directions * place.got, of_output * place.upstream
    place.true_slopes, claimed, slopes = (x.reshape(len(directions), -1).sum(axis=1) for x in products)
    place.errors = claimed - place.true_slopes
    return np.allclose(place.true_slopes, slopes, 1e-5, 1e-7)


def is_real(value: Any) -> bool:
    """Whether a step's value is made of real numbers, which have gradients, and not of ids or a mask."""
    return isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "f"


def go_back(
    trace: RecordedSteps,
    values: list[Any],
    upstream: Array,
    active: list[bool],
    rules: Callable[[StepEdge, list[Array | None]], Array | None] | None = None,
) -> tuple[list[Array | None], dict[StepEdge, Array]]:
    """The gradient of every active step's value, and what goes back along each edge between two of them.

    rules: (edge, gradients so far) -> what goes back along the edge by another rule; None for the true one
    """
    adjoints: list[Array | None] = [None] * len(values)
    adjoints[trace.output] = upstream
    passed: dict[StepEdge, Array] = {}
    for i in range(trace.output, -1, -1):
        g, step = adjoints[i], trace.steps[i]
        if g is None:
            continue
        operands = [values[parent] for parent in step.parents]
        for k, parent in enumerate(step.parents):
            value = values[parent]
            if not active[parent] or not is_real(value):
                continue
            edge = StepEdge(i, k, parent)
            other = None if rules is None else rules(edge, adjoints)
            back = local_gradient(step, operands, k, g) if other is None else other
            passed[edge] = back
            before = adjoints[parent]
            adjoints[parent] = back if before is None else before + back
    return adjoints, passed


def without_effect(trace: RecordedSteps, adjoints: list[Array | None]) -> set[int]:
    """Steps whose value makes no difference in the end, as the maximum that softmax subtracts; they are held still."""
    sizes = [0.0 if a is None else float(np.abs(a).max(initial=0.0)) for a in adjoints]
    users: dict[int, float] = {}
    for i, step in enumerate(trace.steps):
        for parent in step.parents:
            users[parent] = max(users.get(parent, 0.0), sizes[i])
    first = len(trace.followed_inputs)
    return {i for i, size in users.items() if i >= first and size > 0 and sizes[i] <= 1e-8 * size}


def _hold(value: Any, *operands: Any) -> Any:
    """A step that gives what it gave, whatever comes in."""
    return value


def local_gradient(step: Step, operands: list[Any], k: int, g: Array) -> Array:
    """What a step passes back to one operand, given the gradient of its value."""
    if is_elementwise(step):
        return sum_to_shape(np.broadcast_to(g * local_slope(step, operands, k), g.shape), np.shape(operands[k]))
    x = np.asarray(operands[k])
    back = np.zeros(x.shape)
    h = 1.0 if step.name in LINEAR else DIFFERENCE_STEP * max(1e-3, float(np.abs(x[np.isfinite(x)]).max(initial=0.0)))
    for entry in range(x.size):
        ends = []
        for t in (h, -h):
            moved = x.copy()
            moved.reshape(-1)[entry] += t
            ends.append(step.run([*operands[:k], moved, *operands[k + 1 :]]))
        back.reshape(-1)[entry] = (g * np.nan_to_num((ends[0] - ends[1]) / (2 * h))).sum()
    return back


def is_elementwise(step: Step) -> bool:
    """Whether each number of the result comes from one number of each operand."""
    function = step.function
    if isinstance(function, np.ufunc):
        return function.signature is None
    return function in (np.where, np.clip) or bool(getattr(function, "is_elementwise", False))


def local_slope(step: Step, operands: list[Any], k: int, at: Array | None = None) -> Array:
    """∂result/∂operand of an elementwise step, like the result; `at`: with another value of that operand."""
    x = operands[k] if at is None else at
    h = 1e-4 * np.where(np.isfinite(x) & (x != 0), np.abs(x), 1e-2)
    ends = [step.run([*operands[:k], x + t * h, *operands[k + 1 :]]) for t in (2, 1, -1, -2)]
    return np.nan_to_num((8 * (ends[1] - ends[2]) - (ends[0] - ends[3])) / (12 * h))
