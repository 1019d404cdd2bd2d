# [-variant] in one formula
n = c * r
tokens = tuple(range(x.ndim - 1))
dbeta, dgamma = g.sum(axis=tokens), (g * n).sum(axis=tokens)
dn = g * gamma
dx = r * (dn - dn.mean(axis=-1, keepdims=True) - n * (dn * n).mean(axis=-1, keepdims=True))

# [-variant] projections: dx = r P dn, where P takes away the mean and the direction of n
n, width = c * r, x.shape[-1]
flat = g.reshape(-1, width)
dbeta = np.einsum("nd->d", flat)
dgamma = np.einsum("nd,nd->d", flat, n.reshape(-1, width))
centre = np.eye(width) - 1 / width
dx = np.empty_like(x)
for place in np.ndindex(x.shape[:-1]):
    project = centre - np.outer(n[place], n[place]) / width
    dx[place] = r[place] * (project @ (gamma * g[place]))

# [-variant] mean and variance as separate paths
n, width = c * r, x.shape[-1]
dbeta = g.reshape(-1, width).sum(axis=0)
dgamma = np.sum((g * n).reshape(-1, width), axis=0)
dn = g * gamma
dvariance = (dn * c).sum(axis=-1, keepdims=True) * -0.5 * r**3
dmean = -(dn * r).sum(axis=-1, keepdims=True)
dx = dn * r + dvariance * 2 * c / width + dmean / width
