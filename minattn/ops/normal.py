"""The normal distribution's cumulative probability, which NumPy lacks, and its density."""

import math

from ..backend import Array, array_module

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
    density: Array = array_module(x).exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return density
