"""Layer normalisation."""

import math

from ..backend import Array, array_module
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
        n = x.reshape(-1, width)
        n = n - n.mean(axis=-1, keepdims=True)
        variance = (n * n).mean(axis=-1, keepdims=True)
        self.r = 1 / xp.sqrt(variance + self.eps)
        n *= self.r
        self.n, self.gamma = n, gamma
        y = n * gamma.reshape(width)
        y += beta.reshape(width)
        return y.reshape(x.shape)

    def backward(self, g: Array) -> tuple[Array, Array, Array]:
        n, gamma = self.n, self.gamma
        rows = g.reshape(n.shape)
        # y = γ n + β
        dbeta = rows.sum(axis=0)
        dgamma = (rows * n).sum(axis=0)
        dn = rows * gamma.reshape(-1)
        # n = (x - mean(x)) r
        dx = dn - dn.mean(axis=-1, keepdims=True)
        dn *= n
        dx -= n * dn.mean(axis=-1, keepdims=True)
        dx *= self.r
        return dx.reshape(g.shape), dgamma.reshape(gamma.shape), dbeta.reshape(gamma.shape)
