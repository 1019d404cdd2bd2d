"""The gradient checkers of the field on the same backward passes: who catches, who misses, who accuses the innocent,
who names.

    pip install -e '.[parity]' jax autograd
    python benchmarks/checkers.py

Every wrong backward pass of the catalogue (minattn/check/catalogue) on one sample on which it is wrong, every right one
of the registry on every sample, and right ones that are awkward: kinks, redrawn masks, float32, bad scaling. Each
checker gets plain NumPy functions as its own kind of custom function, in float64, as its documentation recommends, with
the settings that it has by default. Whatever it raises is an accusation. A checker that is not installed is left out.
"""

import argparse
import functools
import importlib.metadata
import time
import warnings
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from checker_cases import Case, as_tuple, awkward_cases, floats, registered_cases, wrong_cases

from minattn import __version__


class Answer(NamedTuple):
    """What a checker said: whether it accuses, and, where it gives reasons, its report."""

    accuses: bool
    report: Any = None


class Torch:
    """torch.autograd.gradcheck with its defaults: eps 1e-6, atol 1e-5, rtol 1e-3."""

    package = "torch"

    def __init__(self, fast: bool) -> None:
        import torch

        self.torch, self.fast = torch, fast
        self.name = f"PyTorch gradcheck, {'fast' if fast else 'slow'}"

    def check(self, forward, backward, inputs) -> Answer:
        torch = self.torch
        torch.manual_seed(0)
        where = floats(inputs)

        class Function(torch.autograd.Function):
            @staticmethod
            def forward(ctx, *tensors):
                ctx.save_for_backward(*tensors)
                return torch.from_numpy(np.array(forward(*(t.numpy() for t in tensors))))

            @staticmethod
            def backward(ctx, g):
                arrays = [t.numpy() for t in ctx.saved_tensors]
                result = iter(as_tuple(backward(g.numpy(), *arrays), arrays))
                found = {i: torch.from_numpy(np.array(d)) for i, d in zip(where, result, strict=True)}
                return tuple(found.get(i) for i in range(len(arrays)))

        tensors = [torch.from_numpy(x.copy()).requires_grad_(i in where) for i, x in enumerate(inputs)]
        return Answer(not torch.autograd.gradcheck(Function.apply, tensors, fast_mode=self.fast))


class Jax:
    """jax.test_util.check_grads with its defaults: eps 1e-4, tolerance 1e-5 in float64; order 1, modes ["rev"]."""

    package, name = "jax", "JAX check_grads"

    def __init__(self) -> None:
        import jax
        from jax.test_util import check_grads

        jax.config.update("jax_enable_x64", True)
        self.jax, self.check_grads = jax, check_grads

    def check(self, forward, backward, inputs) -> Answer:
        jax, where = self.jax, floats(inputs)

        def whole(values):
            values = iter(values)
            return [np.asarray(next(values)) if i in where else x for i, x in enumerate(inputs)]

        @jax.custom_vjp
        def function(*values):
            return jax.numpy.asarray(forward(*whole(values)))

        def pull(values, g):
            arrays = whole(values)
            result = as_tuple(backward(np.asarray(g), *arrays), arrays)
            return tuple(jax.numpy.asarray(d) for d in result)

        function.defvjp(lambda *values: (function(*values), values), pull)
        self.check_grads(function, [inputs[i] for i in where], order=1, modes=["rev"])
        return Answer(False)


class Hips:
    """autograd.test_util.check_grads with its defaults: step 1e-6, tolerance 1e-6; order 1, modes ["rev"]."""

    package, name = "autograd", "HIPS autograd check_grads"

    def __init__(self) -> None:
        from autograd.extend import defvjp, primitive
        from autograd.test_util import check_grads

        self.defvjp, self.primitive, self.check_grads = defvjp, primitive, check_grads

    def check(self, forward, backward, inputs) -> Answer:
        np.random.seed(0)  # noqa: NPY002  where it draws its directions from
        where = floats(inputs)

        def whole(values):
            values = iter(values)
            return [next(values) if i in where else x for i, x in enumerate(inputs)]

        function = self.primitive(lambda *values: np.asarray(forward(*whole(values))))

        def pull(n):
            return lambda _, *values: lambda g: as_tuple(backward(g, *whole(values)), inputs)[n]

        self.defvjp(function, *(pull(n) for n in range(len(where))))
        for n in range(len(where)):
            self.check_grads(function, n, modes=["rev"], order=1)(*(inputs[i] for i in where))
        return Answer(False)


