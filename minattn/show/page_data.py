"""What the page of numbers is made of: a recording as JSON, with the words of the code that ran."""

import base64
import inspect
import linecache
import math
import re
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..backend import Array
from ..ops import Op, registry
from ..trace import Place, expression_at
from .axis_names import Letters, name_axes
from .elementary import Elementaries, Elementary
from .part_recorder import RecordedPart
from .recording import Recording

_PACKAGE = Path(__file__).parents[1]


class _Code:
    """The functions whose lines ran, and the places in them, each once."""

    def __init__(self) -> None:
        self.functions: list[dict[str, Any]] = []
        self.places: list[list[Any]] = []
        self._known_functions: dict[types.CodeType, int] = {}
        self._known_places: dict[tuple[Any, ...], int] = {}

    def place(self, place: Place | None) -> tuple[int | None, str | None]:
        """The number of a place, and the name that its value is given; None where there is no source."""
        expression = expression_at(place, ours=True) if place is not None else None
        if place is None or place.code is None or expression is None:
            return None, None
        first, last, start, end = expression.span
        key = (self._function(place.code), first, last, start, end)
        if key not in self._known_places:
            self._known_places[key] = len(self.places)
            self.places.append([*key, expression.text, list(expression.operands)])
        return self._known_places[key], expression.name

    def _function(self, code: types.CodeType) -> int:
        if code not in self._known_functions:
            self._known_functions[code] = len(self.functions)
            lines = linecache.getlines(code.co_filename)[code.co_firstlineno - 1 :]
            try:
                lines = inspect.getblock(lines)
            except (SyntaxError, IndexError):
                lines = lines[:1]
            function = {"name": code.co_qualname, "file": _file(code.co_filename), "first": code.co_firstlineno}
            written = "".join(lines).rstrip("\n").split("\n")
            self.functions.append(function | {"lines": written, "numbers": line_numbers(written)})
        return self._known_functions[code]


def _file(path: str) -> str:
    """A file as a reader would call it: from the package on, or by its bare name."""
    inside = Path(path).is_relative_to(_PACKAGE)
    return Path(path).relative_to(_PACKAGE.parent).as_posix() if inside else Path(path).name


def as_data(
    recording: Recording, letters: Mapping[str, Letters] | None = None, labels: Mapping[str, list[str]] | None = None
) -> dict[str, Any]:
    """A recording for the page.

    Args:
        letters: of the axes of inputs, by the names of these
        labels: what stands along the axes of a letter, as the tokens along T
    """
    elementaries = Elementaries(recording)
    code = _Code()
    known = {name: elementaries.place_of.get(step) for step, name in recording.names.items()}
    given = {known[name]: axes for name, axes in (letters or {}).items() if known.get(name) is not None}
    gradients = {
        elementaries.place_of[a]: elementaries.place_of[b]
        for a, b in recording.gradient_of.items()
        if a in elementaries.place_of and b in elementaries.place_of
    }
    axes = name_axes(elementaries.steps, {k: v for k, v in given.items() if k is not None})
    given |= {gradients[k]: axes[k] for k in gradients if k is not None}
    axes = name_axes(elementaries.steps, {k: v for k, v in given.items() if k is not None})
    names = _names(recording, elementaries)
    parts = _parts(recording, elementaries)
    part_of = {
        k: (n, b) for n, part in enumerate(parts) for b, key in enumerate(("forward", "backward")) for k in part[key]
    }
    steps, moved = [], moved_values(recording)
    for i, step in enumerate(elementaries.steps):
        place, name = code.place(step.place)
        name = names.get(i) or (name.removeprefix("self.") if name else None)
        entry = _entry(step, axes[i], moved)
        entry |= {key: value for key, value in (("name", name), ("at", place)) if value is not None}
        if i in part_of:
            entry |= {"part": part_of[i][0]} | ({"back": 1} if part_of[i][1] else {})
        if i in gradients:
            entry["gradient"] = gradients[i]
        steps.append(entry)
    for number, k in elementaries.place_of.items():
        # where nothing was computed, what is there gets the name
        if (name := code.place(recording.steps[number].place)[1]) is not None:
            steps[k].setdefault("name", name.removeprefix("self."))
    for entry in parts:  # an op that runs others has their derivations too
        for k in (*entry["forward"], *entry["backward"]):
            own = code.functions[code.places[steps[k]["at"]][0]]["name"].partition(".")[0] if "at" in steps[k] else ""
            if "op" in entry and own in registry and own not in entry["docs"]:
                entry["docs"][own] = derivation(registry[own].op)
    for entry in steps:  # what was written into keeps its name
        if entry["f"] in ("setitem", "add_at") and "name" in (before := steps[entry["of"][0]]):
            entry.setdefault("name", before["name"])
    outputs = {name: elementaries.place_of[step] for name, step in recording.outputs.items()}
    for name, k in outputs.items():
        steps[k].setdefault("name", name)
    _pair_by_name(steps, parts)
    return {
        "title": recording.title,
        "steps": steps,
        "parts": parts,
        "functions": code.functions,
        "places": code.places,
        "outputs": outputs,
        "labels": dict(labels or {}),
    }


def _names(recording: Recording, elementaries: Elementaries) -> dict[int, str]:
    """Names by place. The code's own come later; these are of inputs, and of what ops give and send back."""
    found: dict[int, str] = {}
    for step, name in recording.names.items():
        if step in elementaries.place_of:
            found.setdefault(elementaries.place_of[step], name)
    return found


