"""Layer normalisation."""

import math

from ..backend import Array, array_module
from ..fast import column_sums, empty_like, row_dots, row_sums
from .base import Op, register
from .samples import layer_norm_samples


@register(samples=layer_norm_samples)
class LayerNorm(Op):
    """Give every token's vector mean 0 and variance 1, then a learned gain and shift (Ba et al., 2016, equation 4).

    x (…, D), gamma (D,), beta (D,) -> y (…, D); D may be several axes, those of gamma

    forward    1  c = x - mean(x)
               2  r = 1 / √(mean(c²) + ε)
               3  n = c r
               4  y = γ n + β
    backward   4  dβ = Σ g,  dγ = Σ g n      over all tokens
                  dn = g γ
               3  dc = dn r,  dr = Σ dn c
               2  dr/dc_i = -r³ c_i / D
                  dc_i = r (dn_i - n_i Σ_j dn_j n_j / D)
               1  dx = dc - mean(dc), and mean(n) = 0, so
                  dx = r (dn - mean(dn) - n mean(dn n))
    """

    def __init__(self, eps: float = 1e-5) -> None:
        self.eps = eps

    def forward(self, x: Array, gamma: Array, beta: Array) -> Array:
        xp = array_module(x)
        width = math.prod(gamma.shape)
        rows = x.reshape(-1, width)
        n = xp.subtract(rows, row_sums(rows) / width, out=empty_like(rows))
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
        # y = γ n + β
        g_n = xp.multiply(rows, n, out=empty_like(n))
        dbeta, dgamma = column_sums(rows), column_sums(g_n)
        # n = (x - mean(x)) r, where Σ_j dn_j = Σ_j g_j γ_j is a product with γ
        mean_dn, mean_dn_n = rows @ gamma / width, g_n @ gamma / width
        dx = xp.multiply(rows, gamma[:, 0], out=empty_like(n))
        dx -= mean_dn
        dx -= xp.multiply(n, mean_dn_n, out=g_n)
        dx *= self.r
        return dx.reshape(g.shape), dgamma.reshape(self.gamma.shape), dbeta.reshape(self.gamma.shape)
