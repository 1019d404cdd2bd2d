"""The kernels of the plain layers: the linear layer's product, layer normalisation, tables of vectors."""

import math

from ..backend import Array, array_module
from ..ops.base import as_rows
from ..ops.embedding import Embedding
from ..ops.kernels import implements
from ..ops.layer_norm import LayerNorm
from ..ops.linear_algebra import Linear
from .products import column_sums, gather, product, row_dots, row_sums
from .workspace import empty, empty_like


@implements(Linear)
class FastLinear(Linear):
    """One product of all tokens with the weight, into memory that is used again.

    The trick: NumPy multiplies a (B, T, I) array batch by batch; as (B T, I) rows it is one call of BLAS. The bias is
    added in place, and its gradient is a product with ones. The result keeps the order in memory of the rows, which
    is what makes inference on a few tokens quicker (`features_first`).
    """

    def forward(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        self.x_shape, self.rows, self.weight, self.has_bias = x.shape, as_rows(x), weight, bias is not None
        y = product(self.rows, weight.T, like=self.rows)
        if bias is not None:
            y += bias
        return y.reshape(*x.shape[:-1], weight.shape[0])

    def backward(self, g: Array) -> tuple[Array, ...]:
        g = as_rows(g)
        # 2  y = y + b
        db = column_sums(g) if self.has_bias else None
        # 1  y = x Wᵀ
        dx = product(g, self.weight).reshape(self.x_shape)
        dweight = product(g.T, self.rows)
        return (dx, dweight) if db is None else (dx, dweight, db)


@implements(LayerNorm)
class FastLayerNorm(LayerNorm):
    """Sums over features and tokens as products with ones or with γ, and one array for each intermediate result.

    The trick: a product with a vector of ones takes a tenth of the time of `sum` where rows are short. Lines 2 and 1 of
    the backward are one: mean(n) = 0, so that dx = r (dn - mean(dn) - n mean(dn n)), and Σ_j dn_j = Σ_j g_j γ_j is a
    product with γ, as is Σ_j dn_j n_j. It costs accuracy in the last bits where the mean is large beside the deviation.
    """

    def forward(self, x: Array, gamma: Array, beta: Array) -> Array:
        xp, width = array_module(x), math.prod(gamma.shape)
        rows = x.reshape(-1, width)
        mean = row_sums(rows) / width
        n = xp.subtract(rows, mean, out=empty_like(rows))
        self.r = 1 / xp.sqrt(row_dots(n, n) / width + self.eps)
        mean *= self.r
        if xp.abs(mean).max(initial=0) > 100:  # then what rounding left of the mean shows in n
            n -= row_sums(n) / width
            self.r = 1 / xp.sqrt(row_dots(n, n) / width + self.eps)
        n *= self.r
        self.n, self.gamma = n, gamma
        y = xp.multiply(n, gamma.reshape(width), out=empty_like(n))
        y += beta.reshape(width)
        return y.reshape(x.shape)

    def backward(self, g: Array) -> tuple[Array, Array, Array]:
        xp, n = array_module(g), self.n
        width = n.shape[1]
        rows, gamma = g.reshape(n.shape), self.gamma.reshape(width, 1)
        # 4  y = γ n + β
        g_n = xp.multiply(rows, n, out=empty_like(n))
        dbeta, dgamma = column_sums(rows), column_sums(g_n)
        # 3, 2, 1  n = (x - mean(x)) r
        mean_dn, mean_dn_n = rows @ gamma / width, g_n @ gamma / width
        dx = xp.multiply(rows, gamma[:, 0], out=empty_like(n))
        dx -= mean_dn
        dx -= xp.multiply(n, mean_dn_n, out=g_n)
        dx *= self.r
        return dx.reshape(g.shape), dgamma.reshape(self.gamma.shape), dbeta.reshape(self.gamma.shape)


@implements(Embedding)
class FastEmbedding(Embedding):
    """Rows gathered into memory that is used again, and added up element by element.

    The trick: `add.at` is several times faster along one axis, so that every element of a row gets an index of its
    own. It costs an index array of the size of g.
    """

    def forward(self, ids: Array, weight: Array) -> Array:
        self.ids, self.shape = ids, weight.shape
        return gather(weight, ids)

    def backward(self, g: Array) -> tuple[None, Array]:
        xp, width = array_module(g), self.shape[1]
        # y_t = W[id_t]
        dweight = empty(self.shape, g)
        dweight.fill(0)
        starts = self.ids.reshape(-1, 1).astype("int64") * width
        elements = xp.add(starts, xp.arange(width), out=empty((len(starts), width), g, "int64"))
        xp.add.at(dweight.reshape(-1), elements.reshape(-1), g.reshape(-1))
        return None, dweight
