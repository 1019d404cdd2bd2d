"""PyTorch's own operator samples, run here and there: does the value agree, and the gradient of every input?

python tools/torch_samples.py                    every op whose name we have: counts, and what does not agree
python tools/torch_samples.py softmax einsum     these

Needs the extra `parity`. "agrees" includes what both refuse; "named" is NaN or infinity, which PyTorch hands on, and
which is an error here that says where it arose; "answers" is what PyTorch refuses and we do not. docs/PYTORCH.md says
why what is refused is refused; tests/parity/test_torch_samples.py holds all of this.
"""

from __future__ import annotations

import argparse
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from minattn import Tensor
from minattn import functional as F

KINDS = ("agrees", "named", "refused", "answers", "differs", "crashes")
TOLERANCE = {"float32": 1e-6, "float64": 1e-10}  # of the largest element; PyTorch makes numbers alone float32
REFUSALS = (TypeError, ValueError, IndexError)
OPERATORS: dict[str, Callable[..., Any]] = {
    "__getitem__": lambda x, key: x[key],
    "__radd__": lambda x, other: other + x,
    "__rsub__": lambda x, other: other - x,
    "__rmul__": lambda x, other: other * x,
    "__rdiv__": lambda x, other: other / x,
    "__rpow__": lambda x, other: other**x,
    "__rmatmul__": lambda x, other: other @ x,
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "eq": lambda x, other: x == other,
    "ne": lambda x, other: x != other,
    "lt": lambda x, other: x < other,
    "le": lambda x, other: x <= other,
    "gt": lambda x, other: x > other,
    "ge": lambda x, other: x >= other,
    "item": lambda x: x.item(),
}
REORDERED: dict[str, Callable[..., Any]] = {  # PyTorch's samples put what gets a gradient first
    "einsum": lambda operands, equation: F.einsum(equation, *operands),
    "nn.functional.embedding": lambda weight, ids, **options: F.embedding(ids, weight, **options),
    "where": lambda input, condition, other: F.where(condition, input, other),
}


class Outcome(NamedTuple):
    """What became of one sample, one of KINDS, and why."""

    kind: str
    sample: str
    said: str


def counterpart(name: str) -> Any:
    """Our function for an op of PyTorch's, by its name; None if we have none of that name."""
    plain = name.removeprefix("nn.functional.")
    return (
        OPERATORS.get(name)
        or REORDERED.get(name)
        or (getattr(F, plain, None) if "." not in plain and plain.islower() else None)
    )


def outcomes(torch: Any, info: Any) -> Iterator[Outcome]:
    """All reference and error inputs of an op, and its samples with arrays that are not contiguous.

    Its samples as they are need no run of their own: they are among the reference inputs.
    """
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for sample in _made(torch, info, info.reference_inputs):
            yield from outcome(torch, info, sample)
        for sample in _made(torch, info, info.sample_inputs):
            yield from outcome(torch, info, sample.noncontiguous())
        for error in info.error_inputs("cpu") if info.error_inputs_func is not None else ():
            yield from outcome(torch, info, error.sample_input)


def _made(torch: Any, info: Any, make: Any) -> list[Any]:
    try:
        return list(make("cpu", torch.float64, requires_grad=info.supports_autograd))
    except ValueError:  # it asks whole numbers for gradients
        return [sample.transform(_asking_for_gradients) for sample in make("cpu", torch.float64)]


def _asking_for_gradients(x: Any) -> Any:
    return x.requires_grad_() if getattr(x, "is_floating_point", bool)() else x


def outcome(torch: Any, info: Any, sample: Any) -> Iterator[Outcome]:
    """What becomes of one sample; nothing where there is no array in it, only numbers."""
    ours = counterpart(info.name)
    first, rest, options = _fresh(torch, (sample.input, list(sample.args), dict(sample.kwargs)))
    text = f"{_shape(first)} {_shape(rest)} {_shape(options)}"
    if "[" not in _shape(first) and ("[" not in text or info.name in OPERATORS):
        return
    try:
        expected = _flat(info.op(first, *rest, **options))
        loss = _loss(torch, expected)
        if loss is not None:
            loss.backward()
        refusal = ""
    except Exception as error:
        refusal = f"PyTorch: {str(error).splitlines()[0]}"
    leaves: list[tuple[Any, Tensor]] = []
    try:
        given = _convert(torch, (first, rest, options), leaves)
        found = ours(given[0], *given[1], **given[2])
        if refusal:
            yield Outcome("answers", text, refusal)
        else:
            difference = _difference(expected, _flat(found), leaves)
            yield Outcome("differs" if difference else "agrees", text, difference)
    except FloatingPointError as error:
        theirs = [*expected, *(there.grad for there, _ in leaves if there.grad is not None)]
        kind = "differs" if all(np.isfinite(_numbers(x)).all() for x in theirs) else "named"
        yield Outcome(kind, text, f"FloatingPointError: {error}")
    except REFUSALS as error:
        kind = "crashes" if "\n" in str(error) else "agrees" if refusal else "refused"
        yield Outcome(kind, text, f"{type(error).__name__}: {error}")
    except Exception as error:
        yield Outcome("crashes", text, f"{type(error).__name__}: {error}")


