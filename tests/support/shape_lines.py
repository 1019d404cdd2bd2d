"""Reads the line of an op's docstring that says its shapes, and holds a sample to it.

    q (…, T, d), k (…, S, d), mask (…, T, S) boolean or none -> y (…, T, S); prose

An input is a name, then, if the line says anything of it, its axes in parentheses, "boolean", "boolean or floats",
"integers", "or none", or "like x". An axis is a letter of the alphabet, which has one length wherever it stands, or a
number; "…" stands for leading axes, which broadcast with one another. Axes of a boolean input may be 1, or missing in
front. A name alone may have any shape. After the arrow stands the output in the same form, or one of the RULES.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

ALPHABET = set("BTSDHVFNMKIOde")
"""Batch, tokens, tokens looked at, model width, heads, vocabulary, feed-forward width; other lengths; head widths."""


def of_numpy(function):
    """A rule that does to empty arrays what the op does to its inputs."""
    return lambda shapes, options: function([np.empty(shape) for shape in shapes], options).shape


RULES = {
    "same shape": of_numpy(lambda x, o: x[0]),
    "shapes broadcast": of_numpy(lambda x, o: np.broadcast(*x)),
    "axes removed, or 1 with keepdims": of_numpy(lambda x, o: np.sum(x[0], axis=o["axis"], keepdims=o["keepdims"])),
    "axis removed, or 1 with keepdims": of_numpy(lambda x, o: np.sum(x[0], axis=o["axis"], keepdims=o["keepdims"])),
    "with the given shape": of_numpy(lambda x, o: x[0].reshape(o["shape"])),
    "broadcast to the given shape": of_numpy(lambda x, o: np.broadcast_to(x[0], o["shape"])),
    "where axis i of y is axis axes[i] of x": of_numpy(lambda x, o: x[0].transpose(o["axes"])),
    "whose length along the axis is the sum of theirs": of_numpy(lambda x, o: np.concatenate(x, o["axis"])),
    "with a new axis": of_numpy(lambda x, o: np.stack(x, o["axis"])),
    "x[start:stop] along the axis": of_numpy(lambda x, o: x[0].take(range(o["start"], o["stop"]), o["axis"])),
    "x[key]": of_numpy(lambda x, o: x[0][o["key"]]),
    "the equation names their axes": of_numpy(lambda x, o: np.asarray(np.einsum(o["equation"], *x))),
    'one number, or (…) with reduction "none"': lambda shapes, o: shapes[0][:-1] if o["reduction"] == "none" else (),
    "one number": lambda shapes, o: (),
}
"""What the words after the arrow say of the output: (shapes of the inputs, options of the op) -> shape."""


class Array(NamedTuple):
    """What the line says of an input, or of the output: None for nothing."""

    name: str
    axes: list[str] | None
    kinds: str
    may_be_missing: bool
    like: str | None


class ShapeLine(NamedTuple):
    """A line, read. rule: of the output, which otherwise has the axes of `output`, or is like an input.

    remarks: what follows up to the next empty line; it may say that an axis "may be several axes", or what a vector is.
    """

    text: str
    remarks: str
    inputs: list[Array]
    output: Array | None
    rule: str | None


def parse(docstring):
    """The shape line of an op's docstring. Raises ValueError, with the line, where it is not of this form."""
    paragraph = next((part for part in docstring.split("\n\n") if "->" in part), "")
    text, _, remarks = paragraph.strip().partition("\n")
    before, _, after = text.partition("->")
    inputs = [array for array in map(read, re.split(r",\s*(?![^(]*\))", before)) if array]
    rule = next((rule for rule in RULES if rule in after), None)
    output = next((array for array in map(read, re.split(r"[;.,]\s(?![^(]*\))", after)) if array), None)
    words = re.search(r", like (\w+)", after)
    if output and words:
        output = output._replace(like=words[1])
    if not inputs or not (rule or (output and (output.axes is not None or output.like))):
        raise ValueError(f"a line like `x (…, D), gamma (D,) -> y (…, D)` was expected, got {text!r}")
    return ShapeLine(text, text.partition("->")[2] + remarks, inputs, output, rule)


