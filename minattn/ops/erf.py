"""The normal distribution's cumulative probability, which NumPy lacks, and its density."""

import math

import numpy as np

from ..backend import Array, array_module
from ..fast import LOG2_E, empty_like

# The coefficients were fitted by benchmarks/fit_normal_cdf.py.

# Φ(x) = (1 + tanh(x P(x²))) / 2; the coefficients of P. Largest error of the fit 2.9e-8, enough for float32.
_SINGLE = (
    *(0.7978849414874148, 0.03633308441593399, -3.259475020799549e-05, -5.530631512449444e-05),
    *(3.964772966328884e-06, -1.3226627274894996e-07, 1.7562775113359396e-09),
)
# For x ≥ 0 the upper tail is 1 - Φ(x) = exp(-x²/2) P(t), with t = 1 / (1 + p x) and P without a constant term: the form
# of Hastings (1955) in Abramowitz and Stegun, 26.2.17. p, then the coefficients of t, t², … Largest error 3.4e-16.
_DOUBLE = (
    *(0.23, 0.09175696944932613, 0.09174923244866737, 0.08700931975230226, 0.07626085442310052),
    *(0.06905131623983775, 0.02213834626926381, 0.11320011595727232, -0.19562274214854095),
    *(0.41662689867884134, -0.6163896957176391, 0.6728068232464787, -0.5207413301106223),
    *(0.2234294049592578, 0.007956108446356032, -0.07007734440277502, 0.0403607072536405),
    *(-0.010665876648862841, 0.0011508919040958204),
)


def normal_cdf(x: Array, out: Array | None = None) -> Array:
    """Φ(x) = (1 + erf(x/√2)) / 2, elementwise; the absolute error is below 2e-7 in float32 and 1e-15 in float64.

    x: any shape, float32 or float64; the result is put into `out`, an array like x, if given.
    """
    out = empty_like(x) if out is None else out
    return _single_cdf(x, out) if x.dtype == array_module(x).float32 else _double_cdf(x, out)


def normal_density(x: Array, out: Array | None = None) -> Array:
    """φ(x) = exp(-x²/2) / √(2π), the slope of Φ; arguments likewise."""
    xp = array_module(x)
    density = xp.multiply(x, x, out=empty_like(x) if out is None else out)
    density *= -0.5 * LOG2_E
    density -= 0.5 * math.log2(2 * math.pi)
    xp.exp2(density, out=density)
    return density


def _single_cdf(x: Array, out: Array) -> Array:
    xp = array_module(x)
    with np.errstate(over="ignore"):  # far out the polynomial overflows, and tanh(±∞) = ±1 is right
        square = xp.multiply(x, x, out=empty_like(x))
        xp.multiply(square, _SINGLE[-1], out=out)
        for c in reversed(_SINGLE[1:-1]):
            out += c
            out *= square
        out += _SINGLE[0]
        out *= x
    xp.tanh(out, out=out)
    out *= 0.5
    out += 0.5
    return out


def _double_cdf(x: Array, out: Array) -> Array:
    xp = array_module(x)
    p, *coefficients = _DOUBLE
    t = xp.abs(x, out=empty_like(x))
    t *= p
    t += 1
    xp.reciprocal(t, out=t)

    tail = xp.multiply(t, coefficients[-1], out=out)
    for c in reversed(coefficients[:-1]):
        tail += c
        tail *= t
    tail *= normal_density(x, out=t)
    tail *= math.sqrt(2 * math.pi)

    # 1 - tail for x > 0, tail below: 1/2 plus a half minus the tail, with the sign of x
    cdf = xp.subtract(0.5, tail, out=tail)
    xp.copysign(cdf, x, out=cdf)
    cdf += 0.5
    return cdf
