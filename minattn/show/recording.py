"""A training step, or an op on a sample, run once on arrays that record: every number, and what made it."""

import copy
import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backend import Array
from ..ops import Op
from ..ops.base import Sample, norm_of
from ..ops.kernels import textbook
from ..optim import AdamW, clip_grad_norm_
from ..tensor import Tensor
from ..trace import DeviceArray, Step, value_of
from ..training import Model
from .part_recorder import PartRecorder, RecordedPart


@dataclass(frozen=True)
class Recording:
    """Every elementary step that was run, in order.

    steps, values: what was called, and what came of it
    parts: of the steps, in the order in which they began
    names: of steps without operands, and of others that the code gives no name
    outputs: steps by what they are: "loss", "gradient NAME", "updated NAME"
    gradient_of: the step that is the gradient of a step
    """

    title: str
    steps: list[Step]
    values: list[Array]
    parts: list[RecordedPart]
    names: dict[int, str]
    outputs: dict[str, int]
    gradient_of: dict[int, int]


def record_step(
    model: Model,
    batch: Any,
    *,
    lr: float = 1e-2,
    weight_decay: float = 0.0,
    max_norm: float = 1.0,
    title: str = "A training step",
) -> Recording:
    """Run one training step of a copy of a model in float64, as the textbook writes it, and write everything down.

    Args:
        model: not changed; dropout is left out
        batch: has ids (B, T), attention_mask (B, T) and targets (B, T), as a `minattn.text.Batch` has
        lr, weight_decay: AdamW's; its moments begin with 0
        max_norm: the largest length of the gradient
    Raises:
        RuntimeError: what was recorded differs from what runs, which is a defect
    """
    state = {name: array.astype(np.float64) for name, array in model.state_dict().items()}
    twin = _twin(model)
    recorder = PartRecorder(
        {id(module): prefix.removesuffix(".") for prefix, module in twin._below("", set())},
        {id(p): name for name, p in twin.named_parameters()},
    )
    with recorder.device(), textbook():
        for name, p in twin.named_parameters():
            p.data = recorder.named(name, state[name])
        for prefix, module in twin._below("", set()):
            for name, value in vars(module).items():
                if isinstance(value, np.ndarray):
                    setattr(module, name, recorder.named(prefix + name, value))
        optimizer = AdamW(twin.named_parameters())
        followed = {"learning rate": lr, "weight decay": weight_decay, "steps before": 0.0}
        rate, decay, count = (recorder.named(name, np.asarray(float(x))) for name, x in followed.items())
        for group in optimizer.param_groups:
            group |= {"lr": rate, "weight_decay": decay}
        steps: dict[str, Any] = dict.fromkeys(optimizer.steps, count)
        optimizer.steps = steps
        for slot, arrays in optimizer.state.items():
            optimizer.state[slot] = {n: recorder.named(f"{slot} of {n}", np.zeros(x.shape)) for n, x in arrays.items()}
        mask = None if batch.attention_mask is None else recorder.named("attention_mask", batch.attention_mask)
        loss = twin.loss(recorder.named("ids", batch.ids), mask, recorder.named("targets", batch.targets))
        outputs = {"loss": loss.data._step}
        _link(recorder, loss)
        loss.backward()
        outputs |= {f"gradient {name}": p.grad._step for name, p in twin.named_parameters() if p.grad is not None}
        recorder.names |= {step: name for name, step in outputs.items() if step not in recorder.names}
        _clip(list(twin.parameters()), max_norm)
        outputs |= {f"clipped {name}": p.grad._step for name, p in twin.named_parameters() if p.grad is not None}
        optimizer.step()
        outputs |= {f"updated {name}": p.data._step for name, p in twin.named_parameters()}
        for slot, arrays in optimizer.state.items():
            outputs |= {f"updated {slot} of {name}": x._step for name, x in arrays.items()}
    by_name = {name: step for step, name in recorder.names.items()}
    recording = finished(recorder, title, outputs)
    for name in state:
        if f"gradient {name}" in outputs:
            recording.gradient_of[by_name[name]] = outputs[f"gradient {name}"]
    _compare(recording, _run_plainly(model, batch, lr, weight_decay, max_norm))
    return recording


