"""Diagnoses of a wrong backward pass, from its functions."""

import numpy as np

from minattn.check.diagnosis import diagnose
from minattn.check.diagnosis.measurements import Lab
from minattn.check.prepare import prepare
from minattn.check.referee import true_gradient


def problem_of(case):
    return prepare(case.forward, case.backward, case.inputs, None, np.random.default_rng(100))[0]


def diagnosed(forward, backward, *inputs, argument=0):
    problem = prepare(forward, backward, inputs, None, np.random.default_rng(100))[0]
    return diagnose(problem, argument, problem.gradients()[argument], true_gradient(problem, argument))


def lab_of(forward, backward, *inputs, argument=0):
    problem = prepare(forward, backward, inputs, None, np.random.default_rng(100))[0]
    return Lab(problem, argument, problem.gradients()[argument], true_gradient(problem, argument))


def normal(*shape, seed=3):
    return np.random.default_rng(seed).normal(size=shape)