def read(piece):
    """An array of the line; None for words."""
    found = re.fullmatch(r"(\w+|…)(?: \(([^)]*)\))?( .*)?", piece.strip())
    if not found or (found[2] is None and found[3] and not re.search("boolean|integers|or none", found[3])):
        return None
    like, axes = re.search(r"\blike (\w+)", piece), None
    if found[2] is not None and not re.search("boolean|integers|like|shape", found[2]):
        axes = [axis.strip() for axis in found[2].split(",") if axis.strip()]
        if unknown := [axis for axis in axes if axis not in ALPHABET | {"…"} and not axis.isdigit()]:
            raise ValueError(f"{', '.join(unknown)} is not in the alphabet of axes: {piece.strip()!r}")
    kinds = (
        "bf" if "boolean or floats" in piece else "b" if "boolean" in piece else "iu" if "integers" in piece else "f"
    )
    return Array(found[1], axes, kinds, "or none" in piece, like and like[1])


def assert_shapes(line, inputs, options, output):
    """Hold the arrays of one call of an op to its line.

    Args:
        line: a ShapeLine
        inputs: arrays
        options: every option of the op, also those that have their defaults
        output: array
    """
    given = list(zip(present(line, len(inputs)), inputs, strict=True))
    shapes = {array.name: x.shape for array, x in given}
    lengths: dict[str, tuple[int, ...]] = {}
    leading, missing = [], set()
    for array, x in sorted(given, key=lambda pair: "…" in (pair[0].axes or ())):
        assert x.dtype.kind in array.kinds, f"{array.name} has dtype {x.dtype}"
        assert array.like is None or x.shape == shapes[array.like], f"{array.name} is not like {array.like}"
        axes = array.axes or []
        if "vector" in line.remarks and x.ndim == 1 < len(axes) - axes.count("…"):
            others = [axis for other in line.inputs if other is not array for axis in other.axes]
            missing |= set(axes) - set(others)  # the 1 of a row or a column
            axes = [axis for axis in axes if axis in others and axis != "…"]
        if array.axes is not None:
            several = set(re.findall(r"(\w) may be several axes", line.remarks))
            leading.append(bind(array, axes, x.shape, lengths, several))
    if line.rule:
        expected = RULES[line.rule]([x.shape for x in inputs], options)
    elif line.output.like:
        expected = shapes[line.output.like]
    else:
        lengths["…"] = np.broadcast_shapes(*leading)
        sizes = {axis: (int(axis),) for axis in line.output.axes if axis.isdigit()} | lengths
        expected = sum((sizes[axis] for axis in line.output.axes if axis not in missing), ())
    assert output.shape == tuple(expected), f"the output has shape {output.shape}, expected {expected}"


def present(line, count):
    """What the line says of each of the inputs of a call, which may leave out those that may be missing."""
    if line.inputs[-1].name == "…":
        return [line.inputs[min(i, 1)]._replace(name=f"x{i}") for i in range(count)]
    left_out = len(line.inputs) - count
    kept = []
    for array in reversed(line.inputs):
        if array.may_be_missing and left_out > 0:
            left_out -= 1
        else:
            kept.append(array)
    assert len(kept) == count, f"{count} inputs"
    return kept[::-1]


def bind(array, axes, shape, lengths, several):
    """Give each letter its length, or assert that it has that already; returns the leading axes."""
    letters = [axis for axis in axes if axis != "…"]
    counts = {axis: len(lengths.get(axis, shape if axis in several else "1")) for axis in letters}
    if "b" in array.kinds:  # a mask broadcasts
        shape = (1,) * (sum(counts.values()) - len(shape)) + shape
    start = len(shape) - sum(counts.values())
    assert start == 0 or (start > 0 and "…" in axes), f"{array.name} has shape {shape}"
    leading = shape[:start]
    for axis in letters:
        here = shape[start : start + counts[axis]]
        start += counts[axis]
        expected = (int(axis),) if axis.isdigit() else lengths.setdefault(axis, here)
        assert here == expected or ("b" in array.kinds and here == (1,)), f"{axis} is {here} and {expected}"
    return leading
