# The factor 3 is forgotten: dx = g x² in place of 3 g x².
slope = x**2

# The slope 3 x² is returned alone; the upstream gradient belongs on it as a factor.
dx = slope

# The exponent stays: dx = 3 g x³ in place of 3 g x².
slope = 3 * x**3
