# [-variant] the Jacobian, row by row
dx = np.zeros_like(x)
for row in np.ndindex(x.shape[:-1]):
    jacobian = np.diag(p[row]) - np.outer(p[row], p[row])
    dx[row] = jacobian @ g[row]

# [-variant] einsum
dx = p * g - np.einsum("...i,...i,...j->...j", g, p, p)

# [-variant] by way of the quotient
exp = np.exp(x - x.max(axis=-1, keepdims=True))
total = exp.sum(axis=-1, keepdims=True)
dexp = g / total - (g * exp).sum(axis=-1, keepdims=True) / total**2
dx = dexp * exp
