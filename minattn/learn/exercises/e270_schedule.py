"""The learning rate over time: warm up, then cool down."""

import numpy as np

from ..exercise import Cases, Exercise, Mistake


def cases(rng: np.random.Generator) -> Cases:
    for step in (0, 2, 9, 10, 30, 54, 99):
        yield step, 100, 0.002, 10
    yield int(rng.integers(5, 20)), 20, 1.0, 5


exercise = Exercise(
    title="Schedule: warm up, then cool down",
    template='''
"""Schedule: warm up, then cool down

step (0, 1, … steps - 1), steps, peak, warmup -> the learning rate of that step

    step < warmup:    a straight rise: peak / warmup at step 0, and peak at the last step of the warm-up
    afterwards:       half a cosine, from peak at step = warmup down to 0 at step = steps

                      peak (1 + cos(π done)) / 2      done: the share of the way from warmup to steps, 0 to 1

At first the running means of Adam know nothing yet, so the steps are small. At the end the model settles.
"""

import math


def learning_rate(step, steps, peak, warmup):
    # --- your part ---
    rate = ...
    # --- end of your part ---
    return rate
''',
    function="learning_rate",
    solution="""
if step < warmup:
    rate = peak * (step + 1) / warmup
else:
    done = (step - warmup) / (steps - warmup)
    rate = peak * (1 + math.cos(math.pi * done)) / 2
""",
    alternatives={
        "a squared cosine": """
        done = max(step - warmup, 0) / (steps - warmup)
        rate = peak * min((step + 1) / warmup, 1) * math.cos(math.pi / 2 * done) ** 2
        """,
        "tabulated": """
        rise = [peak * (i + 1) / warmup for i in range(warmup)]
        fall = [peak * (0.5 + 0.5 * math.cos(math.pi * i / (steps - warmup))) for i in range(steps - warmup)]
        rate = (rise + fall)[step]
        """,
    },
    mistakes=(
        Mistake(
            "The first step has the rate 0 and changes nothing; the rise starts at peak / warmup.",
            """
            done = (step - warmup) / (steps - warmup)
            rate = peak * step / warmup if step < warmup else peak * (1 + math.cos(math.pi * done)) / 2
            """,
        ),
        Mistake(
            "The fall is counted from step 0, so that the rate jumps at the end of the warm-up.",
            """
            rise = peak * (step + 1) / warmup
            rate = rise if step < warmup else peak * (1 + math.cos(math.pi * step / steps)) / 2
            """,
        ),
        Mistake(
            "The fall is a straight line; it should be half a cosine.",
            """
            done = (step - warmup) / (steps - warmup)
            rate = peak * (step + 1) / warmup if step < warmup else peak * (1 - done)
            """,
        ),
        Mistake(
            "The cosine runs over a whole turn and rises again; it is half a turn, π.",
            """
            done = (step - warmup) / (steps - warmup)
            rate = peak * (step + 1) / warmup if step < warmup else peak * (1 + math.cos(2 * math.pi * done)) / 2
            """,
        ),
        Mistake(
            "There is no warm-up: the rate starts at the peak.",
            """
            done = max(step - warmup, 0) / (steps - warmup)
            rate = peak * (1 + math.cos(math.pi * done)) / 2
            """,
        ),
    ),
    steps={"done": "the share of the way from warmup to steps"},
    hints=(
        "What should the rate be at step 0, at step warmup - 1, and at step warmup?",
        "Two cases. In the first, (step + 1) / warmup is the share of the peak. In the second, done = (step - "
        "warmup) / (steps - warmup).",
        "peak * (1 + math.cos(math.pi * done)) / 2: cos goes from 1 to -1 while done goes from 0 to 1.",
    ),
    note="Transformers with the norm last do not train at all without a warm-up. The engine: learning_rate in "
    "minattn/optim.py.",
    cases=cases,
    answers=("rate",),
)
