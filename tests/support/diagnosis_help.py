"""Diagnoses of a wrong backward pass, from its functions. A probe that raises is an error."""

import numpy as np

from minattn.check.diagnosis import diagnose
from minattn.check.diagnosis.measurements import Measurements
from minattn.check.diagnosis.ranking import STAGES
from minattn.check.prepare import prepare
from minattn.check.referee import measure_gradient


def problem_with(forward, backward, *inputs):
    return prepare(forward, backward, inputs, None, np.random.default_rng(100))[0]


def problem_of(case):
    return problem_with(case.forward, case.backward, *case.inputs)


def diagnosed(forward, backward, *inputs, argument=0, stages=STAGES):
    problem = problem_with(forward, backward, *inputs)
    got, true = problem.gradients()[argument], measure_gradient(problem, argument)
    return diagnose(problem, argument, got, true, stages=stages, strict=True)


def measurements_of(forward, backward, *inputs, argument=0):
    problem = problem_with(forward, backward, *inputs)
    return Measurements(
        problem, argument, problem.gradients()[argument], measure_gradient(problem, argument), strict=True
    )


def normal(*shape, seed=3):
    return np.random.default_rng(seed).normal(size=shape)
