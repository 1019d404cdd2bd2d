"""Looking tokens up in a table of vectors."""

from ..backend import Array, array_module
from ..fast import empty, gather
from .base import Op, register
from .samples import embedding_samples


@register(samples=embedding_samples)
class Embedding(Op):
    """Turn token ids into vectors: row `id` of the table. The same as a one-hot matrix times the table.

    ids (…) integers, weight (V, D) -> y (…, D)

    forward    y_t = W[id_t]
    backward   dW = 0, then dW[id_t] += g_t      a token that occurs twice gets both gradients
    """

    def forward(self, ids: Array, weight: Array) -> Array:
        self.ids, self.weight_shape = ids, weight.shape
        return gather(weight, ids)

    def backward(self, g: Array) -> tuple[None, Array]:
        xp = array_module(g)
        width = self.weight_shape[1]
        dweight = empty(self.weight_shape, g)
        dweight.fill(0)
        # y_t = W[id_t]; one flat index an element, because add.at is several times faster in one dimension
        starts = self.ids.reshape(-1, 1).astype("int64") * width
        elements = xp.add(starts, xp.arange(width), out=empty((len(starts), width), g, "int64"))
        xp.add.at(dweight.reshape(-1), elements.reshape(-1), g.reshape(-1))
        return None, dweight
