import numpy as np

from ...course import Cases, Edge, Exercise
from .variants import choices


def cases(rng: np.random.Generator) -> Cases:
    mask = np.array([[True, True, False, True, False], [True] * 5, [False] * 5, [False, False, False, True, False]])
    yield rng.normal(size=(4, 5)), mask, rng.normal(size=(4, 5))
    yield 3 * rng.normal(size=(2, 3, 3)), np.tril(np.ones((3, 3), bool)), rng.normal(size=(2, 3, 3))
    mask = np.array([[False, True, True], [True, True, False]])
    yield np.where(mask, 0, 1000) + rng.normal(size=(2, 3)), mask, rng.normal(size=(2, 3))


exercise = Exercise(
    derives=True,
    page="07_attention_backward",
    steps={"exp": "exp of the shifted scores, 0 where masked"},
    hints=(
        "What is the largest score of a row that may look nowhere, and what is it minus itself?",
        "Two divisions into nothing have to be avoided: shift by 0 where the largest score is -inf, and divide by 1 "
        "where the sum is 0. Then p is 0 in that row by itself.",
        "scores = np.where(mask, s, -np.inf); shift by np.where(largest == -np.inf, 0, largest); then "
        "p = exp / np.where(total == 0, 1, total). ds is the softmax backward of before: where p is 0, so is ds.",
    ),
    note="p is 0 where masked, and every term of ds has a factor p: a right forward makes the backward right for "
    "nothing. The engine: exponentials in minattn/ops/attention.py.",
    cases=cases,
    edges=(
        Edge(
            "where the scores that may be looked at are 1000 or -1000",
            "exp(1000) is infinite, exp(-1000) is 0: shift by the largest score that may be looked at, and by no other",
            (np.array([[1000.0, 999, 0, 0], [-1000, -1001, 0, 0]]), np.arange(4) < 2, np.ones((2, 4))),
        ),
    ),
    choices=choices,
)
