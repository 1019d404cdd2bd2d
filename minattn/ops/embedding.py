"""Looking tokens up in a table of vectors."""

import numpy as np

from ..backend import Array, array_module
from .base import Op, Sample, Samples, register


def embedding_samples(rng: np.random.Generator) -> Samples:
    """Ids that repeat, one id, none."""
    weight = rng.normal(size=(6, 3))
    yield Sample("repeated ids", (np.array([[1, 1, 5], [0, 1, 2]]), weight))
    yield Sample("one id", (np.array(4), weight))
    yield Sample("no ids", (np.zeros((2, 0), int), weight))


@register(samples=embedding_samples)
class Embedding(Op):
    """Turn token ids into vectors: row `id` of the table. The same as a one-hot matrix times the table.

    ids (…) integers, weight (V, D) -> y (…, D)

    forward    y_t = W[id_t]
    backward   dW = 0, then dW[id_t] += g_t      a token that occurs twice gets both gradients

    float32 runs the kernel in minattn/fast/layers.py.
    """

    def forward(self, ids: Array, weight: Array) -> Array:
        self.ids, self.shape = ids, weight.shape
        return weight[ids]

    def backward(self, g: Array) -> tuple[None, Array]:
        xp = array_module(g)
        # y_t = W[id_t]
        dweight = xp.zeros(self.shape, g.dtype)
        xp.add.at(dweight, self.ids, g)
        return None, dweight
