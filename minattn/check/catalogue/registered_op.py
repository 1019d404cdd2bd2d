"""Finding the registered op that a user means: by a name, and its options by what it computes."""

import inspect
import itertools
import re
import warnings
from collections.abc import Iterable, Iterator
from string import ascii_lowercase
from typing import Any

import numpy as np

from ...backend import Array
from ...errors import InputError, did_you_mean
from ...ops import registry
from ..problem import Problem, copies

OTHER_NAMES = {
    "attention": "ScaledDotProductAttention",
    "sub": "Subtract",
    "mul": "Multiply",
    "div": "Divide",
    "pow": "Power",
    "neg": "Negate",
    "var": "Variance",
    "amax": "Max",
    "permute": "Transpose",
    "expand": "BroadcastTo",
    "cat": "Concatenate",
    "getitem": "Index",
}
"""Names from `minattn.functional` and PyTorch that are not the class's own in other letters."""

Options = dict[str, Any]

_MOST_TRIED = 2000


def find_op(name: str, where: str = "") -> str:
    """The class name of a registered op, from that name, its snake_case form or its name as a function.

    "LayerNorm", "layer_norm" and "layernorm" are one, as are "scaled_dot_product_attention" and "attention".

    Args:
        where: what an error begins with, such as "like: "

    Raises:
        InputError: for a name that is no op's, with the one that is spelt like it
    """
    by_letters = {_letters(op): op for op in registry} | OTHER_NAMES
    found = by_letters.get(_letters(name))
    if found is not None:
        return found
    guess = did_you_mean(name, [*map(snake_case, registry), *OTHER_NAMES]) or "; minattn check --all lists them"
    raise InputError(f"{where}expected the name of an op, got {name!r}{guess}")


def _letters(name: str) -> str:
    return name.replace("_", "").lower()


def snake_case(name: str) -> str:
    """The name of a class as that of a function or a file.

    >>> snake_case("LayerNorm"), snake_case("GELU")
    ('layer_norm', 'gelu')
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def fitting_options(op: str, problem: Problem) -> Options | None:
    """The options with which a registered op, by its class name, gives the problem's output at the problem's inputs.

    None where no likely ones do: the user's forward is another function, or its options are unusual.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            likely = itertools.islice(_likely(op, problem.inputs, problem.output), _MOST_TRIED)
            return next((options for options in likely if _fits(op, options, problem)), None)
        except Exception:  # inputs of which the op could make nothing
            return None


def _fits(op: str, options: Options, problem: Problem) -> bool:
    inputs = [x for x in copies(problem.inputs) if x is not None]
    try:
        output = registry[op].op(**options)(*inputs)
    except Exception:  # other shapes, other types, other options than the op's
        return False
    same = output.shape == problem.output.shape
    return same and np.allclose(output, problem.output, rtol=1e-11, atol=1e-12, equal_nan=True)


def _likely(op: str, inputs: tuple[Any, ...], output: Array) -> Iterator[Options]:
    """Options to try: worked out from the arrays where their name says how, then the usual ones and the samples'."""
    x = next((x for x in inputs if isinstance(x, np.ndarray) and x.dtype.kind == "f"), output)
    parameters = inspect.signature(registry[op].op).parameters
    if "p" in parameters:
        kept = (output != 0) & (x != 0) if output.shape == x.shape else np.zeros(0, bool)
        yield {"p": round(float(np.median(1 - x[kept] / output[kept])), 12) if kept.any() else 1.0}
    if "shape" in parameters:
        yield {"shape": output.shape}
    elif "axes" in parameters:
        orders = itertools.permutations(range(x.ndim))
        yield from ({"axes": axes} for axes in orders if tuple(x.shape[i] for i in axes) == output.shape)
    elif "start" in parameters:
        for axis, n in enumerate(x.shape):
            length = output.shape[axis] if output.ndim == x.ndim else n
            yield from ({"start": i, "stop": i + length, "axis": axis} for i in range(n - length + 1))
    elif "key" in parameters:
        yield from _keys(x, output)
    elif "equation" in parameters:
        a, b = inputs
        yield from _equations(a, b, output)
    else:
        values = (_values(op, option, inputs, x, output) for option in parameters.values())
        yield from (dict(zip(parameters, chosen, strict=True)) for chosen in itertools.product(*values))


def _values(op: str, option: inspect.Parameter, inputs: tuple[Any, ...], x: Array, output: Array) -> list[Any]:
    """What an option may be: its default, what people often write, and what the op's samples have."""
    usual: Iterable[Any] = ()
    match option.name:
        case "axis":
            usual = _axes(x.ndim) if option.default is None else range(max(x.ndim, output.ndim))
        case "eps":
            usual = (1e-6, 1e-8, 1e-12, 1e-3, 0.0)
        case "scale":
            usual = (1.0, 1 / max((*x.shape[-1:], 1)))
        case "ignore_index":
            ids = (x for x in inputs[1:] if isinstance(x, np.ndarray) and x.dtype.kind in "iu")
            usual = (-1, *(int(y) for x in ids for y in np.unique(x)))
        case "label_smoothing":
            usual = (0.05, 0.2)
    default = () if option.default is option.empty else (option.default,)
    samples = registry[op].samples(np.random.default_rng(0))
    tried = (sample.options[option.name] for sample in samples if option.name in sample.options)
    return list(dict.fromkeys((*default, *usual, *tried)))


def _axes(ndim: int) -> tuple[Any, ...]:
    """Every way to reduce an array: all axes, one of them, some of them."""
    some = (axes for n in range(2, ndim) for axes in itertools.combinations(range(ndim), n))
    return (None, *range(ndim), *some)


def _keys(x: Array, output: Array) -> Iterator[Options]:
    """Where each element of the output is found in x, if it is there once."""
    if np.unique(x).size == x.size:
        order = np.argsort(x, axis=None)
        found = np.searchsorted(x.ravel(), output, sorter=order)
        yield {"key": np.unravel_index(order[np.minimum(found, x.size - 1)], x.shape)}


def _equations(a: Array, b: Array, output: Array) -> Iterator[Options]:
    """Every einsum of two operands whose letters fit the lengths of their axes."""
    first, spare = ascii_lowercase[: a.ndim], ascii_lowercase[a.ndim :]
    shared = [
        [*(c for c, n in zip(first, a.shape, strict=True) if m == n or 1 in (m, n)), spare[i]]
        for i, m in enumerate(b.shape)
    ]
    for second in itertools.product(*shared):
        if len(set(second)) < b.ndim:
            continue
        lengths = dict(zip(first, a.shape, strict=True))
        for c, n in zip(second, b.shape, strict=True):
            lengths[c] = max(n, lengths.get(c, 1))
        for out in itertools.permutations(lengths, output.ndim):
            if tuple(lengths[c] for c in out) == output.shape:
                yield {"equation": f"{first},{''.join(second)}->{''.join(out)}"}
