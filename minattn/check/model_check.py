"""Checking a whole model: every op where it stands, and all parameters together."""

import copy
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np

from ..backend import Array
from ..errors import InputError
from ..nn import Module
from ..tensor import Tensor
from .curve import Curve, measure_curve
from .error_location import describe_error
from .graph_check import gradients_of, wrong_ops
from .prepare import first_output, make_repeatable
from .problem import SEED_SALT, Problem, random_upstream, second_point
from .randomness import Randomness
from .referee import TrueGradient, compare_slopes
from .report import CONSISTENT, EXACTLY, ArgumentResult, Evidence, Finding, Report

_DIRECTIONS_FOR_A_MODEL = 4
_MOST_DETACHED = 3  # parameters that are reported


def check_model(model: Module, batch: Any, seed: int = 0) -> Report:
    """Check every op of a model at the inputs it gets there, and name the first wrong one, with where it was called.

    model: stays as it is; a copy is checked, in float64, with its parameters moved away from their initial values
    batch: what the model is called with: a tuple of arguments, a dict of named ones, one argument, or a batch of
    minattn.text

    Afterwards all parameters together: the slope of the whole model along random directions, against what came back.
    Raises InputError where the model cannot be run on the batch, or has no parameters.
    """
    if not isinstance(model, Module):
        raise InputError(f"check_model: expected a Module, got {type(model).__name__}")
    passes = _ModelPasses(copy.deepcopy(model).double(), batch)
    title, rng = type(model).__name__, np.random.default_rng([seed, SEED_SALT])
    if not passes.names:
        raise InputError(f"check_model: {title} has no parameters, so that there is nothing to check")
    arrays = tuple(parameter.data for parameter in passes.parameters)
    randomness = Randomness(passes.model)
    output = first_output(passes.forward, arrays, randomness)
    start = Problem(passes.forward, passes.backward, arrays, passes.names, output, np.zeros_like(output), randomness)
    problem = make_repeatable(second_point(start, rng) or start.at(arrays, random_upstream(output, rng)))
    if problem is None:
        note = "the model is not deterministic: two runs gave different outputs; let it draw from a numpy Generator"
        return Report(title, None, (), (note,), (), partial(_curve, start, None))
    try:
        gradients = problem.gradients()
        problem.run_forward()
        findings = wrong_ops(passes.output, problem.upstream)
    except Exception as error:  # whatever a stranger's op raises
        text = f"backward raised {describe_error(error)}"
        finding = Finding(None, "exception", text, sure=EXACTLY, next="that line")
        return Report(title, False, (finding,), (), (), partial(_curve, problem, None))
    row = _compare_together(problem, gradients)
    if row.ok is False and not findings:
        findings = _detached_parameters(problem, gradients)
    notes = ("the true gradient is about zero everywhere: agreeing with it proves nothing",) if row.ok is None else ()
    ok = False if findings else row.ok
    return Report(title, ok, tuple(findings), notes, (row,), partial(_curve, problem, gradients))


class _ModelPasses:
    """The two passes of a model as functions of its parameters."""

    def __init__(self, model: Module, batch: Any) -> None:
        self.model = model
        named = dict(model.named_parameters())
        self.names, self.parameters = tuple(named), list(named.values())
        self.arguments: tuple[Any, ...] = ()
        self.options: dict[str, Any] = {}
        self.output: Tensor
        if isinstance(batch, Mapping):
            self.options = {name: _double(x) for name, x in batch.items()}
        elif hasattr(batch, "ids") and hasattr(batch, "attention_mask"):
            self.arguments = (batch.ids, batch.attention_mask)
        else:
            self.arguments = tuple(_double(x) for x in (batch if isinstance(batch, tuple | list) else (batch,)))

    def forward(self, *arrays: Array) -> Array:
        for parameter, array in zip(self.parameters, arrays, strict=True):
            parameter.data = array
            parameter.changed()
        output = self.model(*self.arguments, **self.options)
        if not isinstance(output, Tensor):
            raise InputError(f"the model must return a Tensor, got {type(output).__name__}")
        self.output = output
        return output.data

    def backward(self, upstream: Array, *arrays: Array) -> tuple[Array | None, ...]:
        return gradients_of(self.output, upstream, self.parameters)


def _double(x: Any) -> Any:
    """Real numbers in float64, as a Tensor."""
    array = x.data if isinstance(x, Tensor) else x
    is_real = isinstance(array, np.ndarray) and array.dtype.kind == "f"
    return Tensor(array.astype(np.float64)) if is_real else x


def _compare_together(problem: Problem, gradients: list[Array | None]) -> ArgumentResult:
    """Compare the slope of the whole model with what came back, along random directions of all parameters at once."""
    true, claimed = _slopes(problem, gradients, range(len(problem.inputs)))
    wrong = true.wrong(claimed)
    scale = true.scale or 1.0
    return ArgumentResult(
        f"all {len(problem.names)} parameters",
        (sum(x.size for x in problem.inputs),),
        true.method,
        f"{_DIRECTIONS_FOR_A_MODEL} directions",
        float(true.distance(claimed).max()) / scale,
        float(true.tolerance.max()) / scale,
        int(wrong.sum()),
        False if wrong.any() else None if true.is_about_zero else True,
    )


def _slopes(problem: Problem, gradients: list[Array | None], parameters: Iterable[int]) -> tuple[TrueGradient, Array]:
    """The true slopes along random directions of some parameters, and what the gradients say they are."""
    given = {i: gradients[i] for i in parameters if problem.inputs[i].size}
    return compare_slopes(problem, given, _DIRECTIONS_FOR_A_MODEL, np.random.default_rng(0))


def _detached_parameters(problem: Problem, gradients: list[Array | None]) -> list[Finding]:
    """The parameters whose gradients are wrong although every op is right."""
    findings = []
    for i, name in enumerate(problem.names):
        true, got = _slopes(problem, gradients, [i])
        if not true.wrong(got).any():
            continue
        text = (
            f"every op is right by itself, but the gradient that reaches {name} is not the slope of the model: a way "
            "on which it acts on the output is missing, or one is counted twice"
        )
        advice = f"where {name}, or what is made of it, leaves the graph: .data, detach(), np.asarray, no_grad"
        evidence = Evidence(None, float(got[0]), float(true.value[0]))
        findings.append(Finding(name, "missing_path", text, evidence, CONSISTENT, advice))
        if len(findings) == _MOST_DETACHED:
            break
    return findings


def _curve(problem: Problem, gradients: list[Array | None] | None, argument: str | None) -> Curve:
    """The curve of one parameter, by default of the first."""
    if gradients is None or (argument is not None and argument not in problem.names):
        raise InputError(f"there is no curve for {argument or 'this model'}")
    i = 0 if argument is None else problem.names.index(argument)
    true, got = _slopes(problem, gradients, [i])
    return measure_curve(problem, i, np.asarray(gradients[i]), not true.wrong(got).any())
