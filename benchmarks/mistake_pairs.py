"""Two mistakes at once: every pair of the catalogue's mistakes of one op that spoil different gradients, made together.

    python benchmarks/mistake_pairs.py            without `like=`, and with it: some minutes

The report is to name both, or at least to say that there is more than one; one finding alone, called exact, is false.
"""

import argparse
import functools
import warnings
from collections import Counter
from itertools import combinations

import numpy as np
from checker_cases import as_tuple, passes_of, samples

from minattn.check import check_backward
from minattn.check.catalogue import catalogue
from minattn.ops import registry


def both(first, second, own, inputs, g):
    """The gradients of two backward passes: of the arguments in `own` those of the second."""
    pairs = zip(first(g.copy(), *inputs), second(g.copy(), *inputs), strict=True)
    return tuple(b if i in own else a for i, (a, b) in enumerate(pairs))


def spoiled(mistake, right, inputs, g):
    """Which gradients a mistake spoils; none where it does not fit, or spoils the shape too."""
    try:
        got, true = as_full(mistake(g.copy(), *inputs), inputs), as_full(right(g.copy(), *inputs), inputs)
    except (ValueError, IndexError, TypeError):
        return set()
    if any(np.shape(a) != np.shape(b) for a, b in zip(got, true, strict=True)):
        return set()
    return {i for i, (a, b) in enumerate(zip(got, true, strict=True)) if b is not None and not np.allclose(a, b, 1e-6)}


def as_full(gradients, inputs):
    """One entry an input, None where it has no gradient."""
    if isinstance(gradients, tuple) and len(gradients) == len(inputs):
        return gradients
    given = iter(as_tuple(gradients, inputs))
    return tuple(next(given) if x.dtype.kind == "f" else None for x in inputs)


def made_pairs():
    """Op, forward, backward, inputs, and the two mistakes, each of which spoils gradients of its own."""
    for op, mistakes in catalogue.items():
        if op not in registry:
            continue
        for sample in list(samples(op))[:1]:
            forward, right = passes_of(op, sample.options)
            g = np.asarray(np.random.default_rng(2).normal(size=forward(*sample.inputs).shape))
            passes = [functools.partial(m.backward, **sample.options) for m in mistakes]
            spoils = [spoiled(p, right, sample.inputs, g) for p in passes]
            for i, j in combinations(range(len(mistakes)), 2):
                if spoils[i] and spoils[j] and spoils[i].isdisjoint(spoils[j]):

                    def backward(g, *inputs, a=passes[i], b=passes[j], own=frozenset(spoils[j])):
                        full = [lambda h, *x, p=p: as_full(p(h, *x), x) for p in (a, b)]
                        return both(*full, own, inputs, g)

                    yield op, forward, backward, sample.inputs, (mistakes[i], mistakes[j])


def main() -> None:
    """Print a row for each way of asking."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    warnings.simplefilter("ignore")
    pairs = list(made_pairs())
    print(f"{len(pairs)} pairs of {len({op for op, *_ in pairs})} ops")
    print(f"{'':10}{'both named':>12}{'more than one':>15}{'one, not exact':>16}{'one, exact':>12}{'called right':>14}")
    for like in (False, True):
        counts: Counter[str] = Counter()
        for op, forward, backward, inputs, mistakes in pairs:
            report = check_backward(forward, backward, list(inputs), **({"like": op} if like else {}))
            told = [f for f in report.findings if f.kind != "wrong"]
            named = [any(m.sentence in f.sentence if like else m.kind == f.kind for f in told) for m in mistakes]
            if report.ok is not False:
                counts["right"] += 1
            elif all(named) and len(told) > 1:
                counts["both"] += 1
            elif len({f.argument for f in report.findings}) > 1:
                counts["several"] += 1
            elif report.findings[0].sure == "exactly":
                counts["exact"] += 1
                print(f"  {op}: {mistakes[0].name} and {mistakes[1].name}: {report.findings[0].told}", flush=True)
            else:
                counts["vague"] += 1
        row = [counts[key] for key in ("both", "several", "vague", "exact", "right")]
        print(f"{'like=' if like else 'alone':10}{row[0]:12}{row[1]:15}{row[2]:16}{row[3]:12}{row[4]:14}", flush=True)


if __name__ == "__main__":
    main()
