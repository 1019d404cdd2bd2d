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
    shows=("linear", "gelu", "layer_norm", "cross_entropy"),
    derives=True,
    page="11_checking_gradients",
    hints=(
        "Which op would you suspect? Do not answer. Ask the check about all four, with inputs of different lengths: "
        "check_backward(linear, linear_backward, [x, weight, bias]) takes x (3, 4), weight (4, 5), bias (5,).",
        "With a weight that is not square, one of the four does not even run. With a square one the check says what is "
        "missing.",
        "linear_backward: y = x weight, so dx = g weightᵀ. It says g @ weight, which fits because the weights are "
        "square.",
    ),
    note="It learned nevertheless: random directions downhill are often enough. So a falling loss proves nothing "
    "about gradients, and square shapes hide transposes; check with lengths that differ. The engine's ops in "
    "minattn/ops are held to it: minattn check --all.",
    cases=cases,
    accepts=accepts_repair(("linear", "gelu", "layer_norm", "cross_entropy")),
)
