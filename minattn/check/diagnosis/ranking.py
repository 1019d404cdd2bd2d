"""The probes in their order, and what is reported of what they say."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import numpy as np

from ...backend import Array
from ..mistake_kinds import kinds
from ..problem import Problem
from ..report import CONSISTENT, EXACTLY, Evidence, Finding
from ..true_gradient import Truth
from . import block_diagonal as blocks
from . import dropped_paths as paths
from . import formulas as candidates
from . import jacobian, substitutions, upstream
from . import other_forward as others
from . import step_rules as local
from . import whole_gradient as relations
from .measurements import Guess, Lab
from .replay import Replay, replay

Probe = Callable[[Lab], Iterator[Guess]]
StepProbe = Callable[[Lab, Replay], Iterator[Guess]]
_MOST_FINDINGS = 3
UNSUITED: tuple[type[Exception], ...] = (ValueError, IndexError, ArithmeticError, np.linalg.LinAlgError)
"""What a probe may raise at shapes and numbers that it was not made for; it then says nothing."""

_BY_STEPS: tuple[StepProbe, ...] = (
    paths.one_use,
    paths.one_path,
    local.other_rules,
    paths.two_paths,
    blocks.block_diagonal,
    others.other_forward,
    local.in_loops,
    candidates.constant_slope,
    candidates.missing_factor,
    candidates.sign_of_a_term,
    substitutions.other_values,
    candidates.formula,
)
"""From the slip that is made most easily to a formula that happens to fit."""


def by_steps(lab: Lab) -> Iterator[Guess]:
    """The first of the probes on the steps of the forward pass that says something, where these can be followed."""
    steps = replay(lab)
    if steps is None or not np.abs(steps.off).max() > 1e-7 * np.abs(steps.whole).max():
        return
    for probe in _BY_STEPS:
        guesses = list(probe(lab, steps))
        if guesses:
            yield from guesses
            return


ORDER: tuple[tuple[Probe, ...], ...] = (
    (upstream.shape,),
    (upstream.not_finite,),
    (upstream.zero,),
    (upstream.upstream,),
    (relations.exchanged, relations.proportional, relations.transposed),
    (relations.of_another,),
    (jacobian.diagonal, jacobian.leak, jacobian.kept, jacobian.wrong_sum),
    (substitutions.without_mask, substitutions.initial_values),
    (relations.forwards, substitutions.other_inputs, substitutions.output_for_input),
    (by_steps,),
    (jacobian.shortcut, jacobian.coupling),
    (substitutions.other_upstream, relations.rearranged),
    (substitutions.ones_for_input,),
    (jacobian.other_numbers,),
)
"""From the special to the general: the first stage that recognises a mistake exactly is the last that is asked."""


def diagnose(problem: Problem, argument: int, got: Array, truth: Truth) -> list[Finding]:
    """What is probably wrong with the gradient of one argument, the likeliest first; at most three findings.

    got: what backward gave for the argument; truth: its true gradient. Empty where no probe recognises anything.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # wrong code divides by zero, takes means of nothing
        lab = Lab(problem, argument, got, truth)
        here = lab.gradients()[argument]
        if here is not None:  # `got` may be from another point, where its shape was wrong
            lab.got = here
        guesses = _guesses(lab)
    evidence = _evidence(lab)
    return [
        Finding(
            lab.name,
            guess.kind,
            guess.sentence,
            evidence,
            EXACTLY if guess.exact else CONSISTENT,
            kinds[guess.kind].next,
        )
        for guess in guesses[:_MOST_FINDINGS]
    ]


def _guesses(lab: Lab) -> list[Guess]:
    """What the probes say, one guess a kind, the exact ones first."""
    found: dict[str, Guess] = {}
    for stage in ORDER:
        for probe in stage:
            for guess in _ask(probe, lab):
                if guess.kind not in found or (guess.exact and not found[guess.kind].exact):
                    found[guess.kind] = guess
        if any(guess.exact for guess in found.values()) or (found and lab.got.shape != lab.x.shape):
            break
    return sorted(found.values(), key=lambda guess: not guess.exact)


def _ask(probe: Probe, lab: Lab) -> list[Guess]:
    try:
        return list(probe(lab))
    except UNSUITED:
        return []


def _evidence(lab: Lab) -> Evidence:
    """The worst entry, and the share of entries that are wrong."""
    if lab.got.shape != lab.wanted.shape or not lab.got.size:
        return Evidence()
    wrong = lab.truth.wrong(lab.got)
    distance = np.where(wrong, np.nan_to_num(lab.truth.distance(lab.got), nan=np.inf), -1.0)
    index = tuple(int(k) for k in np.unravel_index(np.argmax(distance), distance.shape))
    low, high = float(lab.truth.low[index]), float(lab.truth.high[index])
    return Evidence(index, float(lab.got[index]), low if low == high else (low, high), float(wrong.mean()))
