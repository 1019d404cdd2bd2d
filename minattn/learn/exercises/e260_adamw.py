"""AdamW: one step of the optimizer that trains transformers."""

import numpy as np

from ..exercise import Cases, Exercise, Mistake


def cases(rng: np.random.Generator) -> Cases:
    for step in (1, 7):
        yield *rng.normal(size=(3, 4)), rng.random(4), step, 0.01, 0.1
    yield *rng.normal(size=(3, 2, 3)), rng.random((2, 3)), 2, 0.5, 0.0


LINES = """
new_m = BETA1 * m + (1 - BETA1) * g
new_v = BETA2 * v + (1 - BETA2) * g * g
m_hat = new_m / (1 - BETA1**step)
v_hat = new_v / (1 - BETA2**step)
new_p = p * (1 - lr * decay) - lr * m_hat / (np.sqrt(v_hat) + EPS)
"""

exercise = Exercise(
    title="AdamW: every number gets a step of its own size",
    template='''
"""AdamW: every number gets a step of its own size

p parameter, g gradient, m, v (all of one shape), step (1, 2, …), lr, decay -> new_p, new_m, new_v

    1  m = β1 m + (1 - β1) g          a running mean of the gradient: where to
    2  v = β2 v + (1 - β2) g²         a running mean of its square: how rough
    3  m̂ = m / (1 - β1^step)          both start at 0, so that they are too small at first
       v̂ = v / (1 - β2^step)
    4  p = p - lr decay p             weight decay, straight on the parameter: the W
    5  p = p - lr m̂ / (√v̂ + ε)

In line 4 and 5 the old p is meant: p - lr decay p - lr m̂ / (√v̂ + ε).
Return new arrays; what comes in must stay as it is.
"""

import numpy as np

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


def adamw(p, g, m, v, step, lr, decay):
    # --- your part ---
    new_p = ...
    new_m = ...
    new_v = ...
    # --- end of your part ---
    return new_p, new_m, new_v
''',
    function="adamw",
    solution=LINES,
    alternatives={
        "running means as interpolation": """
        new_m = m + (g - m) * (1 - BETA1)
        new_v = v + (g**2 - v) * (1 - BETA2)
        rate = lr * np.sqrt(1 - BETA2**step) / (1 - BETA1**step)
        new_p = p - rate * new_m / (np.sqrt(new_v) + EPS * np.sqrt(1 - BETA2**step)) - lr * decay * p
        """,
        "number by number": """
        new_p, new_m, new_v = p.copy(), m.copy(), v.copy()
        for i in np.ndindex(p.shape):
            new_m[i] = BETA1 * m[i] + (1 - BETA1) * g[i]
            new_v[i] = BETA2 * v[i] + (1 - BETA2) * g[i] ** 2
            m_hat, v_hat = new_m[i] / (1 - BETA1**step), new_v[i] / (1 - BETA2**step)
            new_p[i] -= lr * decay * p[i]
            new_p[i] -= lr * m_hat / (v_hat**0.5 + EPS)
        """,
    },
    mistakes=(
        Mistake(
            "The correction of line 3 is missing: the first steps are far from their right size.",
            LINES.replace("new_m / (1 - BETA1**step)", "new_m").replace("new_v / (1 - BETA2**step)", "new_v"),
        ),
        Mistake(
            "The weight decay is added to the gradient, where m and v smear it out: that is Adam with L2, not AdamW.",
            "g = g + decay * p\n" + LINES.replace("p * (1 - lr * decay)", "p"),
        ),
        Mistake("The weight decay is missing.", LINES.replace("p * (1 - lr * decay)", "p")),
        Mistake(
            "The weight decay is not multiplied by the learning rate.",
            LINES.replace("p * (1 - lr * decay)", "p * (1 - decay)"),
        ),
        Mistake("v is a mean of g; it belongs to g².", LINES.replace("(1 - BETA2) * g * g", "(1 - BETA2) * g")),
        Mistake("The root of v̂ is missing.", LINES.replace("np.sqrt(v_hat)", "v_hat")),
        Mistake("The step goes uphill: it is subtracted, not added.", LINES.replace("- lr * m_hat", "+ lr * m_hat")),
        Mistake(
            "The step uses g where m̂ belongs: the running mean is computed and not used.",
            LINES.replace("lr * m_hat", "lr * g"),
        ),
        Mistake(
            "The correction counts steps from 0, one too few; the first step is 1.",
            "step = step - 1 or 1\n" + LINES,
        ),
        Mistake(
            "β1 and β2 have changed places.",
            "BETA1, BETA2 = 0.999, 0.9\n" + LINES,
        ),
    ),
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
        "new_p = p - lr * decay * p - lr * m_hat / (np.sqrt(v_hat) + EPS).",
    ),
    note="m̂ / √v̂ is about ±1 where a gradient always says the same, and about 0 where it wavers: the size of the "
    "gradient cancels. That is why a loss that is a thousand times too large trains just as well. The engine: AdamW in "
    "minattn/optim.py, which spares biases and norms the decay.",
    cases=cases,
    answers=("new_p", "new_m", "new_v"),
)
