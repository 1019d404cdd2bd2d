# [-variant] the Jacobian, row by row
dx = np.empty_like(x)
for row in np.ndindex(x.shape[:-1]):
    p = np.exp(y[row])
    jacobian = np.eye(len(p)) - p  # row i: δ_ij - p_j
    dx[row] = g[row] @ jacobian

# [-variant] einsum
dx = g - np.einsum("...i,...j->...j", g, np.exp(y))

# [-variant] step by step
exp = np.exp(x - x.max(axis=-1, keepdims=True))
sums = np.einsum("...i->...", exp)[..., None]
dsums = -np.einsum("...i->...", g)[..., None] / sums
dx = g + dsums * exp
