"""Gradient clipping: all gradients together are one long vector."""

import numpy as np

from ..exercise import Cases, Exercise, Mistake


def cases(rng: np.random.Generator) -> Cases:
    yield [3 * rng.normal(size=(3, 4)), rng.normal(size=5)], 1.0
    yield [0.01 * rng.normal(size=(2, 2)), 0.01 * rng.normal(size=3)], 1.0
    yield [np.array([3.0, 0.0]), np.array([[4.0]])], 2.5


exercise = Exercise(
    title="Clipping: shorten the step, keep its direction",
    template='''
"""Clipping: shorten the step, keep its direction

gradients: a list of arrays of any shapes; max_norm, a number -> norm, clipped (a list like gradients)

    norm = √(Σ of the squares of all numbers in all arrays)       the length of all gradients as one long vector

If norm is larger than max_norm, all gradients are multiplied by one and the same number, so that the length becomes
max_norm. If it is not, they stay as they are. The norm that is returned is the one before, for the log.

One strange sentence in a batch can make a gradient a hundred times longer than usual, and one such step can undo an
hour of training.
"""

import numpy as np


def clip(gradients, max_norm):
    # --- your part ---
    norm = ...
    clipped = ...
    # --- end of your part ---
    return norm, clipped
''',
    function="clip",
    solution="""
norm = np.sqrt(sum((g * g).sum() for g in gradients))
scale = min(1.0, max_norm / norm)
clipped = [g * scale for g in gradients]
""",
    alternatives={
        "as one vector": """
        vector = np.concatenate([g.ravel() for g in gradients])
        norm = np.linalg.norm(vector)
        if norm > max_norm:
            vector = vector * (max_norm / norm)
        ends = np.cumsum([g.size for g in gradients])
        clipped = [part.reshape(g.shape) for part, g in zip(np.split(vector, ends[:-1]), gradients)]
        """,
        "a norm of norms": """
        norm = np.hypot.reduce([np.linalg.norm(g.ravel()) for g in gradients])
        if norm <= max_norm:
            clipped = [g.copy() for g in gradients]
        else:
            clipped = [max_norm * (g / norm) for g in gradients]
        """,
    },
    mistakes=(
        Mistake(
            "Every array is clipped by its own length; all are one vector, with one length and one factor.",
            """
            norm = np.sqrt(sum((g * g).sum() for g in gradients))
            clipped = [g * min(1.0, max_norm / np.linalg.norm(g)) for g in gradients]
            """,
        ),
        Mistake(
            "Every number is cut off at ±max_norm, which turns the step into another direction.",
            """
            norm = np.sqrt(sum((g * g).sum() for g in gradients))
            clipped = [np.clip(g, -max_norm, max_norm) for g in gradients]
            """,
        ),
        Mistake(
            "Short gradients are stretched to max_norm; they should stay as they are.",
            """
            norm = np.sqrt(sum((g * g).sum() for g in gradients))
            clipped = [g * max_norm / norm for g in gradients]
            """,
        ),
        Mistake(
            "norm is the sum of the squares; its root is missing.",
            """
            norm = sum((g * g).sum() for g in gradients)
            clipped = [g * min(1.0, max_norm / norm) for g in gradients]
            """,
        ),
        Mistake(
            "norm is the sum of the lengths of the arrays; their squares add up, not they.",
            """
            norm = sum(np.linalg.norm(g) for g in gradients)
            clipped = [g * min(1.0, max_norm / norm) for g in gradients]
            """,
        ),
        Mistake(
            "norm is the length after the clipping; the log wants the one before.",
            """
            norm = np.sqrt(sum((g * g).sum() for g in gradients))
            clipped = [g * min(1.0, max_norm / norm) for g in gradients]
            norm = min(norm, max_norm)
            """,
        ),
    ),
    steps={"norm": "the length of all gradients as one vector", "scale": "the factor for all of them, at most 1"},
    hints=(
        "What is the length of a vector that is written on two sheets of paper?",
        "Sum the squares over all arrays, then one root. The factor is max_norm / norm, but never more than 1.",
        "norm = np.sqrt(sum((g * g).sum() for g in gradients)); scale = min(1.0, max_norm / norm).",
    ),
    note="Clipping is no derivative of anything: it is a seat belt. A norm that grows in the log warns before the loss "
    "does. The engine: clip_grad_norm_ in minattn/optim.py.",
    cases=cases,
    answers=("norm", "clipped"),
)
