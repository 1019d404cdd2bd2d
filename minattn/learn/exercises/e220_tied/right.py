# [-variant] one-hot
dx = (g @ table) * (1 - h**2)
one_hot = np.eye(len(table))[ids]
dtable = np.einsum("tv,td->vd", g, h) + np.einsum("tv,td->vd", one_hot, dx)

# [-variant] position by position
dtable = np.zeros_like(table)
for t, token in enumerate(ids):
    dtable += np.outer(g[t], h[t])
    dtable[token] += (table.T @ g[t]) * (1 - h[t] ** 2)

# [-variant] both ends as one product
dx = np.tensordot(g, table, axes=1) / np.cosh(table[ids]) ** 2
left = np.hstack([g.T, np.equal.outer(np.arange(len(table)), ids)])
dtable = left @ np.vstack([h, dx])
