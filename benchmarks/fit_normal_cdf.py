"""Where the coefficients in `minattn/ops/erf.py` come from: 1 - Φ(x) = exp(-x²/2) P(t), t = 1 / (1 + p x), for x ≥ 0.

    pip install mpmath && python benchmarks/fit_normal_cdf.py

P has no constant term; P(t) / t interpolates at Chebyshev nodes, in 50 digits. Prints p, the largest error of the fit
evaluated in float64, and the coefficients; p was chosen from a grid as the one with the smallest error.
"""

import math

import mpmath as mp
import numpy as np

mp.mp.dps = 50


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


def largest_error(p: float, coefficients: list[float], largest_x: float) -> float:
    """Against the C library's erfc."""
    x = np.linspace(0, largest_x, 20001)
    t = 1 / (1 + p * x)
    tail = np.exp(-x * x / 2) * np.polynomial.polynomial.polyval(t, [0.0, *coefficients])
    return max(abs(a - math.erfc(b / math.sqrt(2)) / 2) for a, b in zip(tail, x, strict=True))


if __name__ == "__main__":
    for name, p, terms, largest_x in (("single", 0.25, 7, 6), ("double", 0.23, 18, 9)):
        coefficients = fit(p, terms, largest_x)
        print(f"{name}: p = {p}, error {largest_error(p, coefficients, largest_x):.1e}")
        print(*coefficients, sep="\n")
