"""NumPy's calls as the elementary steps that the page of numbers can run again: products, sums, moves, functions."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..backend import Array
from ..trace import Place, StepReference
from .recording import Recording

ELEMENTWISE = {
    *("add", "subtract", "multiply", "divide", "power", "negative", "positive", "absolute", "sign", "square", "sqrt"),
    *("reciprocal", "exp", "expm1", "log", "log1p", "tanh", "sin", "cos"),
    *("maximum", "minimum", "clip", "where", "astype"),
    *("greater", "greater_equal", "less", "less_equal", "equal", "not_equal"),
    *("bitwise_and", "bitwise_or", "logical_and", "logical_or", "logical_not", "invert"),
}
OTHER_NAMES = {"true_divide": "divide", "abs": "absolute", "amax": "max", "amin": "min", "conjugate": "copy"}
REDUCTIONS = frozenset(("sum", "mean", "max", "min", "all", "any", "prod"))
_HARMLESS = {"axis", "axes", "keepdims", "dtype", "out", "optimize", "fill_value", "shape"}
FILLED = {"zeros": 0, "ones": 1, "zeros_like": 0, "ones_like": 1, "full": None, "full_like": None}


class Elementary(NamedTuple):
    """An elementary step.

    function: a name of functions.js; "input" and "number" have no operands, "opaque" is what cannot be run again
    operands: places of earlier ones
    options: axes, a key, letters
    value: what came of it
    source: the step of the recording that it is, None for a number or an array that stands in the code
    place: where the call stands
    """

    function: str
    operands: tuple[int, ...]
    options: Mapping[str, Any]
    value: Array
    source: int | None = None
    place: Place | None = None


class Elementaries:
    """The elementary steps of a recording that lead to its outputs, or have a name.

    steps: in order
    place_of: which of them a step of the recording has become; several may be one, where nothing was computed
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.steps: list[Elementary] = []
        self.place_of: dict[int, int] = {}
        self._numbers: dict[str, int] = {}
        used = self._used()
        for i in range(len(recording.steps)):
            if i in used:
                self.place_of[i] = self._lowered(i)

    def _used(self) -> set[int]:
        steps, stack = self.recording.steps, [*self.recording.outputs.values(), *self.recording.names]
        used: set[int] = set()
        while stack:
            if (i := stack.pop()) not in used:
                used.add(i)
                stack.extend(steps[i].parents)
        return used

    def _add(self, step: Elementary) -> int:
        self.steps.append(step)
        return len(self.steps) - 1

    def operand(self, argument: Any) -> int:
        """The place of an argument: of an earlier step, or of a number or array that stands in the code."""
        if isinstance(argument, StepReference):
            return self.place_of[argument.step]
        array = np.asarray(argument)
        if array.ndim == 0:
            key = f"{array.dtype.kind}{array.item()!r}"
            if key not in self._numbers:
                self._numbers[key] = self._add(Elementary("number", (), {}, array))
            return self._numbers[key]
        return self._add(Elementary("input", (), {}, array))

    def _lowered(self, i: int) -> int:
        """The place of a step of the recording, which is added, or is one that is there already."""
        step, value, outputs = self.recording.steps[i], self.recording.values[i], self.recording.outputs.values()
        name = OTHER_NAMES.get(step.name.removesuffix(".reduce"), step.name)
        if name == "input" or (not step.parents and name not in FILLED):  # np.arange and the like are constants
            return self._add(Elementary("input", (), {}, value, i, step.place))
        known = self._same(name, step.args, step.kwargs, value)
        if known is not None:
            if i not in outputs or known not in {self.place_of.get(k) for k in outputs if k != i}:
                return known
            return self._add(Elementary("positive", (known,), {}, value, i, step.place))  # each output is its own
        try:
            function, operands, options = self._elementary(name, step.args, dict(step.kwargs), value)
        except (LookupError, TypeError, ValueError):
            places = tuple(dict.fromkeys(self.place_of[k] for k in step.parents))
            return self._add(Elementary("opaque", places, {"name": name}, value, i, step.place))
        return self._add(Elementary(function, tuple(operands), options, value, i, step.place))

    def _same(self, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], value: Array) -> int | None:
        """The earlier step whose numbers these are, where nothing is computed."""
        if not args or not isinstance(args[0], StepReference):
            return None
        first = self.place_of[args[0].step]
        before = self.steps[first].value
        unchanged = before.shape == value.shape and before.dtype == value.dtype
        if name in ("copy", "ascontiguousarray", "astype", "reshape", "squeeze", "broadcast_to", "sum") and unchanged:
            return first if name != "sum" or value.ndim == 0 else None
        if name in ("multiply", "divide") and unchanged and isinstance(args[1], int | float) and args[1] == 1:
            return first
        is_whole = name == "setitem" and isinstance(args[1], slice | type(...)) and args[1] in (..., slice(None))
        if is_whole and isinstance(args[2], StepReference):
            second = self.place_of[args[2].step]
            return second if self.steps[second].value.shape == value.shape else None
        return None

    def _elementary(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], value: Array
    ) -> tuple[str, list[int], dict[str, Any]]:
        """Function, operands and options. Raises LookupError for what is none of these."""
        first = self.steps[self.operand(args[0])].value if args and isinstance(args[0], StepReference) else None
        if name == "astype":
            return "astype", [self.operand(args[0])], {"kind": value.dtype.kind}
        if kwargs.keys() - _HARMLESS:  # where=, initial=, order= would change what is computed
            raise LookupError(name)
        if name in ELEMENTWISE and (name not in ("where", "clip") or len(args) == 3):
            return name, [self.operand(x) for x in args], {}
        if name in FILLED:
            number = FILLED[name] if FILLED[name] is not None else (args[1] if len(args) > 1 else kwargs["fill_value"])
            return "fill", [self.operand(number)], {}
        if name in REDUCTIONS and first is not None:
            axis = args[1] if len(args) > 1 else kwargs.get("axis")
            axes = range(first.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
            return name, [self.operand(args[0])], {"axes": sorted(int(a) % first.ndim for a in axes)}
        if name in ("reshape", "squeeze", "expand_dims", "ravel", "atleast_1d"):
            return "reshape", [self.operand(args[0])], {}
        if name in ("transpose", "swapaxes", "matrix_transpose") and first is not None:
            return "transpose", [self.operand(args[0])], {"axes": _order(name, args[1:], kwargs, first.ndim)}
        if name == "broadcast_to":
            return name, [self.operand(args[0])], {}
        if name == "tril" and len(args) == 1 and first is not None:
            return "multiply", [self.operand(args[0]), self.operand(np.tril(np.ones(first.shape)))], {}
        if name in ("matmul", "dot") and (name == "matmul" or value.ndim == 2):
            return "matmul", [self.operand(x) for x in args], {}
        if name == "vdot":
            return "vdot", [self.operand(x) for x in args], {}
        if name == "einsum":
            return "einsum", [self.operand(x) for x in args[1:]], {"letters": args[0]}
        if name in ("concatenate", "stack"):
            axis = args[1] if len(args) > 1 else kwargs.get("axis", 0)
            return name, [self.operand(x) for x in args[0]], {"axis": int(axis) % value.ndim}
        if name == "flatnonzero":
            return name, [self.operand(args[0])], {}
        return self._indexed(name, args)

    def _indexed(self, name: str, args: tuple[Any, ...]) -> tuple[str, list[int], dict[str, Any]]:
        if name == "getitem":
            operands = [self.operand(args[0])]
            return name, operands, {"key": self._key(args[1], operands)}
        if name == "setitem" or (name == "at" and args[0] is np.add):
            x, key, value = args[-3:]
            operands = [self.operand(x), self.operand(value)]
            return "setitem" if name == "setitem" else "add_at", operands, {"key": self._key(key, operands)}
        raise LookupError(name)

    def _key(self, key: Any, operands: list[int]) -> list[Any]:
        """A key for JavaScript: null, "...", a number, [start, stop, step], or {"operand": k} for an array."""
        found: list[Any] = []
        for part in key if isinstance(key, tuple) else (key,):
            if part is None:
                found.append(None)
            elif part is Ellipsis:
                found.append("...")
            elif isinstance(part, slice):
                found.append([None if x is None else int(x) for x in (part.start, part.stop, part.step)])
            elif isinstance(part, int | np.integer):
                found.append(int(part))
            else:
                found.append({"operand": len(operands)})
                operands.append(self.operand(np.asarray(part) if isinstance(part, list) else part))
        return found


def _order(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], ndim: int) -> list[int]:
    """Which axis of the operand each axis of the result is."""
    order = list(range(ndim))
    if name == "transpose":
        given = args[0] if len(args) == 1 and not isinstance(args[0], int) else args or kwargs.get("axes")
        return order[::-1] if given is None or given == () else [int(a) % ndim for a in given]
    a, b = args if name == "swapaxes" else (-1, -2)
    order[a], order[b] = order[b], order[a]
    return order
