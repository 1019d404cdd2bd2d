"""Who made a step of a recording: which op, forward or backward, in which layer, or which parameter's update."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..backend import Array
from ..nn import Module
from ..ops import Op
from ..optim import Optimizer
from ..tensor import Tensor
from ..trace import DeviceArray, DeviceRecorder


@dataclass
class RecordedPart:
    """What the steps of one op have in common, or those of one parameter's update.

    title: the op; where: the layer that called it, as in the names of parameters
    op: None where it is none
    doc: what its docstring says, where it is no op
    inputs, output: the steps that it was given, by the names of its forward, and the step that it gave
    upstream: the step that is the gradient of its output
    forward, backward: its steps
    """

    title: str
    where: str
    op: Op | None = None
    doc: str = ""
    inputs: dict[str, int] = field(default_factory=dict)
    output: int | None = None
    upstream: int | None = None
    forward: list[int] = field(default_factory=list)
    backward: list[int] = field(default_factory=list)


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
        part, is_backward = self._caller(step)
        (part.backward if is_backward else part.forward).append(step)

    def _caller(self, step: int) -> tuple[RecordedPart, bool]:
        """The part that the running call belongs to, and whether it goes backward."""
        op: Op | None = None
        layer, title, is_backward, upstream = "", "", False, None
        key: Any = None
        doc = ""
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
                doc = (type(owner).__doc__ or "").partition("\n")[0]
            elif name == "_clip":
                key = title = "clip_grad_norm_"
            elif name == "walk" and op is None:  # a second use sends its share
                tensor, is_backward = names["tensor"], True
                self.names[step] = "summed gradient"
                op = tensor.node.op if tensor.node else None
                key = title = "" if op else f"sum of gradients {self.parameters.get(id(tensor), '')}"
        if op is None:
            key, title = key or ("prepared", layer), title or "prepared"
        part = self.parts.setdefault(id(op) if op else key, RecordedPart(str(op or title), layer, op, doc))
        if isinstance(upstream, DeviceArray) and part.upstream is None:
            part.upstream = upstream._step
        return part, is_backward


def _frames() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The functions that are running, the innermost first: the name of each and its variables."""
    frame = sys._getframe(4)
    while frame is not None:
        yield frame.f_code.co_name, frame.f_locals
        frame = frame.f_back  # type: ignore[assignment]
