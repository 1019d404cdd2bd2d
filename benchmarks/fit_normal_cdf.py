"""Where the coefficients in `minattn/ops/activations.py` and `minattn/fast/elementwise.py` come from.

    pip install mpmath && python benchmarks/fit_normal_cdf.py

HALF_LOG_ODDS: Φ(x) = (1 + tanh(x P(x²))) / 2. P is a least-squares fit on Chebyshev nodes, weighted anew many times by
its own error (Lawson, 1961), which makes the largest error small.
SINGLE and DOUBLE: 1 - Φ(x) = exp(-x²/2) P(t), t = 1 / (1 + p x), for x ≥ 0. P has no constant term; P(t) / t
interpolates at Chebyshev nodes in 60 digits, up to an x at which the tail underflows; p was chosen from a grid as the
one with the smallest error.
Prints the largest error of each fit, evaluated in float64, relative for the tails, and its coefficients; for the
tails p first.
"""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import mpmath as mp

erf, erfc = np.vectorize(math.erf), np.vectorize(math.erfc)


def fit_tanh(terms: int, largest_x: float, rounds: int = 200) -> tuple[float, list[float]]:
    """The largest error of Φ, and the coefficients of 1, x², x⁴, …"""
    nodes = largest_x * (0.5 - 0.5 * np.cos(np.pi * (np.arange(4000) + 0.5) / 4000))
    x = nodes[nodes > 1e-4]
    e = erf(x / math.sqrt(2))
    wanted = 0.5 * (np.log1p(e) - np.log(erfc(x / math.sqrt(2)))) / x  # atanh(erf(x/√2)) / x
    slope = 0.5 * x * (1 - e * e)  # of Φ with respect to P
    basis = np.polynomial.chebyshev.chebvander(2 * (x / largest_x) ** 2 - 1, terms - 1)
    weights, best = np.ones_like(x), (math.inf, np.zeros(terms))
    for _ in range(rounds):
        scale = slope * np.sqrt(weights)
        fitted = np.linalg.lstsq(basis * scale[:, None], wanted * scale, rcond=None)[0]
        error = 0.5 * abs(np.tanh(x * (basis @ fitted)) - e)
        best = min(best, (float(error.max()), fitted), key=lambda pair: pair[0])
        weights *= error / error.max() + 1e-3
        weights /= weights.sum()
    series = np.polynomial.chebyshev.Chebyshev(best[1], domain=[0, largest_x**2])
    return best[0], series.convert(kind=np.polynomial.Polynomial).coef.tolist()


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
    error, coefficients = fit_tanh(7, 6)
    print(f"HALF_LOG_ODDS: error {error:.1e}")
    print(*coefficients, sep="\n")
    for name, p, terms, largest_x in (("SINGLE", 0.3, 8, 14), ("DOUBLE", 0.23, 22, 38)):
        coefficients = fit(p, terms, largest_x)
        print(f"{name}: relative error {relative_error(p, coefficients, largest_x):.1e}")
        print(p, *coefficients, sep="\n")
