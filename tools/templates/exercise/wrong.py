"""Wrong ways to fill the gap, each with the sentence that answers it."""


def factor_forgotten(g, x):
    """The factor 3 is forgotten: dx = g x² in place of 3 g x²."""
    dx = g * x**2
    return dx


def upstream_ignored(g, x):
    """The slope 3 x² is returned alone; the upstream gradient belongs on it as a factor."""
    dx = 3 * x**2
    return dx


def exponent_kept(g, x):
    """The exponent stays: dx = 3 g x³ in place of 3 g x²."""
    dx = 3 * g * x**3
    return dx
