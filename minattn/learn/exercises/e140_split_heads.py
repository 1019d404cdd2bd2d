"""Splitting into heads: backward of moving numbers about is moving them back."""

import numpy as np

from ..exercise import Cases, Exercise, Mistake


def cases(rng: np.random.Generator) -> Cases:
    yield (rng.normal(size=(2, 3, 10)),)
    yield (rng.normal(size=(3, 2, 4)),)


exercise = Exercise(
    title="Heads: split, and merge on the way back",
    template='''
"""Heads: split, and merge on the way back

x (B, T, D) -> y (B, H, T, D/H), H heads

    1  (B, T, D)    ->  (B, T, H, D/H)       every vector is cut into H pieces
    2  (B, T, H, …) ->  (B, H, T, …)         heads come before tokens: each head is an attention of its own

No number changes, they only move. So every number of g belongs to one number of x: carry it back there. The same
two moves the other way round, in reverse order; what merges the heads after attention does just this.
"""

import numpy as np

HEADS = 2


def forward(x):
    batch, tokens, width = x.shape
    return x.reshape(batch, tokens, HEADS, width // HEADS).transpose(0, 2, 1, 3)


def backward(g, x):
    # --- your part ---
    dx = ...
    # --- end of your part ---
    return dx
''',
    solution="""
dx = g.transpose(0, 2, 1, 3).reshape(x.shape)
""",
    alternatives={
        "side by side": """
        dx = np.concatenate([g[:, head] for head in range(HEADS)], axis=-1)
        """,
        "send the places through forward": """
        places = forward(np.arange(x.size).reshape(x.shape))
        dx = np.empty(x.size)
        dx[places] = g
        dx = dx.reshape(x.shape)
        """,
        "loops": """
        dx = np.zeros_like(x)
        for head in range(HEADS):
            for c in range(g.shape[3]):
                dx[:, :, head * g.shape[3] + c] = g[:, head, :, c]
        """,
    },
    mistakes=(
        Mistake(
            "Only the shape is put right: without swapping heads and tokens back, numbers land at other tokens.",
            "dx = g.reshape(x.shape)",
        ),
        Mistake(
            "The pieces of the heads are interleaved: heads and width are swapped, where heads and tokens should be.",
            "dx = g.transpose(0, 2, 3, 1).reshape(x.shape)",
        ),
        Mistake(
            "The heads come back in reverse order.",
            "dx = g[:, ::-1].transpose(0, 2, 1, 3).reshape(x.shape)",
        ),
        Mistake(
            "Forward is applied once more; it moves the numbers on instead of back.",
            "dx = forward(g.reshape(x.shape)).reshape(x.shape)",
        ),
    ),
    hints=(
        "Which of the two moves came last? What undoes a swap of two axes?",
        "First swap heads and tokens back, which gives (B, T, H, D/H). Then the last two axes lie side by side and "
        "flatten into D.",
        "g.transpose(0, 2, 1, 3) and then a reshape to x.shape. In the other order the numbers get mixed up, without "
        "any error.",
    ),
    note="Reshape without transpose is the classical silent bug: all shapes fit, and tokens get each other's numbers. "
    "The engine: split and merge of MultiHeadSelfAttention in minattn/nn/attention.py.",
    cases=cases,
    answers=("dx",),
)
