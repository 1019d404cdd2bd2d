"""Dropout."""

from ..backend import Array, array_module
from ..fast import empty_like
from .base import Op, register
from .samples import dropout_samples


@register(samples=dropout_samples)
class Dropout(Op):
    """Set a share p of the elements to 0 and scale the others up, so that the mean stays (Srivastava et al., 2014).

    x, keep (boolean, like x) -> y, like x. Which elements are kept is drawn outside (`F.dropout`), so that the op is a
    plain function and can be checked.

    forward    y = x keep / (1 - p)
    backward   dx = g keep / (1 - p)      the same elements, the same scale
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def forward(self, x: Array, keep: Array) -> Array:
        scale = 1 / (1 - self.p) if self.p < 1 else 0.0
        xp = array_module(x)
        self.factor = xp.multiply(keep, x.dtype.type(scale), out=empty_like(x))
        return xp.multiply(x, self.factor, out=empty_like(x))

    def backward(self, g: Array) -> tuple[Array, None]:
        # y = x keep / (1 - p)
        return array_module(g).multiply(g, self.factor, out=empty_like(g)), None
