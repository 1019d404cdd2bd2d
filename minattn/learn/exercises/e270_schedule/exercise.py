from ...course import Edge, Exercise
from .variants import choices

exercise = Exercise(
    page="02_optimizer",
    steps={"done": "the share of the way from warmup to steps"},
    hints=(
        "What should the rate be at step 0, at step warmup - 1, and at step warmup?",
        "Two cases. In the first, (step + 1) / warmup is the share of the peak. In the second, done = (step - "
        "warmup) / (steps - warmup).",
        "rate = peak * fall, where fall = (1 + math.cos(math.pi * done)) / 2: cos goes from 1 to -1 while done goes "
        "from 0 to 1.",
    ),
    note="A warm-up makes a higher rate possible, above all where the norms come last. The engine: learning_rate in "
    "minattn/optim.py.",
    cases=lambda rng: [
        *((step, 100, 0.002, 10) for step in (0, 2, 9, 10, 30, 54, 99)),
        (int(rng.integers(5, 20)), 20, 1.0, 5),
    ],
    edges=(
        Edge(
            "where warmup is 0",
            "there is no rise then, and nothing can be divided by warmup",
            (3, 10, 0.5, 0),
        ),
    ),
    choices=choices,
)