def _clip(parameters: Sequence[Any], max_norm: float) -> None:
    """What `clip_grad_norm_` does, its condition written as a minimum, which can be followed when numbers change."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    factor = np.minimum(max_norm / (norm_of(gradients) + 1e-6), 1.0)
    for g in gradients:
        g *= factor


def _twin(model: Model) -> Any:
    """A copy of a model, with dropout off."""
    twin: Any = copy.deepcopy(model).eval()
    return twin.double()


def _run_plainly(model: Model, batch: Any, lr: float, weight_decay: float, max_norm: float) -> dict[str, Array]:
    """The same step without a record."""
    twin = _twin(model)
    with textbook():
        optimizer = AdamW(twin.named_parameters(), lr=lr, weight_decay=weight_decay)
        loss = twin.loss(batch.ids, batch.attention_mask, batch.targets)
        loss.backward()
        found = {"loss": loss.data}
        found |= {f"gradient {name}": p.grad.copy() for name, p in twin.named_parameters() if p.grad is not None}
        clip_grad_norm_(list(twin.parameters()), max_norm)
        optimizer.step()
    return found | {f"updated {name}": p.data for name, p in twin.named_parameters()}


def _compare(recording: Recording, plain: Mapping[str, Array]) -> None:
    """Refuse a record that is not of what runs."""
    for name, expected in plain.items():
        found = recording.values[recording.outputs[name]]
        if not np.array_equal(found, expected, equal_nan=expected.dtype.kind == "f"):
            raise RuntimeError(f"what was recorded is not what runs: {name} differs; this is a defect of minattn")


def record_op(op_class: type[Op], sample: Sample, seed: int = 0) -> Recording:
    """Run an op on a sample of it, forward and backward, with a random upstream gradient, and write everything down."""
    recorder = PartRecorder({}, {})
    op, plain = op_class(**sample.options), op_class(**sample.options)
    y = plain(*sample.inputs)
    g = np.asarray(np.random.default_rng([seed, 1]).normal(size=y.shape))
    with recorder.device(), textbook():
        names = argument_names(op, len(sample.inputs))
        inputs = [recorder.named(name, x) for name, x in zip(names, sample.inputs, strict=True)]
        result = op(*inputs)
        part = recorder.parts.setdefault(id(op), RecordedPart(str(op), "", op))
        part.inputs = {name: x._step for name, x in zip(names, inputs, strict=True)}
        part.output = result._step
        recorder.name_saved(part)
        upstream = recorder.named("g", g)
        part.upstream = upstream._step
        gradients = op.gradients(upstream)
    outputs = {"y": result._step}
    for name, gradient in zip(names, gradients, strict=True):
        if gradient is not None:
            outputs[f"gradient {name}"] = gradient._step
    recording = finished(recorder, f"{op}: {sample.name}", outputs)
    plain_gradients = zip(names, plain.gradients(g), strict=True)
    _compare(recording, {"y": y} | {f"gradient {name}": x for name, x in plain_gradients if x is not None})
    for name, step in part.inputs.items():
        if f"gradient {name}" in outputs:
            recording.gradient_of[step] = outputs[f"gradient {name}"]
            recording.names.setdefault(outputs[f"gradient {name}"], f"d{name}")
    return recording


def argument_names(op: Op, count: int) -> list[str]:
    """What the forward of an op calls its inputs; x1, x2, … where it takes any number."""
    parameters = list(inspect.signature(op.forward).parameters.values())
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return [f"x{i + 1}" for i in range(count)]
    return [p.name for p in parameters][:count]


def _link(recorder: PartRecorder, loss: Tensor) -> None:
    """Note with each op's part which steps it was given and which it gave, before they are forgotten."""
    stack, seen = [loss], {id(loss)}
    while stack:
        tensor = stack.pop()
        if tensor.node is None:
            continue
        op = tensor.node.op
        part = recorder.parts.setdefault(id(op), RecordedPart(str(op), "", op))
        part.output = tensor.data._step
        recorder.name_saved(part)
        names = argument_names(op, len(tensor.node.inputs))
        for name, given in zip(names, tensor.node.inputs, strict=True):
            if isinstance(given.data, DeviceArray):
                part.inputs[name] = given.data._step
            if id(given) not in seen:
                seen.add(id(given))
                stack.append(given)


def finished(recorder: PartRecorder, title: str, outputs: dict[str, int]) -> Recording:
    """The record, with names for what the ops give and send back."""
    gradient_of: dict[int, int] = {}
    names = recorder.names
    for part in recorder.parts.values():
        if part.op is None or part.output is None:
            continue
        found = re.search(r"-> (\w+)", inspect.getdoc(part.op) or "")
        if found and part.output in part.forward:
            names.setdefault(part.output, found[1])
        if part.upstream is not None:
            gradient_of[part.output] = part.upstream
    for part in recorder.parts.values():
        for name, step in part.inputs.items():
            gradient = gradient_of.get(step)
            if gradient in part.backward:
                names.setdefault(gradient, f"d{name}")
    values = [value_of(x) for x in recorder.values]
    return Recording(title, recorder.steps, values, list(recorder.parts.values()), names, outputs, gradient_of)
