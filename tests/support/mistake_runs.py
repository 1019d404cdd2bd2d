"""What every mistake of the catalogue gives on every sample of its op, beside what is right there."""

import zlib

import numpy as np

from minattn.check.catalogue import catalogue, samples_of
from minattn.check.catalogue.match import outcome
from minattn.check.problem import Problem, random_upstream
from minattn.check.randomness import Randomness
from minattn.ops import registry

ENTRIES = [entry for op in catalogue if op in registry for entry in catalogue[op]]


def problems(op):
    """Every sample of an op with the op's own backward pass, and the options of the sample."""
    rng = np.random.default_rng(zlib.crc32(op.encode()))
    op_class = registry[op].op
    for sample in samples_of(op, rng):

        def forward(*inputs, options=sample.options):
            return op_class(**options)(*inputs)

        def backward(g, *inputs, options=sample.options):
            op = op_class(**options)
            op(*inputs)
            return op.gradients(g)

        output = forward(*sample.inputs)
        names = tuple(f"x{i}" for i in range(len(sample.inputs)))
        upstream = random_upstream(output, rng)
        yield Problem(forward, backward, sample.inputs, names, output, upstream, Randomness()), dict(sample.options)


class WhenAsked(dict):
    """A dict that makes what is asked for, so that an op that is not finished fails in its own tests alone."""

    def __init__(self, make):
        super().__init__()
        self.make = make

    def __missing__(self, key):
        self[key] = self.make(key)
        return self[key]


PROBLEMS = WhenAsked(lambda op: list(problems(op)))


def with_mistake(problem, entry, options):
    """The problem with a wrong backward pass."""
    changed = vars(problem) | {"backward": lambda g, *inputs: entry.backward(g, *inputs, **options)}
    return Problem(**changed)


def run(problem, entry, options):
    """What a wrong backward pass gives; None where it raises, because the shapes do not fit it or it is not written."""
    try:
        return outcome(problem, entry.backward, options)
    except (ValueError, IndexError, NotImplementedError):
        return None


def agree(a, b):
    """Whether two outcomes are the same to rounding, judged apart from the code under test."""
    if a is None or b is None:
        return a is b
    if a.changed != b.changed:
        return False
    for x, y in zip(a.gradients, b.gradients, strict=True):
        if (x is None) != (y is None):
            return False
        if x is not None:
            if x.shape != y.shape or not np.array_equal(np.isfinite(x), np.isfinite(y)):
                return False
            x, y = x[np.isfinite(x)], y[np.isfinite(y)]
            if not np.allclose(
                x, y, rtol=1e-9, atol=1e-9 * np.abs(y).max(initial=0) + 1e-13
            ):  # rounding, where 0 is right
                return False
    return True


BY_NAME = {entry.name: entry for entry in ENTRIES}
RUNS = WhenAsked(lambda name: [run(p, BY_NAME[name], options) for p, options in PROBLEMS[BY_NAME[name].op]])
RIGHT = WhenAsked(lambda op: [outcome(p, p.backward) for p, _ in PROBLEMS[op]])


def is_wrong(entry):
    """For each problem of the entry's op, whether it runs and gives something wrong."""
    pairs = zip(RUNS[entry.name], RIGHT[entry.op], strict=True)
    return [got is not None and not agree(got, right) for got, right in pairs]
