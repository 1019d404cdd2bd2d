"""The normal distribution's cumulative probability, which NumPy lacks, from one exponential and one polynomial."""

import math

from ..backend import Array, array_module
from ..memory import empty_like
from .fast import LOG2_E

# For x ≥ 0 the upper tail is 1 - Φ(x) = exp(-x²/2) P(t), with t = 1 / (1 + p x) and P without a constant term: the form
# of Hastings (1955) in Abramowitz and Stegun, 26.2.17. The coefficients were fitted by
# benchmarks/fit_normal_cdf.py. Each row: p, then the coefficients of t, t², …
_SINGLE = (
    *(0.25, 0.09824538427832594, 0.11721074927428961, 0.006979485497296296, 0.3142354457007652),
    *(-0.3008575004193452, 0.3597993497380034, -0.09561293746858986),
)  # largest error of the fit 2.4e-8
_DOUBLE = (
    *(0.23, 0.09175696944932613, 0.09174923244866737, 0.08700931975230226, 0.07626085442310052),
    *(0.06905131623983775, 0.02213834626926381, 0.11320011595727232, -0.19562274214854095),
    *(0.41662689867884134, -0.6163896957176391, 0.6728068232464787, -0.5207413301106223),
    *(0.2234294049592578, 0.007956108446356032, -0.07007734440277502, 0.0403607072536405),
    *(-0.010665876648862841, 0.0011508919040958204),
)  # largest error of the fit 3.4e-16


def normal_cdf(x: Array, out: tuple[Array, Array] | None = None) -> tuple[Array, Array]:
    """Φ(x) = (1 + erf(x/√2)) / 2 and its slope φ(x) = exp(-x²/2) / √(2π), which it needs on the way.

    x: any shape, float32 or float64. Returns two arrays like x, those of `out` if given; the absolute error of Φ is
    below 2e-7 in float32 and 1e-15 in float64.
    """
    xp = array_module(x)
    p, *coefficients = _SINGLE if x.dtype == xp.float32 else _DOUBLE
    tail, bell = out or (empty_like(x), empty_like(x))

    xp.multiply(x, x, out=bell)
    bell *= -0.5 * LOG2_E
    xp.exp2(bell, out=bell)

    t = empty_like(x)
    xp.abs(x, out=t)
    t *= p
    t += 1
    xp.reciprocal(t, out=t)

    xp.multiply(t, coefficients[-1], out=tail)
    for c in reversed(coefficients[:-1]):
        tail += c
        tail *= t
    tail *= bell

    # 1 - tail for x > 0, tail below: 1/2 plus a half minus the tail, with the sign of x
    cdf = xp.subtract(0.5, tail, out=tail)
    xp.copysign(cdf, x, out=cdf)
    cdf += 0.5
    bell *= 1 / math.sqrt(2 * math.pi)
    return cdf, bell
