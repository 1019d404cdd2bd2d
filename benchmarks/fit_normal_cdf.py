"""Where the coefficients in `minattn/ops/erf.py` come from.

    pip install mpmath && python benchmarks/fit_normal_cdf.py

float32: Φ(x) = (1 + tanh(x P(x²))) / 2. P is a least-squares fit on Chebyshev nodes, weighted anew many times by its
own error (Lawson, 1961), which makes the largest error small.
float64: 1 - Φ(x) = exp(-x²/2) P(t), t = 1 / (1 + p x), for x ≥ 0. P has no constant term; P(t) / t interpolates at
Chebyshev nodes, in 50 digits; p was chosen from a grid as the one with the smallest error.
Prints the largest error of each fit, evaluated in float64, and the coefficients.
"""

import math

import mpmath as mp
import numpy as np

mp.mp.dps = 50
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


def fit_tail(p: float, terms: int, largest_x: float) -> tuple[float, list[float]]:
    """The largest error of Φ, and the coefficients of t, t², … for 0 ≤ x ≤ largest_x."""
    low = 1 / (1 + mp.mpf(p) * largest_x)
    nodes = [low + (1 - low) * (mp.cos(mp.pi * (2 * k + 1) / (2 * terms)) + 1) / 2 for k in range(terms)]
    powers, wanted = mp.matrix(terms, terms), mp.matrix(terms, 1)
    for i, t in enumerate(nodes):
        x = (1 / t - 1) / p
        wanted[i] = mp.erfc(x / mp.sqrt(2)) / 2 * mp.exp(x * x / 2) / t
        for j in range(terms):
            powers[i, j] = t**j
    coefficients = [float(c) for c in mp.lu_solve(powers, wanted)]
    x = np.linspace(0, largest_x, 20001)
    tail = np.exp(-x * x / 2) * np.polynomial.polynomial.polyval(1 / (1 + p * x), [0.0, *coefficients])
    return float(abs(tail - erfc(x / math.sqrt(2)) / 2).max()), coefficients


if __name__ == "__main__":
    for name, (error, coefficients) in (("float32", fit_tanh(7, 6)), ("float64, p = 0.23", fit_tail(0.23, 18, 9))):
        print(f"{name}: error {error:.1e}")
        print(*coefficients, sep="\n")