class Minattn:
    """minattn.check.check_backward, with or without `like=`."""

    package = "minattn"

    def __init__(self, like: bool) -> None:
        from minattn.check import check_backward

        self.check_backward, self.like = check_backward, like
        self.name = "minattn check_backward" + (", like=" if like else "")

    def check(self, forward, backward, inputs, op="") -> Answer:
        report = self.check_backward(forward, backward, list(inputs), **({"like": op} if self.like and op else {}))
        return Answer(report.ok is False, report)

    def names(self, report, case: Case) -> bool:
        """Whether the mistake is named: with `like=` by its own sentence, without by its kind."""
        if self.like:
            return any(case.sentence in finding.sentence for finding in report.findings)
        return any(case.kind == finding.kind for finding in report.findings)


CHECKERS = (
    functools.partial(Torch, False),
    functools.partial(Torch, True),
    Jax,
    Hips,
    functools.partial(Minattn, False),
    functools.partial(Minattn, True),
)


def ask(checker, case: Case) -> Answer:
    """What a checker says of a case; the others accuse by raising."""
    forward, backward, inputs = case.make()
    options = {"op": case.op} if isinstance(checker, Minattn) else {}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return checker.check(forward, backward, tuple(x.copy() for x in inputs), **options)
        except Exception:
            if isinstance(checker, Minattn):  # which is not how it accuses
                raise
            return Answer(True)


class Score(NamedTuple):
    """What a checker said of all cases: the wrong ones it missed and those it named, the right ones it accused."""

    name: str
    version: str
    missed: list[Case]
    named: int
    accused: list[Case]
    accused_awkward: list[Case]
    seconds: float


def measure(checker, wrong: list[Case], right: list[Case], awkward: list[Case]) -> Score:
    started = time.perf_counter()
    answers = [(case, ask(checker, case)) for case in wrong]
    caught = [(case, answer.report) for case, answer in answers if answer.accuses]
    return Score(
        checker.name,
        __version__ if isinstance(checker, Minattn) else importlib.metadata.version(checker.package),
        [case for case, answer in answers if not answer.accuses],
        sum(checker.names(report, case) for case, report in caught) if isinstance(checker, Minattn) else 0,
        [case for case in right if ask(checker, case).accuses],
        [case for case in awkward if ask(checker, case).accuses],
        time.perf_counter() - started,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--missed", action="store_true", help="also print every mistake that somebody missed")
    arguments = parser.parse_args()
    wrong, right, awkward = wrong_cases(), registered_cases(), awkward_cases()
    scores = []
    for build in CHECKERS:
        try:
            scores.append(measure(build(), wrong, right, awkward))
        except ImportError as error:
            print(f"left out: {error}")
    print_scores(scores, len(wrong), len(right), len(awkward))
    columns = [score.name for score in scores]
    rows = [(case.name, *("accused" if case in s.accused_awkward else "" for s in scores)) for case in awkward]
    print_table(("right, but awkward", *columns), rows)
    if arguments.missed:
        lost = [case for case in wrong if any(case in s.missed for s in scores)]
        rows = [(case.name, case.kind, *("missed" if case in s.missed else "" for s in scores)) for case in lost]
        print_table(("wrong", "kind", *columns), rows)


def print_scores(scores: list[Score], wrong: int, right: int, awkward: int) -> None:
    header = ("checker", "version", f"caught of {wrong}", "named", "missed")
    rows = []
    for score in scores:
        kinds = Counter(case.kind for case in score.missed).most_common()
        missed = ", ".join(f"{count} {kind}" for kind, count in kinds)
        accused = len(score.accused), len(score.accused_awkward)
        caught = wrong - len(score.missed)
        rows.append((score.name, score.version, caught, score.named, missed, *accused, f"{score.seconds:.0f}"))
    print_table((*header, f"accused of {right} right", f"accused of {awkward} awkward", "seconds"), rows)
    print(
        "PyTorch sums gradients over broadcast axes by itself, and arrays of JAX cannot be changed in place: what\n"
        "they miss of broadcast_not_summed, shape and modified_input does no harm there.\n"
    )


def print_table(header, rows) -> None:
    """A table in Markdown."""
    for row in (header, ["---"] * len(header), *rows):
        print("| " + " | ".join(map(str, row)) + " |")
    print()


if __name__ == "__main__":
    main()
