"""The linear layer's product for all tokens at once."""

from ..backend import Array
from ..ops.base import as_rows
from ..ops.kernels import implements
from ..ops.linear_algebra import Linear
from .products import column_sums, product


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
