"""Other right ways to fill the gap."""

import numpy as np


def as_one_vector(gradients, max_norm):
    """as one vector"""
    vector = np.concatenate([g.ravel() for g in gradients])
    norm = np.linalg.norm(vector)
    if norm > max_norm:
        vector = vector * (max_norm / norm)
    ends = np.cumsum([g.size for g in gradients])
    clipped = [part.reshape(g.shape) for part, g in zip(np.split(vector, ends[:-1]), gradients)]
    return norm, clipped


def norm_of_norms(gradients, max_norm):
    """a norm of norms"""
    norm = np.hypot.reduce([np.linalg.norm(g.ravel()) for g in gradients])
    factor = max_norm / norm if norm > max_norm else 1.0
    clipped = [factor * g for g in gradients]
    return norm, clipped
