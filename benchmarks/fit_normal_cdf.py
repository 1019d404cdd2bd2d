"""Where the coefficients in `minattn/ops/activations.py` come from.

    pip install mpmath && python benchmarks/fit_normal_cdf.py

SINGLE and DOUBLE: 1 - Φ(x) = exp(-x²/2) P(t), t = 1 / (1 + p x), for x ≥ 0. P has no constant term; P(t) / t
interpolates at Chebyshev nodes in 60 digits, up to an x at which the tail underflows; p was chosen from a grid as the
one with the smallest error.
Prints the largest relative error of each fit, evaluated in float64, p and the coefficients.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import mpmath as mp


def scaled_tail(x: float) -> mp.mpf:
    """(1 - Φ(x)) exp(x²/2)."""
    exact = mp.mpf(float(x))
    return mp.erfc(exact / mp.sqrt(2)) / 2 * mp.exp(exact * exact / 2)


def fit(p: float, terms: int, largest_x: float) -> list[float]:
    """The coefficients of t, t², … for 0 ≤ x ≤ largest_x."""
    low = 1 / (1 + mp.mpf(p) * largest_x)
    nodes = [low + (1 - low) * (mp.cos(mp.pi * (2 * k + 1) / (2 * terms)) + 1) / 2 for k in range(terms)]
    powers, wanted = mp.matrix(terms, terms), mp.matrix(terms, 1)
    for i, t in enumerate(nodes):
        x = (1 / t - 1) / p
        wanted[i] = mp.erfc(x / mp.sqrt(2)) / 2 * mp.exp(x * x / 2) / t
        for j in range(terms):
            powers[i, j] = t**j
    return [float(c) for c in mp.lu_solve(powers, wanted)]


def relative_error(p: float, coefficients: list[float], largest_x: float) -> float:
    """The largest relative error of the tail."""
    x = np.linspace(0, largest_x, 2000)
    fitted = np.polynomial.polynomial.polyval(1 / (1 + p * x), [0.0, *coefficients])
    exact = np.array([float(scaled_tail(each)) for each in x])
    return float(np.max(abs(fitted - exact) / exact))


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    import mpmath as mp

    mp.mp.dps = 60
    for name, p, terms, largest_x in (("SINGLE", 0.3, 8, 14), ("DOUBLE", 0.23, 22, 38)):
        coefficients = fit(p, terms, largest_x)
        print(f"{name}: relative error {relative_error(p, coefficients, largest_x):.1e}")
        print(p, *coefficients, sep="\n")
