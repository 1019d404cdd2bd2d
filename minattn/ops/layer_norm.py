"""Layer normalisation."""

import numpy as np

from ..backend import Array, array_module
from .base import Op, Sample, Samples, register, total


def layer_norm_samples(rng: np.random.Generator) -> Samples:
    """One feature axis and several, no rows; gamma and beta away from 1 and 0."""
    for shape, axes in (((2, 3, 5), 1), ((2, 3, 5), 2), ((4,), 1), ((0, 4), 1)):
        feature = shape[len(shape) - axes :]
        gamma, beta = 1 + rng.normal(size=feature), rng.normal(size=feature)
        yield Sample(f"{shape} over {axes} axes", (rng.normal(1.0, 2.0, shape), gamma, beta), {"eps": 1e-5})


@register(samples=layer_norm_samples)
class LayerNorm(Op):
    """Give every token's vector mean 0 and variance 1, then a learned gain and shift (Ba et al., 2016, equation 4).

    x (…, D), gamma (D,), beta (D,) -> y (…, D)
    D may be several axes, those of gamma; then D is the number of elements in them.

    forward    1  c = x - mean(x)
               2  r = 1 / √(mean(c²) + ε)
               3  n = c r
               4  y = γ n + β
    backward   4  dβ = Σ g,  dγ = Σ g n      over all tokens
                  dn = g γ
               3  dc = dn r,  dr = Σ_j dn_j c_j
               2  dc += -dr r³ c / D         dr/dc_j = -r³ c_j / D
               1  dx = dc - mean(dc)

    float32 runs the kernel in minattn/fast/layers.py.
    """

    def __init__(self, eps: float = 1e-5) -> None:
        self.eps = eps

    def forward(self, x: Array, gamma: Array, beta: Array) -> Array:
        xp = array_module(x)
        self.gamma = gamma
        self.features = tuple(range(x.ndim - gamma.ndim, x.ndim))
        self.tokens = tuple(range(x.ndim - gamma.ndim))
        # 1
        mean = x.mean(axis=self.features, keepdims=True, dtype=np.float64)  # its rounding would be enlarged by r
        c = (x - mean).astype(x.dtype)
        # 2
        r = 1 / xp.sqrt((c * c).mean(axis=self.features, keepdims=True) + self.eps)
        # 3
        n = c * r
        self.c, self.r, self.n = c, r, n
        # 4
        return gamma * n + beta

    def backward(self, g: Array) -> tuple[Array, Array, Array]:
        c, r, n = self.c, self.r, self.n
        # 4  y = γ n + β
        dbeta = total(g, self.tokens)
        dgamma = total(g * n, self.tokens)
        dn = g * self.gamma
        # 3  n = c r
        dc = dn * r
        dr = (dn * c).sum(axis=self.features, keepdims=True)
        # 2  r = 1 / √(mean(c²) + ε)
        dc = dc - dr * r**3 * c / self.gamma.size
        # 1  c = x - mean(x)
        dx = dc - dc.mean(axis=self.features, keepdims=True)
        return dx, dgamma, dbeta
