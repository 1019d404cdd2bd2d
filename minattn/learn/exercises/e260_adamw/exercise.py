import numpy as np

from ...course import Cases, Exercise
from .variants import choices


def cases(rng: np.random.Generator) -> Cases:
    for step in (1, 7):
        yield *rng.normal(size=(3, 4)), rng.random(4), step, 0.01, 0.1
    yield *rng.normal(size=(3, 2, 3)), rng.random((2, 3)), 2, 0.5, 0.0


exercise = Exercise(
    page="02_optimizer",
    steps={
        "new_m": "the running mean of g",
        "new_v": "the running mean of g²",
        "m_hat": "m̂, the corrected mean",
        "v_hat": "v̂, the corrected mean square",
    },
    hints=(
        "At step 1 from m = 0: how large is m, compared with g? And m̂?",
        "Write the five lines one below the other, each with a name of its own (new_m, new_v, m_hat, v_hat), and use "
        "the old p in the last two.",
        "new_p = p * (1 - lr * decay) - lr * m_hat / (np.sqrt(v_hat) + EPS).",
    ),
    note="m̂ / √v̂ is about ±1 where a gradient always says the same, and about 0 where it wavers: the size of the "
    "gradient cancels. That is why a loss that is a thousand times too large trains just as well. The engine: AdamW in "
    "minattn/optim.py; training spares biases and norms the decay, as a group of their own.",
    cases=cases,
    choices=choices,
)
