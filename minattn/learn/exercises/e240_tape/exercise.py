import numpy as np

from ...course import Cases, Exercise


def cases(rng: np.random.Generator) -> Cases:
    x, w = rng.normal(size=(2, 3))
    yield [("leaf",), ("exp", 0), ("mul", 0, 1), ("sum", 2)], [x], 1.0
    yield [("leaf",), ("leaf",), ("mul", 0, 0), ("add", 2, 1), ("mul", 3, 2), ("exp", 0), ("sum", 4)], [x, w], -0.5
    # a diamond of diamonds: 2 to the 30 paths
    diamonds = [("leaf",)] + [("add", i, i) for i in range(30)] + [("sum", 30)]
    yield diamonds, [x / 2**30], 2.0


exercise = Exercise(
    derives=True,
    page="01_tape",
    hints=(
        "x * x has one input, used twice. Which two gradients does it send, and to whom?",
        "Start with zeros for every op and g for the last. Read the tape from the end; each op adds to the gradients "
        "of its inputs: += in meaning, but make a new array (grads[i] = grads[i] + …), as two ops might share one.",
        "add sends up to both; mul sends up * values[j] to i and up * values[i] to j; exp sends up * values[number]; "
        "sum sends up * np.ones_like(values[i]).",
    ),
    note="Thirty diamonds have a thousand million paths, and you visited each op once: that is why backpropagation is "
    "cheap. This is an autograd. The engine: Node and `walk` in minattn/graph.py.",
    cases=cases,
)
