"""Does a solution of one variant of an exercise pass in another? It should not: each learner has their own problem.

    python tools/variant_pairs.py              all exercises that have variants
    python tools/variant_pairs.py softmax      one of them, with the pairs that pass

A pair is two different variants, in order. The solution of the first is handed in for the second, as a whole file and
as the part between the marks alone; what passes in either way is listed, and the exit code is 1 where that is more than
one pair in twenty.
"""

import argparse
import sys
import warnings
from collections.abc import Iterator
from copy import deepcopy

import numpy as np

from minattn.learn import Exercise, course, find
from minattn.learn.answer_comparison import form_error, wrong_numbers

MOST = 0.05
"""The largest share of pairs that may pass."""


def passing_pairs(exercise: Exercise) -> Iterator[tuple[str, str, str]]:
    """The pairs in which another's solution passes: what the two variants say, and what was handed in."""
    for ours in exercise.variants:
        for theirs in exercise.variants:
            if theirs.options == ours.options:
                continue
            whole, part = theirs.fill(theirs.solution), ours.fill(theirs.solution)
            for what, source in (("the whole file", whole), ("the part", part)):
                if passes(ours, source):
                    yield theirs.says, ours.says, what


def passes(exercise: Exercise, source: str) -> bool:
    """Whether the function of a file gives what the solution gives on the inputs of a check."""
    right, names = exercise.solved[exercise.function], exercise.answers
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            defined: dict[str, object] = {}
            exec(compile(source, exercise.file, "exec"), defined)
            theirs = defined[exercise.function]
            for arguments in exercise.draw(0):
                answer, expected = theirs(*deepcopy(arguments)), right(*deepcopy(arguments))  # type: ignore[operator]
                if form_error(answer, expected, "", names) or list(wrong_numbers(answer, expected, names)):
                    return False
        except Exception:  # another's code need not fit these inputs
            return False
    return True


def main() -> int:
    """Print the share of pairs that fail for each exercise; returns 1 where it is too small for one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="the exercises (all that have variants)")
    names = parser.parse_args().names
    code = 0
    for exercise in [find(name) for name in names] or [each for each in course() if each.variants]:
        count = len(exercise.variants)
        passing = list(passing_pairs(exercise))
        pairs = count * (count - 1)
        fail = pairs - len({pair[:2] for pair in passing})
        print(f"{exercise.name:18} {count:3} variants {fail:5} of {pairs} pairs fail, {fail / max(pairs, 1):7.1%}")
        for theirs, ours, what in passing:
            print(f"    {what} of a variant where {theirs} passes where {ours}")
        code = max(code, int(pairs - fail > MOST * pairs))
    return code


if __name__ == "__main__":
    sys.exit(main())
