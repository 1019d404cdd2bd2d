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
    dx = g.transpose(0, 2, 1, 3).reshape(x.shape)
    # --- end of your part ---
    return dx
