# [-variant] einsum
flat_x, flat_g = x.reshape(-1, x.shape[-1]), g.reshape(-1, g.shape[-1])
dx = np.einsum("...o,oi->...i", g, weight)
dweight = np.einsum("no,ni->oi", flat_g, flat_x)
dbias = np.einsum("no->o", flat_g)

# [-variant] tensordot
leading = tuple(range(x.ndim - 1))
dx = np.tensordot(g, weight, axes=1)
dweight = np.tensordot(g, x, axes=(leading, leading))
dbias = g.sum(axis=leading)

# [-variant] a loop over tokens
dx, dweight, dbias = np.zeros_like(x), np.zeros_like(weight), np.zeros_like(bias)
for place in np.ndindex(x.shape[:-1]):
    dx[place] = weight.T @ g[place]
    dweight += np.outer(g[place], x[place])
    dbias += g[place]
