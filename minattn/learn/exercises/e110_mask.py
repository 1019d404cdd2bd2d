"""Masking: what may not be looked at gets no weight and sends nothing back."""

import numpy as np

from ..exercise import Cases, Exercise, Mistake


def cases(rng: np.random.Generator) -> Cases:
    mask = np.array([[True, True, False, True, False], [True] * 5, [False] * 5, [False, False, False, True, False]])
    yield rng.normal(size=(4, 5)), mask, rng.normal(size=(4, 5))
    yield 3 * rng.normal(size=(2, 3, 3)), np.tril(np.ones((3, 3), bool)), rng.normal(size=(2, 3, 3))
    mask = np.array([[False, True, True], [True, True, False]])
    yield np.where(mask, 0, 1000) + rng.normal(size=(2, 3)), mask, rng.normal(size=(2, 3))


exercise = Exercise(
    title="Masking: minus infinity, and the row that may look nowhere",
    template='''
"""Masking: minus infinity, and the row that may look nowhere

s (…, S) scores, mask boolean, broadcasting with s: True where one may look; g, of the shape of s -> p, ds

    1  s = -inf where the mask is False
    2  p = softmax(s) along the last axis: a masked place has exp(-inf) = 0, and the others share the 1

Padding is masked so that nobody looks at it; the future is masked so that nobody copies the answer from it.

One row may look nowhere at all. Its softmax would be 0/0, NaN, and the first NaN ruins a training.
Such a row must give zeros, forward and backward.

Write both: the probabilities p, and the gradient ds of the scores, given the gradient g of p.
Masked scores must have no gradient, whatever g says about them. Better divide by nothing that is 0: NumPy warns.
"""

import numpy as np


def masked_softmax(s, mask, g):
    # --- your part ---
    p = ...
    ds = ...
    # --- end of your part ---
    return p, ds
''',
    function="masked_softmax",
    solution="""
s = np.where(mask, s, -np.inf)
largest = s.max(axis=-1, keepdims=True)
exp = np.exp(s - np.where(largest == -np.inf, 0, largest))
total = exp.sum(axis=-1, keepdims=True)
p = exp / np.where(total == 0, 1, total)
ds = p * (g - (g * p).sum(axis=-1, keepdims=True))
""",
    alternatives={
        "row by row, only where one may look": """
        p, ds = np.zeros_like(s), np.zeros_like(s)
        allowed = np.broadcast_to(mask, s.shape)
        for row in np.ndindex(s.shape[:-1]):
            look = allowed[row]
            if look.any():
                exp = np.exp(s[row][look] - s[row][look].max())
                p[row + (look,)] = exp / exp.sum()
                inside = p[row + (look,)]
                ds[row + (look,)] = inside * g[row][look] - inside * (inside @ g[row][look])
        """,
        "exp first, then zeros": """
        largest = s.max(axis=-1, keepdims=True, where=mask, initial=np.finfo(s.dtype).min)
        exp = np.exp(np.minimum(s - largest, 0)) * mask
        total = exp.sum(axis=-1, keepdims=True)
        p = np.divide(exp, total, out=np.zeros_like(exp), where=total > 0)
        ds = p * g - np.einsum("...i,...i,...j->...j", g, p, p)
        """,
    },
    mistakes=(
        # First, because p is 0 in the last case with the next one too, which fails before it comes to that.
        Mistake(
            "The shift is the largest score of all, masked ones too: where a masked one is far above the others, their "
            "exp rounds to 0, and the row gets no weights.",
            """
            exp = np.exp(s - s.max(axis=-1, keepdims=True)) * mask
            total = exp.sum(axis=-1, keepdims=True)
            p = exp / np.where(total == 0, 1, total)
            ds = p * (g - (g * p).sum(axis=-1, keepdims=True))
            """,
        ),
        Mistake(
            "The mask is applied after the softmax: the masked weights are taken away, but the rest no longer adds up "
            "to 1.",
            """
            exp = np.exp(s - s.max(axis=-1, keepdims=True))
            p = exp / exp.sum(axis=-1, keepdims=True) * mask
            ds = p * (g - (g * p).sum(axis=-1, keepdims=True))
            """,
        ),
        Mistake(
            "Masked scores are set to 0, which is a score like any other; it takes -inf to get no weight.",
            """
            s = np.where(mask, s, 0.0)
            exp = np.exp(s - s.max(axis=-1, keepdims=True))
            p = exp / exp.sum(axis=-1, keepdims=True)
            ds = p * (g - (g * p).sum(axis=-1, keepdims=True))
            """,
        ),
        Mistake(
            "With -1e9 in place of -inf a row that may look nowhere looks everywhere alike; it should be zeros.",
            """
            s = np.where(mask, s, -1e9)
            exp = np.exp(s - s.max(axis=-1, keepdims=True))
            p = exp / exp.sum(axis=-1, keepdims=True)
            ds = p * (g - (g * p).sum(axis=-1, keepdims=True))
            """,
        ),
        Mistake(
            "A row that may look nowhere became NaN: -inf - -inf in the shift, or 0 / 0 in the division.",
            """
            s = np.where(mask, s, -np.inf)
            with np.errstate(invalid="ignore"):
                exp = np.exp(s - s.max(axis=-1, keepdims=True))
                p = exp / exp.sum(axis=-1, keepdims=True)
                ds = p * (g - (g * p).sum(axis=-1, keepdims=True))
            """,
        ),
        Mistake(
            "The mask is the wrong way round: True is where one may look.",
            """
            s = np.where(mask, -np.inf, s)
            largest = s.max(axis=-1, keepdims=True)
            exp = np.exp(s - np.where(largest == -np.inf, 0, largest))
            total = exp.sum(axis=-1, keepdims=True)
            p = exp / np.where(total == 0, 1, total)
            ds = p * (g - (g * p).sum(axis=-1, keepdims=True))
            """,
        ),
        Mistake(
            "ds lets masked places speak in the sum Σ g p: it runs over a softmax without the mask, and so leaks.",
            """
            free = np.exp(s - s.max(axis=-1, keepdims=True))
            free = free / free.sum(axis=-1, keepdims=True)
            exp = np.exp(s - s.max(axis=-1, keepdims=True)) * mask
            total = exp.sum(axis=-1, keepdims=True)
            p = exp / np.where(total == 0, 1, total)
            ds = p * (g - (g * free).sum(axis=-1, keepdims=True))
            """,
        ),
    ),
    steps={"exp": "exp of the shifted scores, 0 where masked"},
    hints=(
        "What is the largest score of a row that may look nowhere, and what is it minus itself?",
        "Two divisions into nothing have to be avoided: shift by 0 where the largest score is -inf, and divide by 1 "
        "where the sum is 0. Then p is 0 in that row by itself.",
        "np.where(largest == -np.inf, 0, largest), and np.where(total == 0, 1, total). ds is the softmax backward of "
        "before: where p is 0, so is ds.",
    ),
    note="p is 0 where masked, and every term of ds has a factor p: a right forward makes the backward right for "
    "nothing. The engine: exponentials in minattn/ops/attention.py.",
    cases=cases,
    answers=("p", "ds"),
)
