"""Wrong rules for the steps that repeat, sum, pick and move numbers."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from ...backend import Array
from ...trace import Step
from .forward_steps import ForwardSteps
from .measurements import axis_sets
from .step_values import StepEdge, StepValues, is_elementwise, local_slope

GradientRule = Callable[[StepValues], Array | None]

_PERMUTATIONS = ("transpose", "swapaxes", "moveaxis", "reshape", "matrix_transpose")


def move_rules(forward: ForwardSteps, edge: StepEdge) -> Iterator[tuple[str, str, GradientRule]]:
    """Kind, sentence and rule, for the step that an edge leads into."""
    step = forward.steps[edge.step]
    if is_elementwise(step):
        yield from _sums(forward, edge)
    if step.name in ("max", "amax", "min", "amin", "maximum.reduce"):
        yield "mask_leak", "every element gets the gradient, not the largest alone,", partial(_spread, edge)
    if step.name in ("sum", "mean", "add.reduce", "max", "amax"):
        yield "wrong_axis", "the gradient is repeated along another axis", partial(_turned_spread, edge)
    if step.name in ("sum", "mean", "add.reduce"):
        yield from _statistics(forward, edge)
    if step.name in ("getitem", "take") and edge.operand == 0:
        sentence = "an element that is picked twice gets the last gradient alone"
        yield "overwritten_not_accumulated", sentence, partial(_assigned, step, edge)
        sentence = "an element that is picked several times gets the mean of its gradients, not the sum,"
        yield "constant_factor", sentence, partial(_averaged, step, edge)
    if step.name in ("concatenate", "stack"):
        yield from _pieces(forward, edge)
    if step.name in _PERMUTATIONS:
        sentence = "the gradient is reshaped, but its axes are not moved back,"
        yield "missing_transpose", sentence, lambda s: s.gradient(edge.step).reshape(s.values[edge.parent].shape)
        sentence = "the axes are moved once more instead of back"
        yield "missing_transpose", sentence, lambda s: step.run([s.gradient(edge.step)])


def _sums(forward: ForwardSteps, edge: StepEdge) -> Iterator[tuple[str, str, GradientRule]]:
    """The operand was repeated: the sum over other axes than those of the copies, or one copy instead of the sum."""
    step = forward.steps[edge.step]
    small, large = (np.shape(forward.samples[0].values[i]) for i in (edge.parent, edge.step))
    if small == large:
        return

    def copies(sample: StepValues) -> Array:
        slope = local_slope(step, sample.operands(step), edge.operand)
        return np.broadcast_to(sample.gradient(edge.step) * slope, large)

    def over(axes: tuple[int, ...]) -> GradientRule:
        return lambda sample: copies(sample).sum(axis=axes).reshape(small)

    def one(order: int) -> GradientRule:
        def back(sample: StepValues) -> Array:
            kept = np.zeros(small)
            places = np.broadcast_to(np.arange(kept.size).reshape(small), large)
            kept.reshape(-1)[places.ravel()[::order]] = copies(sample).ravel()[::order]
            return kept

        return back

    for axes in axis_sets(len(large)):
        along = " and ".join(map(str, axes))
        sentence = f"the gradient is summed over axis {along}, not over those along which the operand was repeated,"
        yield "wrong_axis", sentence, over(axes)
    yield "overwritten_not_accumulated", "the last copy's gradient alone is kept", one(1)
    yield "broadcast_not_summed", "the first copy's gradient alone is kept", one(-1)


def _statistics(forward: ForwardSteps, edge: StepEdge) -> Iterator[tuple[str, str, GradientRule]]:
    """A sum or mean that each element of its axis is combined with afterwards: the sum over another axis goes back."""
    shape = np.shape(forward.samples[0].values[edge.parent])
    users = [user for user in forward.edges if user.parent == edge.step and is_elementwise(forward.steps[user.step])]
    if len(users) != 1 or np.shape(forward.samples[0].values[users[0].step]) != shape:
        return
    user, step = users[0], forward.steps[users[0].step]

    def over(axes: tuple[int, ...], outside: bool) -> GradientRule:
        def back(sample: StepValues) -> Array:
            scale = sample.values[edge.step] if outside else 1.0  # taken out of the sum: as p in p Σ g p
            copies = sample.gradient(user.step) * local_slope(step, sample.operands(step), user.operand)
            share = sample.contributions[edge].sum() / copies.sum() if forward.steps[edge.step].name == "mean" else 1.0
            return np.broadcast_to(share * (scale * copies).sum(axis=axes, keepdims=True) / scale, shape)

        return back

    for axes in axis_sets(len(shape)):
        along = " and ".join(map(str, axes))
        sentence = f"the gradient is summed over axis {along}, not over that of the forward pass,"
        for outside in (False, True):
            yield "wrong_axis", sentence, over(axes, outside)


def _spread(edge: StepEdge, sample: StepValues) -> Array | None:
    """g, repeated to the shape before a maximum."""
    g, shape = sample.gradient(edge.step), np.shape(sample.values[edge.parent])
    for axis in range(len(shape)):
        candidate = g if g.ndim == len(shape) else np.expand_dims(g, axis)
        if candidate.ndim == len(shape) and all(n in (1, m) for n, m in zip(candidate.shape, shape, strict=True)):
            return np.broadcast_to(candidate, shape)
    return None


def _turned_spread(edge: StepEdge, sample: StepValues) -> Array | None:
    """g, repeated along another axis of the same length than the one that was reduced."""
    g, right = sample.gradient(edge.step), sample.contributions[edge]
    if g.ndim != right.ndim - 1 or not g.any():
        return None
    scale = right.sum() * g.size / (g.sum() * right.size)
    for axis in range(right.ndim):
        spread = scale * np.broadcast_to(np.expand_dims(g, axis), right.shape)
        if np.abs(spread - right).max() > 1e-9:
            return spread
    return None


def _averaged(step: Step, edge: StepEdge, sample: StepValues) -> Array:
    right = sample.contributions[edge]
    counts = np.bincount(_picked(step, edge, sample), minlength=right.size).reshape(right.shape)
    return right / np.maximum(counts, 1)


def _assigned(step: Step, edge: StepEdge, sample: StepValues) -> Array:
    kept = np.zeros(np.shape(sample.values[edge.parent]))
    kept.reshape(-1)[_picked(step, edge, sample)] = sample.gradient(edge.step).ravel()
    return kept


def _picked(step: Step, edge: StepEdge, sample: StepValues) -> Array:
    """The places, in the flat operand, that a step picks its numbers from."""
    shape = np.shape(sample.values[edge.parent])
    places = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    return np.ravel(step.run([places, *sample.operands(step)[1:]]))


def _pieces(forward: ForwardSteps, edge: StepEdge) -> Iterator[tuple[str, str, GradientRule]]:
    """The gradient of one of several that were joined, cut out at the place of another, or somewhere else."""
    step, first = forward.steps[edge.step], forward.samples[0]
    whole, shape = np.shape(first.values[edge.step]), np.shape(first.values[edge.parent])
    places = np.arange(np.prod(whole, dtype=int)).reshape(whole)
    owners = step.run([np.full(np.shape(x), k) for k, x in enumerate(first.operands(step))])
    for axis, n in enumerate(whole):
        length = shape[axis] if len(whole) == len(shape) else 1
        for start in range(n - length + 1):
            piece = places.take(range(start, start + length), axis=axis).ravel()
            owner = owners.ravel()[piece]
            if piece.size == np.prod(shape, dtype=int) and (owner != edge.operand).any():
                kind = "swapped_arguments" if not np.ptp(owner) and not forward.others_are_right else "wrong_variable"
                sentence = f"the gradient is cut out from place {start} on of axis {axis}, where something else lies,"
                yield kind, sentence, partial(_cut_out, edge.step, piece, shape)


def _cut_out(step: int, piece: Array, shape: tuple[int, ...], sample: StepValues) -> Array:
    part: Array = sample.gradient(step).ravel()[piece].reshape(shape)
    return part