def _loss(torch: Any, results: list[Any]) -> Any:
    """The sum of all elements of all results, each times a number of its own; None if none has a gradient."""
    rng, total = np.random.default_rng(0), None
    for y in results:
        if getattr(y, "requires_grad", False):
            g = np.asarray(rng.normal(size=tuple(y.shape)))
            term = (y * (g if isinstance(y, Tensor) else torch.from_numpy(g))).sum()
            total = term if total is None else total + term
    return total


def _fresh(torch: Any, value: Any) -> Any:
    """The same arguments with leaves of their own, in the same layout."""
    if isinstance(value, torch.Tensor) and value.layout == torch.strided:
        return value.detach().requires_grad_(value.requires_grad)
    if isinstance(value, dict):
        return {name: _fresh(torch, item) for name, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_fresh(torch, item) for item in value)
    return value


def _convert(torch: Any, value: Any, leaves: list[tuple[Any, Tensor]]) -> Any:
    """Arguments for us: the same numbers in the same layout. What gets a gradient is put into leaves, with theirs."""
    if isinstance(value, torch.Tensor):
        result = Tensor(value.detach().numpy(), value.requires_grad)
        if value.requires_grad:
            leaves.append((value, result))
        return result
    if isinstance(value, dict):
        return {name: _convert(torch, item, leaves) for name, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_convert(torch, item, leaves) for item in value)
    if isinstance(value, torch.dtype):
        return {torch.float64: np.float64, torch.float32: np.float32}.get(value, value)
    return tuple(value) if isinstance(value, torch.Size) else value


def _difference(expected: list[Any], found: list[Any], leaves: list[tuple[Any, Tensor]]) -> str:
    """What differs, in words; nothing if values and gradients agree."""
    if len(expected) != len(found):
        return f"{len(expected)} results there, {len(found)} here"
    for there, here in zip(expected, found, strict=True):
        if difference := _distance(_numbers(there), _numbers(here)):
            return f"value: {difference}"
        if getattr(there, "requires_grad", False) and not getattr(here, "requires_grad", False):
            return "the gradient is lost"
    loss = _loss(
        None, [here for there, here in zip(expected, found, strict=True) if getattr(there, "requires_grad", 0)]
    )
    if loss is not None:
        loss.backward()
    for i, (there, here) in enumerate(leaves):
        one = np.zeros(here.shape) if there.grad is None else _numbers(there.grad)
        other = np.zeros(here.shape) if here.grad is None else here.grad
        if difference := _distance(one, other):
            return f"gradient {i}: {difference}"
    return ""


def _flat(results: Any) -> list[Any]:
    return [*results] if isinstance(results, list | tuple) else [results]


def _numbers(x: Any) -> Any:
    return np.asarray(x.detach() if hasattr(x, "detach") else x)


def _distance(expected: Any, found: Any) -> str:
    if expected.shape != found.shape:
        return f"shape {expected.shape} there, {found.shape} here"
    if expected.dtype.kind in "bui" or found.dtype.kind in "bui":
        return "" if np.array_equal(expected, found) else "other whole numbers"
    if not np.array_equal(np.isnan(expected), np.isnan(found)):
        return "NaN in other places"
    finite = np.isfinite(expected)
    if not np.array_equal(expected[~finite], found[~finite], equal_nan=True):
        return "infinity in other places"
    unit = max(1.0, float(np.abs(expected[finite]).max(initial=0.0)))
    largest = float(np.abs(expected[finite] - found[finite]).max(initial=0.0))
    return f"{largest:.1e} apart" if largest > TOLERANCE.get(str(expected.dtype), 1e-10) * unit else ""


def _shape(value: Any) -> str:
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
    if isinstance(value, list | tuple):
        return f"({', '.join(map(_shape, value))})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}={_shape(item)}' for name, item in value.items())}}}"
    return repr(value)


def sampled() -> list[Any]:
    """PyTorch's entries for ops whose name we have. Raises ImportError without the extra `parity`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it misses what only its other parts need
        from torch.testing._internal.common_methods_invocations import op_db

    return [info for info in op_db if counterpart(info.name) is not None]


def main() -> None:
    """Print the counts of each op, one line each, what does not agree below it, and the sum last."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="PyTorch's names; all unless given")
    names, total = parser.parse_args().names, Counter[str]()
    import torch

    for info in sampled():
        if names and info.name not in names:
            continue
        found = list(outcomes(torch, info))
        counts = Counter(outcome.kind for outcome in found)
        total += counts
        print(f"{info.name} {info.variant_test_name}".strip(), as_text(counts), flush=True)
        for said, times in Counter((o.kind, o.said) for o in found if o.kind not in ("agrees", "named")).items():
            print(f"    {times} {said[0]}: {said[1]}")
    shown = sum(total.values()) or 1
    share = (total["agrees"] + total["named"]) / shown
    print(f"total: {as_text(total)}; {share:.1%} of {shown} agree")


def as_text(counts: Counter[str]) -> str:
    """Counts in words."""
    return ", ".join(f"{counts[kind]} {kind}" for kind in KINDS if counts[kind])


if __name__ == "__main__":
    main()
