"""Wrong ways to fill the gap, each with the sentence that answers it."""

import numpy as np


def each_array_by_itself(gradients, max_norm):
    """Every array is clipped by its own length; all are one vector, with one length and one factor."""
    norm = np.sqrt(sum((g * g).sum() for g in gradients))
    clipped = [g * min(1.0, max_norm / np.linalg.norm(g)) for g in gradients]
    return norm, clipped


def each_number_cut_off(gradients, max_norm):
    """Every number is cut off at ±max_norm, which turns the step into another direction."""
    norm = np.sqrt(sum((g * g).sum() for g in gradients))
    clipped = [np.clip(g, -max_norm, max_norm) for g in gradients]
    return norm, clipped


def short_ones_stretched(gradients, max_norm):
    """Short gradients are stretched to max_norm; they should stay as they are."""
    norm = np.sqrt(sum((g * g).sum() for g in gradients))
    clipped = [g * max_norm / norm for g in gradients]
    return norm, clipped


def root_missing(gradients, max_norm):
    """norm is the sum of the squares; its root is missing."""
    norm = sum((g * g).sum() for g in gradients)
    clipped = [g * min(1.0, max_norm / norm) for g in gradients]
    return norm, clipped


def lengths_added(gradients, max_norm):
    """norm is the sum of the lengths of the arrays; their squares add up, not they."""
    norm = sum(np.linalg.norm(g) for g in gradients)
    clipped = [g * min(1.0, max_norm / norm) for g in gradients]
    return norm, clipped


def norm_after_clipping(gradients, max_norm):
    """norm is the length after the clipping; the log wants the one before."""
    norm = np.sqrt(sum((g * g).sum() for g in gradients))
    clipped = [g * min(1.0, max_norm / norm) for g in gradients]
    norm = min(norm, max_norm)
    return norm, clipped
