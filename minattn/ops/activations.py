"""What stands between the products of a network: squashing functions, GELU, dropout."""

import math

import numpy as np

from ..backend import Array, array_module
from .base import Op, Sample, Samples, register
from .pointwise import single_samples

# p, then the coefficients of P, from benchmarks/fit_normal_cdf.py. Largest relative error of the tail: 4e-7 and 6e-16
SINGLE = (
    *(0.3, 0.11961443531444484, 0.12099556124893672, 0.09832776816373141),
    *(0.1340211483156732, -0.06437430307422475, 0.21831545808201844, -0.16431851707349807),
    *(0.03741848191533915,),
)
DOUBLE = (
    *(0.23, 0.09175672449195384, 0.09175672453088818, 0.08690279208021516),
    *(0.07719497545641782, 0.06340272308503632, 0.04707799674719887, 0.030216738741761492),
    *(0.015935931045406918, 0.0009561390217028625, 0.01161527153760488, -0.05356234934771026),
    *(0.13667635095077416, -0.32046322694787127, 0.5896300711477765, -0.8596885197766263),
    *(0.9905876521499444, -0.8721260216039842, 0.5662048015408111, -0.26130052452341007),
    *(0.08116374498400113, -0.01525187084267499, 0.0013138755307835225),
)


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


def dropout_samples(rng: np.random.Generator) -> Samples:
    """None, some, all dropped."""
    for p in (0.0, 0.3, 1.0):
        yield Sample(f"p {p}", (rng.normal(size=(4, 5)), rng.random((4, 5)) >= p), {"p": p})


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

    float32 runs the kernel in minattn/fast/elementwise.py.
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


def normal_cdf(x: Array) -> Array:
    """Φ(x) = (1 + erf(x/√2)) / 2, elementwise, to the precision of the dtype also where Φ is tiny.

    For x ≥ 0 the upper tail is 1 - Φ(x) = exp(-x²/2) P(t), with t = 1 / (1 + p x) and a polynomial P without a constant
    term: the form of Hastings (1955) in Abramowitz and Stegun, 26.2.17. Φ(-x) is the same tail.

    Args:
        x: any shape, floating-point

    >>> import numpy as np
    >>> normal_cdf(np.array([-10.0, 0.0, 1.0]))
    array([7.61985302e-24, 5.00000000e-01, 8.41344746e-01])
    """
    xp = array_module(x)
    p, *coefficients = SINGLE if x.dtype.itemsize <= 4 else DOUBLE
    t = 1 / (1 + p * xp.abs(x))
    polynomial = xp.zeros_like(x)
    for c in reversed(coefficients):
        polynomial = (polynomial + c) * t
    tail = xp.exp(-x * x / 2) * polynomial
    return xp.where(x < 0, tail, 1 - tail)


def normal_density(x: Array) -> Array:
    """φ(x) = exp(-x²/2) / √(2π), the slope of Φ; x of any shape, floating-point."""
    return array_module(x).exp(-x * x / 2) / math.sqrt(2 * math.pi)


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

    float32 runs the kernel in minattn/fast/elementwise.py.
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