def _parts(recording: Recording, elementaries: Elementaries) -> list[dict[str, Any]]:
    """The parts that have steps left, or that hand on what they were given."""
    found = []
    for part in recording.parts:
        entry: dict[str, Any] = {"title": part.title, "where": part.where}
        for key in ("forward", "backward"):
            places = {i: elementaries.place_of[i] for i in getattr(part, key) if i in elementaries.place_of}
            entry[key] = [k for i, k in places.items() if elementaries.steps[k].source == i]  # not of what was there
        entry["inputs"] = {n: elementaries.place_of[i] for n, i in part.inputs.items() if i in elementaries.place_of}
        for key, step in (("output", part.output), ("upstream", part.upstream)):
            if step in elementaries.place_of:
                entry[key] = elementaries.place_of[step]
        if part.op is not None:
            name = type(part.op).__name__
            entry |= {"op": name, "docs": {name: derivation(type(part.op))}, "options": _options(part)}
        elif part.doc:
            entry["docs"] = {part.title.partition(" ")[0]: [part.doc]}
        if entry["forward"] or entry["backward"] or "upstream" in entry:
            found.append(entry)
    return found


def derivation(op: type[Op]) -> list[str]:
    """The lines of an op's docstring, without the one that names its kernel."""
    lines = (inspect.getdoc(op) or "").split("\n")
    return [line for line in lines if not line.startswith("float32 runs")]


def _options(part: RecordedPart) -> str:
    """The options of an op, in words."""
    parameters = inspect.signature(type(part.op)).parameters
    values = {
        name: getattr(part.op, name, None) for name in parameters if not hasattr(getattr(part.op, name, None), "shape")
    }
    return ", ".join(
        f"{name}={value}" for name, value in values.items() if value is not None and "Array" not in repr(value)
    )


def _pair_by_name(steps: list[dict[str, Any]], parts: list[dict[str, Any]]) -> None:
    """Tie s to ds, where the backward of an op calls so an array of the same shape; the last of that name counts."""
    for part in parts:
        shapes = {steps[i]["name"]: i for i in part["backward"] if "name" in steps[i]}
        for i in part["forward"]:
            other = shapes.get(f"d{steps[i].get('name')}")
            if other is not None and steps[other]["shape"] == steps[i]["shape"]:
                steps[i].setdefault("gradient", other)


def _entry(step: Elementary, letters: Letters, moved: list[Array]) -> dict[str, Any]:
    """A step for the page: what it is made of, or its numbers, and a print of these to compare with."""
    entry: dict[str, Any] = {"f": step.function, "shape": list(step.value.shape)}
    if any(letters):
        entry["axes"] = list(letters)
    if step.operands:
        entry["of"] = list(step.operands)
    if step.options:
        entry["options"] = dict(step.options)
    if step.value.dtype.kind in "bi":
        entry["kind"] = step.value.dtype.kind
    if step.function in ("input", "number", "opaque"):
        entry["data"] = encoded(step.value)
    else:
        entry["print"] = print_of(step.value, step.value if step.source is None else moved[step.source])
    return entry


def encoded(value: Array) -> Any:
    """Numbers for the page: one number as text, zeros as 0, others as bytes, of float32 where that is exact."""
    numbers = np.asarray(value, np.float64)
    if numbers.size == 1:
        return repr(float(numbers.reshape(())))
    if not numbers.any() and not np.isnan(numbers).any():
        return 0
    with np.errstate(over="ignore"):
        single = numbers.astype("<f4")
    is_single = np.array_equal(single.astype(np.float64), numbers, equal_nan=True)
    bytes_ = (single if is_single else numbers.astype("<f8")).tobytes()
    return ("4" if is_single else "8") + base64.b64encode(bytes_).decode("ascii")


def print_of(value: Array, moved: Array) -> list[float]:
    """Three numbers that tell an array x: Σ w_i x_i with fixed weights in [-1/2, 1/2), Σ |x_i|, and how much of that is
    rounding: by as much it is moved where all inputs are by a hundredth of a millionth of a millionth.
    """
    x, y = (
        np.nan_to_num(np.asarray(a, np.float64).reshape(-1), nan=3.0, posinf=5.0, neginf=-5.0) for a in (value, moved)
    )
    weights = (np.arange(x.size, dtype=np.uint64) * 2654435761 % 2**32) / 2**32 - 0.5
    rounding = float(np.abs(y - x).sum()) if x.shape == y.shape else 0.0
    return [_short(float(weights @ x)), _short(float(np.abs(x).sum())), float(f"{rounding:.2g}")]


def moved_values(recording: Recording) -> list[Array]:
    """Every value once more, with all inputs that are not whole moved by 1e-14 of themselves."""
    generator = np.random.default_rng(0)
    values: list[Array] = []
    for step, value in zip(recording.steps, recording.values, strict=True):
        if step.name == "input":
            noise = 1e-14 * generator.uniform(-1, 1, value.shape)
            values.append(value * (1 + noise) if value.dtype.kind == "f" else value)
        else:
            values.append(np.asarray(step.run([values[i] for i in step.parents])))
    return values


def _short(number: float) -> float:
    """15 digits, which are enough to compare with."""
    return float(f"{number:.15g}") if math.isfinite(number) else 0.0


def line_numbers(lines: list[str]) -> list[str]:
    """For each line of a function the number of the docstring's line that it writes, "" before the first."""
    found, number = [], ""
    for line in lines:
        if match := re.match(r"\s*# (\d)(?: and \d)?\b", line):
            number = match[1]
        found.append(number)
    return found
