"""Find the bug: every op is right, and the whole is wrong."""

import numpy as np

from ...answer_comparison import accepts_repair
from ...course import Cases, Exercise


def cases(rng: np.random.Generator) -> Cases:
    for rows, width in ((3, 5), (4, 2)):
        parameters = {"enter": rng.normal(size=(16, width)), "leave": rng.normal(size=(width, 4))}
        for layer in range(3):
            parameters |= {f"weight{layer}": rng.normal(size=(width, width)), f"bias{layer}": rng.normal(size=width)}
            parameters |= {f"gamma{layer}": rng.normal(size=width), f"beta{layer}": rng.normal(size=width)}
        digits = rng.integers(0, 4, (rows, 4))
        yield parameters, digits, digits.sum(axis=1) % 4


exercise = Exercise(
    function="answer",
    hints=(
        "Four ops are checked and right. What else in this file has a forward and a backward of the same name?",
        "check_backward(block, block_backward, [x, gamma, beta, weight, bias]) with x (3, 4), gamma and beta (4,), "
        "weight (4, 4), bias (4,).",
        "block is x + …: x is used twice. Its backward returns only what came through the layer; g itself is missing.",
    ),
    note="That was the residual path, and you found it without reading. Check the parts, then check what is made of "
    "the parts: check_model does it for a whole model and names the first wrong op. This is the end of the course; "
    "`minattn train` trains the real thing, and minattn/ops is now yours to read.",
    cases=cases,
    answers=("WRONG", "gradients"),
    accepts=accepts_repair(("linear", "gelu", "layer_norm", "block", "cross_entropy")),
)
