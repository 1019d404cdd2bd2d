# [variant] r is treated as a constant; it changes with every number of its token, which is the way by dr.
dc = dn * r

# [variant, -rms] The mean was taken away from every x, and it is not taken away from dc.
dx = dc.copy()

# [variant] dgamma is a mean over the tokens; each of them used gamma in full, so that it is the sum.
dgamma = (g * n).reshape(-1, width).mean(axis=0)

# [variant] The gain is missing on the way to n: dn is g, as if y were n + beta.
dn = g

# [variant] The 1/D of the mean square is missing in what dr sends to c.
dc = dn * r - dr * r**3 * c / width * width
