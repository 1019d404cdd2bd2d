"""GELU: a product of x with a function of x."""

import numpy as np

from ..exercise import Cases, Exercise


def cases(rng: np.random.Generator) -> Cases:
    yield (2 * rng.normal(size=(3, 5)),)
    yield (rng.normal(size=4),)


exercise = Exercise(
    title="GELU: the product rule, once",
    template='''
"""GELU: the product rule, once

x -> y, any shape, number by number

    1  Φ = erfc(-x / √2) / 2              the probability that a normal number lies below x
    2  y = x Φ                            large x pass, very negative ones become 0, softly

(Φ is also (1 + erf(x / √2)) / 2; but far to the left that is 1 - 0.999999…, and loses its digits.)

x is in y twice, in line 2 and, through Φ, in line 1. The slope of Φ is the bell curve:

    dΦ/dx = φ(x) = exp(-x²/2) / √(2π)
"""

import math

import numpy as np

erfc = np.vectorize(math.erfc, otypes=[float])  # NumPy has none


def forward(x):
    return x * erfc(-x / np.sqrt(2)) / 2


def backward(g, x):
    # --- your part ---
    dx = ...
    # --- end of your part ---
    return dx
''',
    solution="""
cdf = erfc(-x / np.sqrt(2)) / 2
bell = np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
dx = g * (cdf + x * bell)
""",
    alternatives={
        "by the complement": """
        cdf = 1 - erfc(x / math.sqrt(2)) / 2
        bell = (2 * math.pi) ** -0.5 * math.e ** (-(x**2) / 2)
        dx = g * cdf + g * x * bell
        """,
        "number by number": """
        dx = np.empty_like(x)
        for place, number in np.ndenumerate(x):
            cdf = 0.5 * (1 + math.erf(number / math.sqrt(2)))
            bell = math.exp(-0.5 * number**2) / math.sqrt(2 * math.pi)
            dx[place] = g[place] * (cdf + number * bell)
        """,
        "with the output": """
        # y = x Φ, so that Φ is y / x; 1/2 at 0
        y = forward(x)
        cdf = np.divide(y, x, out=np.full_like(x, 0.5), where=x != 0)
        dx = g * (cdf + x * np.exp(-0.5 * x**2 - 0.5 * np.log(2 * np.pi)))
        """,
    },
    steps={"cdf": "Φ(x)", "bell": "φ(x), the bell curve"},
    hints=(
        "y = x · Φ(x): what does the product rule say?",
        "One term for the x in front, with Φ as its slope; one for the x inside, with x φ(x).",
        "dx = g * (Φ + x φ), with Φ as in forward and φ = np.exp(-x * x / 2) / np.sqrt(2 * np.pi).",
    ),
    note="Unlike ReLU, GELU has a slope everywhere, a small negative one left of -0.75, so no unit is ever quite dead. "
    "The engine: GELU in minattn/ops/pointwise.py, in this form and in the tanh form of GPT-2.",
    cases=cases,
    answers=("dx",),
    like="gelu",
)
