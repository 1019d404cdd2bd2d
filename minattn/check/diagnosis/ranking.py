"""The probes in their order, and what is reported of what they say."""

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...backend import Array
from ..comparison import worst_entry
from ..mistake_kinds import kinds
from ..problem import Problem
from ..referee import TrueGradient
from ..report import CONSISTENT, EXACTLY, Finding
from . import dropped_paths, formulas, jacobian, step_rules, substitutions, whole_gradient
from .forward_steps import ForwardSteps, follow_forward
from .measurements import Diagnosis, Measurements

Probe = Callable[[Measurements], Iterator[Diagnosis]]
StepProbe = Callable[[Measurements, ForwardSteps], Iterator[Diagnosis]]
_MOST_FINDINGS = 3

STEP_PROBES: tuple[StepProbe, ...] = (
    dropped_paths.single_use_kept,
    dropped_paths.one_path,
    step_rules.wrong_rule,
    dropped_paths.two_paths,
    dropped_paths.diagonal_of_a_block,
    substitutions.other_forward,
    step_rules.wrong_rule_in_loop,
    formulas.constant_slope,
    formulas.missing_factor,
    formulas.sign_of_a_term,
    substitutions.other_value_for_argument,
    formulas.other_formula,
)
"""From the slip that is made most easily to a formula that happens to fit."""


def by_steps(measured: Measurements) -> Iterator[Diagnosis]:
    """The first of the probes on the steps of the forward pass that says something, where these can be followed."""
    forward = follow_forward(measured)
    if forward is None or not np.abs(forward.errors).max() > 1e-7 * np.abs(forward.true_slopes).max():
        return
    for probe in STEP_PROBES:
        diagnoses = _ask(probe, measured, forward)
        if diagnoses:
            yield from diagnoses
            return


WHOLE_STAGES: tuple[tuple[Probe, ...], ...] = (
    (whole_gradient.wrong_shape,),
    (whole_gradient.not_finite,),
    (whole_gradient.zero_gradient,),
    (whole_gradient.upstream_dependence,),
    (whole_gradient.exchanged_arguments, whole_gradient.constant_multiple, whole_gradient.permuted_axes),
    (substitutions.right_at_initial_values,),
)
"""What is seen of a gradient as a whole, before any code is looked at."""

STAGES: tuple[tuple[Probe, ...], ...] = (
    *WHOLE_STAGES[:-1],
    (whole_gradient.gradient_of_another,),
    (
        jacobian.diagonal_only,
        jacobian.gradient_without_effect,
        jacobian.one_contribution_kept,
        jacobian.sum_over_wrong_axis,
    ),
    (substitutions.without_mask, substitutions.right_at_initial_values),
    (whole_gradient.jacobian_not_transposed, substitutions.other_inputs, substitutions.output_for_input),
    (by_steps,),
    (jacobian.missing_shortcut, jacobian.scaled_coupling),
    (substitutions.other_upstream, whole_gradient.rearranged_numbers),
    (substitutions.ones_for_input,),
    (jacobian.right_pattern_wrong_values,),
)
"""From the special to the general: the first stage that recognises a mistake exactly is the last that is asked."""


def diagnose(
    problem: Problem,
    argument: int,
    got: Array,
    true: TrueGradient,
    *,
    stages: Sequence[Sequence[Probe]] = STAGES,
    strict: bool = False,
    deadline: float = math.inf,
) -> list[Finding]:
    """What is probably wrong with the gradient of one argument, the likeliest first.

    Args:
        got: what backward gave for the argument
        true: its true gradient
        stages: the probes, in the order in which they are asked
        deadline: on the clock of `time.thread_time`, from which on no probe is asked any more
        strict: let the exception of a probe through, as tests do; else the probe is silent

    Returns:
        At most three findings; none where no probe recognises anything.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # wrong code divides by zero, takes means of nothing
        measured = Measurements(problem, argument, got, true, strict, deadline)
        here = measured.gradients_at()[argument]
        if here is not None:  # `got` may be from another point, where its shape was wrong
            measured.got = here
        diagnoses = _ranked(measured, stages)
    evidence = worst_entry(true, measured.got)
    findings = []
    for kind, sentence, exact in diagnoses[:_MOST_FINDINGS]:
        sure = EXACTLY if exact else CONSISTENT
        findings.append(Finding(measured.name, kind, sentence, evidence, sure, kinds[kind].next))
    return findings


def _ranked(measured: Measurements, stages: Sequence[Sequence[Probe]]) -> list[Diagnosis]:
    """What the probes say, one diagnosis for each kind, the exact ones first."""
    found: dict[str, Diagnosis] = {}
    for stage in stages:
        for diagnosis in (diagnosis for probe in stage for diagnosis in _ask(probe, measured)):
            if diagnosis.kind not in found or (diagnosis.exact and not found[diagnosis.kind].exact):
                found[diagnosis.kind] = diagnosis
        if any(diagnosis.exact for diagnosis in found.values()) or (found and measured.has_wrong_shape):
            break
    return sorted(found.values(), key=lambda diagnosis: not diagnosis.exact)


def _ask(probe: Callable[..., Iterator[Diagnosis]], measured: Measurements, *steps: Any) -> list[Diagnosis]:
    """What a probe says; nothing where it raises, for the gradient is wrong whatever happens in here."""
    if measured.is_late:
        return []
    try:
        return list(probe(measured, *steps))
    except Exception:
        if measured.strict:
            raise
        return []
