"""What every engine of `train_step.py` and `growth.py` is given: the same ids, and the same learning rate."""

import numpy as np

LR = 3e-4


def batch(tokens: int, size: int, vocabulary: int) -> np.ndarray:
    """Random ids (size, tokens), the same in every process."""
    return np.random.default_rng(1).integers(0, vocabulary, (size, tokens))
