"""A training step, or an op on a sample, run once on arrays that record: every number, and what made it."""

import copy
import inspect
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..backend import Array
from ..nn import Module
from ..ops import Op
from ..ops.base import Sample, norm_of
from ..ops.kernels import textbook
from ..optim import AdamW, Optimizer, clip_grad_norm_
from ..tensor import Tensor
from ..trace import DeviceArray, DeviceRecorder, Step, value_of
from ..training import Model


@dataclass
class RecordedPart:
    """What the steps of one op have in common, or those of one parameter's update.

    title: the op; where: the layer that called it, as in the names of parameters
    op: None where it is none
    inputs, output: the steps that it was given, by the names of its forward, and the step that it gave
    upstream: the step that is the gradient of its output
    forward, backward: its steps
    """

    title: str
    where: str
    op: Op | None = None
    inputs: dict[str, int] = field(default_factory=dict)
    output: int | None = None
    upstream: int | None = None
    forward: list[int] = field(default_factory=list)
    backward: list[int] = field(default_factory=list)


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


class PartRecorder(DeviceRecorder):
    """A recorder that notes with each step which op or which update made it, by looking at who called."""

    def __init__(self, layers: Mapping[int, str], parameters: Mapping[int, str]) -> None:
        super().__init__()
        self.layers, self.parameters = layers, parameters
        self.parts: dict[Any, RecordedPart] = {}
        self.names: dict[int, str] = {}

    def named(self, name: str, array: Array) -> DeviceArray:
        """The array on the device, under a name."""
        followed = self.put(array)
        self.names[followed._step] = name
        return followed

    def name_saved(self, part: RecordedPart) -> None:
        """Take over the names under which an op keeps what it has made in forward."""
        for name, value in vars(part.op).items():
            if isinstance(value, DeviceArray) and value._step in part.forward:
                self.names.setdefault(value._step, name)

    def noted(self, step: int) -> None:
        """Say whose step it is."""
        part, is_backward = self._caller()
        (part.backward if is_backward else part.forward).append(step)

    def _caller(self) -> tuple[RecordedPart, bool]:
        """The part that the running call belongs to, and whether it goes backward."""
        op: Op | None = None
        layer, title, is_backward, upstream = "", "", False, None
        key: Any = None
        for name, names in _frames():
            owner = names.get("self")
            if isinstance(owner, Op):
                op = owner
                is_backward = is_backward or name in ("backward", "gradients")
                upstream = names["g"] if name == "gradients" else upstream
            elif isinstance(owner, Module):
                layer = layer or self.layers.get(id(owner), "")
            elif (
                isinstance(owner, Tensor) and name == "gradients" and owner.node and op is None
            ):  # where backward begins
                op, is_backward = owner.node.op, True
            elif isinstance(owner, Optimizer) and name == "step":
                key = title = f"{type(owner).__name__} {names.get('name', '')}".strip()
            elif name == "_clip":
                key = title = "clip_grad_norm_"
            elif name == "walk" and op is None:  # a second use sends its share
                tensor, is_backward = names["tensor"], True
                op = tensor.node.op if tensor.node else None
                key = title = "" if op else f"sum of gradients {self.parameters.get(id(tensor), '')}"
        if op is None:
            key, title = key or ("prepared", layer), title or "prepared"
        part = self.parts.setdefault(id(op) if op else key, RecordedPart(str(op or title), layer, op))
        if isinstance(upstream, DeviceArray) and part.upstream is None:
            part.upstream = upstream._step
        return part, is_backward


def _frames() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The functions that are running, the innermost first: the name of each and its variables."""
    frame = sys._getframe(4)
    while frame is not None:
        yield frame.f_code.co_name, frame.f_locals
        frame = frame.f_back  # type: ignore[assignment]


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
        _clip(list(twin.parameters()), max_norm)
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
