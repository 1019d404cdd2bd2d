"""De-embedding and cross-entropy in one array."""

import numpy as np

from ..backend import Array, array_module
from ..ops.base import as_rows
from ..ops.cross_entropy import LinearCrossEntropy
from ..ops.kernels import implements
from .products import Exponential, blocks, fastest_exponential, is_moderate, product, row_sums
from .workspace import empty, empty_like


@implements(LinearCrossEntropy)
class FastLinearCrossEntropy(LinearCrossEntropy):
    """Logits, probabilities and their gradient take turns in one (N, V) array, a block of rows at a time.

    The trick: the logits turn into u while a block of them is in the cache; dl / z is multiplied to the narrow x and
    dx instead of the wide u; where NumPy is quicker at powers of 2, exp(s) is 2^(s log₂ e) with the factor in x and b.
    The largest s of a row is subtracted only where z shows that without it something came near to overflow. Rows that
    are ignored are never scored.

    forward    1  s = x Wᵀ + b
               2  z = Σ exp(s)                                for each row
               3  l = ln z - (1 - ε) s_y - ε mean(s)
               4  loss = Σ l / N, or Σ l
    backward   4  dl = g / N, or g
               3  ds = dl (exp(s) / z - (1 - ε) onehot(y) - ε/V)
                     = (dl / z) u,  u = exp(s) - z ((1 - ε) onehot(y) + ε/V)
               1  dx = ds W,  dW = dsᵀ x,  db = Σ ds
    """

    block = 1 << 17
    """Logits that go through the cache at a time. The product itself is not cut: in few rows it takes twice as long."""
    exponential: Exponential = fastest_exponential()

    def forward(self, x: Array, weight: Array, targets: Array, bias: Array | None = None) -> Array:
        xp = array_module(x)
        self.shape, self.weight, self.has_bias = x.shape, weight, bias is not None
        rows, y = as_rows(x), targets.reshape(-1)
        self.counted = xp.flatnonzero(y != self.ignore_index)
        self.length, self.skips = len(y), len(self.counted) < len(y)
        self.x, y = (rows[self.counted], y[self.counted]) if self.skips else (rows, y)

        # s in the unit of the exponential
        unit = self.exponential.unit
        scaled = self.x if unit == 1 else xp.multiply(self.x, unit, out=empty_like(self.x))
        self.u, self.z, losses = product(scaled, weight.T), empty((len(y), 1), x), empty((len(y),), x)
        scaled_bias = None if bias is None else bias * unit
        for part in blocks(self.u, len(y), self.block // len(weight)):
            found = self._moderate(scaled_bias, y[part], self.u[part], self.z[part])
            losses[part] = (
                self._shifted(self.x[part], bias, y[part], self.u[part], self.z[part]) if found is None else found
            )
        if self.reduction == "none":
            return self._everywhere(losses).reshape(targets.shape)
        return losses.sum() if self.reduction == "sum" else losses.sum() / xp.asarray(len(y), dtype=losses.dtype)

    def _moderate(self, bias: Array | None, y: Array, s: Array, z: Array) -> Array | None:
        """l of some rows, whose s in the unit turn into u in place; z is filled. None where s is too large for this."""
        xp = array_module(s)
        if bias is not None:
            s += bias
        wanted = self._wanted(s, y)
        with np.errstate(over="ignore"):
            exp = self.exponential(s)
            z[...] = row_sums(exp)
        if not is_moderate(z):
            return None
        self._subtract_wanted(exp, y, z)
        return xp.log(z[:, 0]) - wanted / self.exponential.unit

    def _shifted(self, x: Array, bias: Array | None, y: Array, s: Array, z: Array) -> Array:
        """The same, for s of any size, which are computed again without the unit."""
        xp = array_module(s)
        xp.matmul(x, self.weight.T, out=s)
        if bias is not None:
            s += bias
        s -= s.max(axis=-1, keepdims=True)
        wanted = self._wanted(s, y)
        exp = xp.exp(s, out=s)
        z[...] = row_sums(exp)
        self._subtract_wanted(exp, y, z)
        return xp.log(z[:, 0]) - wanted

    def _wanted(self, s: Array, y: Array) -> Array:
        """(1 - ε) s_y + ε mean(s) of each row."""
        eps = self.label_smoothing
        wanted = (1 - eps) * s[array_module(s).arange(len(y)), y]
        return wanted + eps / s.shape[1] * row_sums(s)[:, 0] if eps else wanted

    def _subtract_wanted(self, exp: Array, y: Array, z: Array) -> None:
        """Turn exp(s) into u."""
        eps = self.label_smoothing
        if eps:
            exp -= z * (eps / exp.shape[1])
        exp[array_module(exp).arange(len(y)), y] -= (1 - eps) * z[:, 0]

    def backward(self, g: Array) -> tuple[Array | None, ...]:
        # 4  loss = Σ l / N
        dl = g.reshape(-1, 1)
        if self.reduction == "mean":
            dl = dl / len(self.x)
        elif self.reduction == "none" and self.skips:
            dl = dl[self.counted]
        # 3  l = ln z - (1 - ε) s_y - ε mean(s)
        scale = dl / self.z
        # 1  s = x Wᵀ + b
        dx = product(self.u, self.weight)
        dx *= scale
        dx = self._everywhere(dx).reshape(self.shape)
        dweight = product(self.u.T, array_module(g).multiply(self.x, scale, out=empty_like(self.x)))
        dbias = (scale.T @ self.u).reshape(-1)
        return (dx, dweight, None, dbias) if self.has_bias else (dx, dweight, None)

    def _everywhere(self, counted: Array) -> Array:
        """Rows that count, in their places; 0 in the others."""
        if not self.skips:
            return counted
        full = empty((self.length, *counted.shape[1:]), counted)
        full.fill(0)
        full[self.counted] = counted
        return full
