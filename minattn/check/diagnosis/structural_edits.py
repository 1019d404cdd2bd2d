"""Slips in what is done: another function, axis, sign, order of factors, or an operand too many."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from functools import partial
from itertools import permutations
from typing import Any

import numpy as np

from ...trace import Expression, Step
from .both_passes import BothPasses
from .index_edits import index_edits
from .measurements import axis_orders
from .step_changes import (
    Change,
    branch,
    by_function,
    cumsum_from_the_end,
    everywhere,
    exchanged_branches,
    kept_operand,
    moved_axes,
    negated,
    product,
    reduced_by,
    repeated_otherwise,
    rerun,
    slope_of_step,
    summed,
    then,
    to_the_power,
    with_number,
)
from .step_values import is_real
from .values_over_time import Edit, Site


def structural_edits(passes: BothPasses, site: Site) -> Iterator[Edit]:
    """Another function, axis, sign, index, order of factors, or an operand too many."""
    expression, i = passes.expression(site), passes.sites[site][0]
    step, value = passes.steps[i], passes.values[i]
    yield from index_edits(passes, site)
    for kind, slip, change in _slips(passes, step, value, expression):
        yield Edit(kind, f"in {expression}, {slip}", site, everywhere(site, change), _STRUCTURAL_COSTS.get(kind, 0.5))
    for c, told in _FACTORS.items() if is_real(value) else ():
        slip = f"{expression} is to be multiplied by {told}"
        yield Edit("constant_factor", slip, site, everywhere(site, partial(then, partial(operator.mul, c))), 1.15)
    for name, number in passes.numbers.items() if is_real(value) else ():
        for told, function in _WITH_NUMBER.items():
            slip = f"in {expression}, {told.format(name)}"
            yield Edit("wrong_variable", slip, site, everywhere(site, partial(then, partial(function, number))), 1.1)
    for slip, change in _numbers(passes, step, expression):
        yield Edit("constant_factor", f"in {expression}, {slip}", site, everywhere(site, change), 1.0)


_STRUCTURAL_COSTS = {"sign": 0.3, "missing_transpose": 0.6, "wrong_variable": 0.9, "cross_terms_missing": 1.3}


_FACTORS = {2.0: "2", 0.5: "1/2", 3.0: "3", 1 / 3: "1/3", 4.0: "4", 0.25: "1/4"}
_WITH_NUMBER: dict[str, Callable[[float, Any], Any]] = {
    "{}, which is in forward, is to be added": lambda k, x: x + k,
    "{}, which is in forward, is to be subtracted": lambda k, x: x - k,
    "the factor {}, which is in forward, is missing": lambda k, x: x * k,
    "the division by {}, which is in forward, is missing": lambda k, x: x / k,
}


def _slips(passes: BothPasses, step: Step, value: Any, expression: Expression) -> Iterator[tuple[str, str, Change]]:
    name, operands = step.name, [passes.values[p] for p in step.parents]
    words = [*expression.operands, "the first operand", "the second operand"][:2]
    if name in ("add", "subtract") and len(step.args) == 2:
        other = np.subtract if name == "add" else np.add
        sign = "- belongs where + stands" if name == "add" else "+ belongs where - stands"
        yield "sign", sign, partial(by_function, other)
        for k in (0, 1):
            kept = "" if k == 0 or name == "add" else "-"
            yield "wrong_variable", f"the term `{words[1 - k]}` does not belong there", partial(kept_operand, k, kept)
    if is_real(value):
        yield "sign", "the sign is turned", negated
    if name in ("multiply", "divide", "true_divide") and len(step.args) == 2:
        if name == "multiply":
            yield (
                "wrong_variable",
                f"it is to be divided by `{words[1]}`, not multiplied by it",
                partial(by_function, np.divide),
            )
        else:
            yield (
                "wrong_variable",
                f"it is to be multiplied by `{words[1]}`, not divided by it",
                partial(by_function, np.multiply),
            )
        for k in (0, 1):
            slip = f"the factor {'1/' if name != 'multiply' and k == 0 else ''}`{words[1 - k]}` does not belong there"
            yield "wrong_variable", slip, partial(kept_operand, k, "1/" if name != "multiply" and k else "")
    yield from _products(step, operands, words)
    yield from _powers(step, words)
    yield from _reductions(step, operands, value)
    yield from _functions(step, operands)
    if np.ndim(value) > 1 and is_real(value):
        for axes in axis_orders(np.ndim(value)):
            if tuple(value.shape[a] for a in axes) == value.shape:
                slip = f"the axes stand in another order: .transpose{axes} puts it right"
                yield "missing_transpose", slip, partial(then, partial(np.transpose, axes=axes))
        for axis in range(np.ndim(value)):
            total = partial(summed, axis)
            yield "cross_terms_missing", f"the sum along axis {axis} is missing", partial(then, total)
    elif np.ndim(value) == 1 and is_real(value):
        yield "cross_terms_missing", "the sum over all entries is missing", partial(then, partial(summed, 0))
    if isinstance(value, np.ndarray | np.generic) and np.asarray(value).dtype.kind == "b":
        yield "mask_leak", "the condition is the wrong way round", partial(then, np.logical_not)
    if name in ("astype", "round", "rint", "floor", "around", "trunc"):
        yield "dtype", "digits are lost", partial(kept_operand, 0, "")
    if name in ("flip", "roll", "conj", "abs", "absolute", "clip", "nan_to_num", "sort", "cumsum", "where", "sign"):
        yield "wrong_variable", f"the call of {name} does not belong there", partial(kept_operand, 0, "")
    for a in range(np.ndim(value)):
        if np.shape(value)[a] > 1 and is_real(value):
            yield "wrong_axis", f"the order along axis {a} is reversed", partial(then, partial(np.flip, axis=a))
            for shift in (1, -1):
                slip = f"what belongs at place i of axis {a} stands at place i {'-' if shift > 0 else '+'} 1"
                yield "wrong_index", slip, partial(then, partial(np.roll, shift=shift, axis=a))


def _products(step: Step, operands: list[Any], words: list[str]) -> Iterator[tuple[str, str, Change]]:
    if len(operands) != 2 or min(map(np.ndim, operands)) < 1:
        return
    if step.name in ("matmul", "dot"):
        for turned in ((True, False), (False, True), (True, True)):
            which = " and ".join(f"`{w}`" for w, t in zip(words, turned, strict=False) if t)
            slip = f"{which} is to be transposed" if sum(turned) == 1 else f"{which} are both to be transposed"
            yield "missing_transpose", slip, partial(product, turned, False)
        slip = "the two factors are to be exchanged"
        yield "missing_transpose", slip, partial(product, (False, False), True)
        for turned in ((True, False), (False, True), (True, True)):
            which = " and ".join(f"`{w}`" for w, t in zip(words, turned, strict=False) if t)
            slip = f"the two factors are to be exchanged, and {which} transposed"
            yield "missing_transpose", slip, partial(product, turned, True)
        yield (
            "elementwise_for_matmul",
            "it is a product of matrices and not element by element",
            partial(by_function, np.multiply),
        )
    if step.name == "multiply":
        for turned in ((False, False), (True, False), (False, True)):
            slip = "the product is taken element by element; a product of matrices belongs there"
            yield "elementwise_for_matmul", slip, partial(product, turned, False)


def _powers(step: Step, words: list[str]) -> Iterator[tuple[str, str, Change]]:
    if step.name == "power" and len(step.args) == 2 and isinstance(step.args[1], int | float):
        n = step.args[1]
        for m in (n - 1, n + 1, -n, n / 2, 2 * n, n - 0.5, n + 0.5, n - 2, 1, 2, 3, -1, -2, 0.5, -0.5, -1.5):
            if m not in (n, 0):
                slip = f"the exponent of `{words[0]}` is {n:g}, and {m:g} belongs there"
                yield "wrong_variable", slip, partial(to_the_power, m)


def _numbers(passes: BothPasses, step: Step, expression: Expression) -> Iterator[tuple[str, Change]]:
    for k, arg in enumerate(step.args):
        for name, number in passes.numbers.items() if type(arg) in (int, float, np.float64) else ():
            if number != arg and step.name not in ("getitem", "reshape"):
                yield (
                    f"the number {arg:.6g} stands where {name} belongs, as in forward",
                    partial(with_number, k, number),
                )
    if step.name in ("add", "subtract", "multiply", "divide"):
        for k, arg in enumerate(step.args):
            written = expression.operands[k] if k < len(expression.operands) else ""
            if type(arg) in (int, float, np.float64) and written.replace(".", "", 1).replace("e-", "", 1).isdigit():
                for other in (arg + 1, arg - 1, -arg, 2 * arg, arg / 2, arg**2, 1 / arg if arg else 1.0, 1, 2):
                    if other != arg:
                        slip = f"the number {arg:.6g} stands where {other:.6g} belongs"
                        yield slip, partial(with_number, k, other)


def _reductions(step: Step, operands: list[Any], value: Any) -> Iterator[tuple[str, str, Change]]:
    if step.name not in ("sum", "mean", "max", "amax", "min", "cumsum", "add.reduce", "argmax", "prod") or not operands:
        return
    ndim, axis = np.ndim(operands[0]), step.kwargs.get("axis", "none")
    if axis == "none" and len(step.args) > 1:
        return  # an axis given by position
    if isinstance(axis, int):
        axis %= max(ndim, 1)
        if not step.kwargs.get("keepdims") and step.name not in ("cumsum", "argmax"):
            slip = "keepdims=True is missing: what comes out is used along another axis"
            yield "wrong_axis", slip, partial(rerun, {"keepdims": True})
    for other in (None, *range(ndim)):
        if other != (None if axis == "none" else axis):
            along = "over everything" if other is None else f"along axis {other}"
            slip = f"the {step.name} is to run {along}"
            for keeps in (True, False) if step.name not in ("cumsum", "argmax") else (False,):
                kwargs = {"axis": other, "keepdims": keeps} if keeps else {"axis": other}
                yield "wrong_axis", slip, partial(rerun, kwargs)
    if step.name in ("sum", "mean", "add.reduce"):
        other, word = (np.sum, "sum") if step.name == "mean" else (np.mean, "mean")
        slip = f"the {step.name.replace('add.reduce', 'sum')} stands where a {word} belongs"
        yield "constant_factor", slip, partial(reduced_by, other)
        yield "cross_terms_missing", "the sum does not belong there", partial(kept_operand, 0, "")
    if step.name == "cumsum":
        yield "wrong_axis", "the sum is to run from the other end", cumsum_from_the_end


_SIBLINGS: dict[str, tuple[str, ...]] = {
    "sin": ("cos",), "cos": ("sin",), "exp": ("expm1",), "sinh": ("cosh",), "cosh": ("sinh",), "log": ("log1p",),
    "maximum": ("minimum",), "minimum": ("maximum",), "max": ("min",), "min": ("max",), "argmax": ("argmin",),
    "argmin": ("argmax",), "greater": ("less", "greater_equal"), "less": ("greater", "less_equal"),
    "greater_equal": ("less", "greater"), "less_equal": ("greater", "less"), "sqrt": ("square",), "square": ("sqrt",),
    "tanh": ("tan",), "floor_divide": ("remainder",), "remainder": ("floor_divide",), "arctan": ("tan",),
    "equal": ("not_equal",), "not_equal": ("equal",), "tril": ("triu",), "triu": ("tril",),
    "ones_like": ("zeros_like",), "ones": ("zeros",), "abs": ("sign",), "absolute": ("sign",), "log1p": ("log",),
}  # fmt: skip


def _functions(step: Step, operands: list[Any]) -> Iterator[tuple[str, str, Change]]:
    for other in _SIBLINGS.get(step.name, ()):
        kind = "mask_leak" if "eq" in other or other in ("greater", "less") else "wrong_variable"
        yield kind, f"{step.name} stands where {other} belongs", partial(by_function, getattr(np, other))
    if isinstance(step.function, np.ufunc) and step.function.nin == 1 and operands and is_real(operands[0]):
        yield "wrong_variable", f"the value of {step.name} stands where its slope belongs", slope_of_step
        yield "wrong_variable", f"the call of {step.name} does not belong there", partial(kept_operand, 0, "")
    if step.name == "where" and len(step.args) == 3:
        yield "mask_leak", "the two branches are exchanged", exchanged_branches
        for k, which in ((1, "first"), (2, "second")):
            yield "mask_leak", f"the condition does not belong there: it is the {which} branch", partial(branch, k)
    if step.name in ("concatenate", "stack", "hstack", "vstack") and 2 <= len(step.parents) <= 4:
        for order in list(permutations(range(len(step.parents))))[1:]:
            yield "swapped_arguments", f"the parts are to stand in the order {order}", partial(_reordered, order)
    if step.name == "transpose" and step.args[1:]:
        for axes in axis_orders(np.ndim(operands[0])):
            yield "missing_transpose", f"the axes are to be moved by {axes}", partial(_turned, axes)
    if step.name in ("transpose", "matrix_transpose", "swapaxes"):
        yield "missing_transpose", "the transpose does not belong there", partial(kept_operand, 0, "")
    if step.name in ("tile", "repeat"):
        slip = f"{step.name} stands where {'repeat' if step.name == 'tile' else 'tile'} belongs"
        yield "wrong_variable", slip, repeated_otherwise
    if step.name == "reshape":
        yield "missing_transpose", "the axes are to be moved, and not reshaped", moved_axes
    if step.name in ("setitem", "at"):
        yield "missing_path", "the assignment does not belong there", partial(kept_operand, 0, "")


def _reordered(order: tuple[int, ...], passes: BothPasses, i: int, values: list[Any]) -> Any:
    parents = passes.steps[i].parents
    return passes.steps[i].run([values[parents[k]] for k in order])


def _turned(axes: tuple[int, ...], passes: BothPasses, i: int, values: list[Any]) -> Any:
    return np.transpose(values[passes.steps[i].parents[0]], axes)
