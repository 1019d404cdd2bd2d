"""Functions of one number, applied to every element."""

import math

import numpy as np

from ..backend import Array, array_module
from .base import Op, Sample, Samples, register
from .normal import normal_cdf, normal_density


def single_samples(rng: np.random.Generator) -> Samples:
    """A matrix, a number, one element, none."""
    for shape in ((3, 4), (), (1,), (2, 0, 3)):
        yield Sample(f"shape {shape}", (rng.normal(size=shape),))


def relu_samples(rng: np.random.Generator) -> Samples:
    """On both sides of the kink."""
    x = rng.normal(size=(4, 5))
    yield Sample("away from the kink", (x + 0.1 * np.sign(x),))
    yield Sample("all negative", (-1 - rng.random((2, 3)),))


def gelu_samples(rng: np.random.Generator) -> Samples:
    """Both forms."""
    for approximate in ("none", "tanh"):
        yield Sample(approximate, (2 * rng.normal(size=(4, 5)),), {"approximate": approximate})
        yield Sample(f"{approximate}, no rows", (rng.normal(size=(0, 5)),), {"approximate": approximate})


def positive_samples(rng: np.random.Generator) -> Samples:
    """Positive numbers."""
    for shape in ((3, 4), (), (0,)):
        yield Sample(f"shape {shape}", (np.asarray(0.5 + rng.random(shape)),))


def dropout_samples(rng: np.random.Generator) -> Samples:
    """None, some, all dropped."""
    for p in (0.0, 0.3, 1.0):
        yield Sample(f"p {p}", (rng.normal(size=(4, 5)), rng.random((4, 5)) >= p), {"p": p})


@register(samples=single_samples)
class Negate(Op):
    """Change the sign.

    x -> y, same shape

    forward    y = -x
    backward   dx = -g
    """

    def forward(self, x: Array) -> Array:
        return -x

    def backward(self, g: Array) -> Array:
        # y = -x
        return -g


@register(samples=single_samples)
class Exp(Op):
    """Raise e to x.

    x -> y, same shape

    forward    y = e^x
    backward   dx = g e^x = g y
    """

    def forward(self, x: Array) -> Array:
        self.y = array_module(x).exp(x)
        return self.y

    def backward(self, g: Array) -> Array:
        # y = e^x
        return g * self.y

    def explain(self, x: Array) -> str | None:
        largest = float(x.max()) if x.size else 0.0
        limit = math.log(float(array_module(x).finfo(x.dtype).max))
        return f"exp({largest:.4g}) overflows {x.dtype} above {limit:.1f}" if largest > limit else None


@register(samples=positive_samples)
class Log(Op):
    """Take the natural logarithm.

    x -> y, same shape

    forward    y = ln x
    backward   dx = g / x
    """

    def forward(self, x: Array) -> Array:
        self.x = x
        return array_module(x).log(x)

    def backward(self, g: Array) -> Array:
        # y = ln x
        return g / self.x

    def explain(self, x: Array) -> str | None:
        if (x == 0).any():
            return "log of 0"
        return "log of a negative number" if (x < 0).any() else None


@register(samples=positive_samples)
class Sqrt(Op):
    """Take the square root.

    x -> y, same shape

    forward    y = √x
    backward   dx = g / (2 √x) = g / (2 y)
    """

    def forward(self, x: Array) -> Array:
        self.y = array_module(x).sqrt(x)
        return self.y

    def backward(self, g: Array) -> Array:
        # y = √x
        return g / (2 * self.y)

    def explain(self, x: Array) -> str | None:
        if (x < 0).any():
            return "square root of a negative number"
        return "the square root has an infinite slope at 0" if (x == 0).any() else None


@register(samples=single_samples)
class Tanh(Op):
    """Squash x into (-1, 1).

    x -> y, same shape

    forward    y = tanh x
    backward   dx = g (1 - y²)
    """

    def forward(self, x: Array) -> Array:
        self.y = array_module(x).tanh(x)
        return self.y

    def backward(self, g: Array) -> Array:
        # y = tanh x
        return g * (1 - self.y * self.y)


@register(samples=single_samples)
class Sigmoid(Op):
    """Squash x into (0, 1).

    x -> y, same shape

    forward    1  e = exp(-|x|)      cannot overflow
               2  y = 1 / (1 + e) where x >= 0, else e / (1 + e)
    backward   dx = g y (1 - y)
    """

    def forward(self, x: Array) -> Array:
        xp = array_module(x)
        e = xp.exp(-xp.abs(x))
        self.y = xp.where(x >= 0, xp.ones_like(e), e) / (1 + e)
        return self.y

    def backward(self, g: Array) -> Array:
        # y = 1 / (1 + e^-x)
        return g * self.y * (1 - self.y)


@register(samples=relu_samples)
class ReLU(Op):
    """Cut off what is negative.

    x -> y, same shape

    forward    y = max(x, 0)
    backward   dx = g where x > 0, else 0      at the kink x = 0 any slope in [0, 1] is right; 0 is the custom
    """

    def forward(self, x: Array) -> Array:
        self.positive = x > 0
        return array_module(x).maximum(x, 0)

    def backward(self, g: Array) -> Array:
        # y = max(x, 0)
        return g * self.positive


@register(samples=gelu_samples)
class GELU(Op):
    """Weigh x by the probability that a standard normal number is below it (Hendrycks and Gimpel, 2016).

    x -> y, same shape

    forward    1  Φ = (1 + erf(x/√2)) / 2
               2  y = x Φ
    backward   2  dx = g Φ,  dΦ = g x
               1  dx += dΦ φ(x)      φ(x) = exp(-x²/2) / √(2π) = dΦ/dx

    approximate="tanh" has another Φ, and with it another slope in line 1:
               1  u = √(2/π) (x + 0.044715 x³),  Φ = (1 + tanh u) / 2
               1  dΦ/du = 2 Φ (1 - Φ),  du/dx = √(2/π) (1 + 3 · 0.044715 x²)
    """

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, x: Array) -> Array:
        self.x = x
        # 1
        self.cdf = normal_cdf(x) if self.approximate == "none" else tanh_cdf(x)
        # 2
        return x * self.cdf

    def backward(self, g: Array) -> Array:
        x, cdf = self.x, self.cdf
        # 2  y = x Φ
        dx = g * cdf
        dcdf = g * x
        # 1  Φ
        density = normal_density(x) if self.approximate == "none" else tanh_density(x, cdf)
        return dx + dcdf * density


def tanh_cdf(x: Array) -> Array:
    """The approximation of Φ by a hyperbolic tangent."""
    u = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    return (1 + array_module(x).tanh(u)) / 2


def tanh_density(x: Array, cdf: Array) -> Array:
    """Its slope."""
    return 2 * cdf * (1 - cdf) * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2)


@register(samples=dropout_samples)
class Dropout(Op):
    """Set a share p of the elements to 0 and scale the others up, so that the mean stays (Srivastava et al., 2014).

    x, keep (boolean, like x) -> y, like x
    Which elements are kept is drawn outside (`F.dropout`), so that the op is a plain function and can be checked.

    forward    y = x keep / (1 - p)
    backward   dx = g keep / (1 - p)      the same elements, the same scale
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def forward(self, x: Array, keep: Array) -> Array:
        scale = 1 / (1 - self.p) if self.p < 1 else 0.0  # where all are dropped
        self.factor = keep.astype(x.dtype) * scale
        return x * self.factor

    def backward(self, g: Array) -> tuple[Array, None]:
        # y = x keep / (1 - p)
        return g * self.factor, None
