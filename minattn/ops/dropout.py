"""Dropout."""

from ..backend import Array
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
        self.factor = keep.astype(x.dtype)
        self.factor *= scale
        return x * self.factor

    def backward(self, g: Array) -> tuple[Array, None]:
        # y = x keep / (1 - p)
        return g * self.factor, None
