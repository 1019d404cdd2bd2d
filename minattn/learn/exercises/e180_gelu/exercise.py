import numpy as np

from ...course import Edge, Exercise
from .variants import choices

exercise = Exercise(
    page="08_block",
    steps={"cdf": "Φ(x)", "bell": "φ(x), the bell curve"},
    hints=(
        "y = x · Φ(x): what does the product rule say?",
        "One term for the x in front, with Φ as its slope; one for the x inside, with x φ(x).",
        "dx = g * (cdf + x * bell), where Φ is cdf = erfc(-x / np.sqrt(2)) / 2, and φ is "
        "bell = np.exp(-x * x / 2) / np.sqrt(2 * np.pi).",
    ),
    note="Unlike ReLU, GELU has a slope everywhere, a small negative one left of -0.75, so no unit is ever quite dead. "
    "The engine: GELU in minattn/ops/activations.py, in this form and in the tanh form of GPT-2.",
    cases=lambda rng: [(2 * rng.normal(size=(3, 5)),), (rng.normal(size=4),)],
    edges=(
        Edge(
            "where x is far to the left",
            "Φ(-10) is 1e-23: 1 + erf(x / √2), a difference of two numbers near 1, has lost it; erfc(-x / √2) has not",
            (np.array([-8.0, -10.0, -13.0]),),
        ),
    ),
    like="gelu",
    choices=choices,
)
