"""Every op of a graph, checked where it stands: at the inputs it had, with the upstream gradient that reached it."""

import contextlib
import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import Array
from ..errors import InputError
from ..graph import Gradients, Node, walk
from ..ops import GradientError, Op, registry
from ..tensor import Tensor
from .comparison import EVERY_ENTRY
from .op_check import OpPasses, check_on_samples, check_once, input_names
from .problem import Problem
from .randomness import Randomness
from .referee import compare_slopes
from .report import EXACTLY, Evidence, Finding

_DIRECTIONS_FOR_AN_OP = 3
_MOST_WRONG_OPS = 3  # wrong ops that are reported


def gradients_of(output: Tensor, upstream: Array, inputs: Sequence[Any]) -> tuple[Array | None, ...]:
    """What comes back to each input: zeros where nothing does, None for what is not a Tensor with a gradient."""
    leaves = [x if isinstance(x, Tensor) and x.requires_grad else None for x in inputs]
    for leaf in leaves:
        if leaf is not None:
            leaf.grad = None
    if output.requires_grad:
        output.backward(upstream)
    return tuple(
        None if leaf is None else np.zeros_like(leaf.data) if leaf.grad is None else leaf.grad for leaf in leaves
    )


def wrong_ops(output: Tensor, upstream: Array) -> list[Finding]:
    """The ops whose own gradients are wrong, in the order in which backward meets them.

    output: made of float64 Tensors, its graph not yet walked. Raises FloatingPointError as backward does.
    """
    found: list[Finding] = []

    def pull(node: Node, g: Array) -> Gradients:
        fresh = copy.copy(node.op)
        vars(fresh).clear()
        vars(fresh).update(node.options)
        inputs = tuple(tensor.data for tensor in node.inputs)
        given = g.copy()
        gradients = node.gradients(g)
        wrong = _wrong_inputs(fresh, inputs, given, gradients)
        if wrong is not None and len(found) < _MOST_WRONG_OPS:
            found.append(_finding_about_op(node, fresh, wrong, is_first=not found))
        return gradients

    if output.node is not None:
        with contextlib.suppress(GradientError):  # backward cannot go on behind a gradient of a wrong shape
            walk(output.node, upstream.copy(), pull)
    return found


def _wrong_inputs(op: Op, inputs: tuple[Array, ...], upstream: Array, gradients: Gradients) -> str | None:
    """Names of the inputs whose gradients are wrong, measured along a few random directions; None if there are none."""
    passes, rng = OpPasses(op), np.random.default_rng(0)
    names = tuple(input_names(op, len(inputs)))
    output = passes.forward(*inputs)
    problem = Problem(passes.forward, passes.backward, inputs, names, output, upstream, Randomness())
    moving = [i for i in problem.arguments if inputs[i].size]

    def are_wrong(arguments: list[int]) -> bool:
        true, claimed = compare_slopes(problem, {i: gradients[i] for i in arguments}, _DIRECTIONS_FOR_AN_OP, rng)
        return bool(true.wrong(claimed).any())

    if not moving or not are_wrong(moving):
        return None
    return " and ".join([names[i] for i in moving if are_wrong([i])] or names)


def _finding_about_op(node: Node, op: Op, wrong: str, is_first: bool) -> Finding:
    """A finding that names the op and where it was called, and says what a check of the op alone says."""
    kind, sentence = "wrong", f"its gradient of {wrong} disagrees with the slope of its forward"
    advice, sure, evidence = f"the backward of {op}: minattn.check.check_op checks it alone", EXACTLY, Evidence()
    inputs = tuple(tensor.data for tensor in node.inputs)
    name = type(op).__name__
    reports = []
    if max((np.size(x) for x in inputs), default=0) <= EVERY_ENTRY:
        reports.append(check_once(op, inputs, name, name if name in registry else None, 0))
    elif name in registry:
        with contextlib.suppress(InputError):
            reports.append(check_on_samples(op, name, 0))
    for finding in (finding for report in reports for finding in report.findings[:1]):
        kind, sure, evidence = finding.kind, finding.sure, finding.evidence
        wrong = finding.argument or wrong
        sentence = f"its gradient of {wrong} is wrong. {finding.told}"
        advice = finding.next or advice
    order = "the first wrong op that backward meets" if is_first else "another wrong op"
    return Finding(f"{wrong} of {op}", kind, f"{order} is {node}: {sentence}", evidence, sure, advice)
