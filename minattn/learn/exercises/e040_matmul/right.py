# [-variant] einsum
da = np.einsum("nm,km->nk", g, b)
db = np.einsum("nk,nm->km", a, g)

# [-variant] loops over entries
da, db = np.zeros_like(a), np.zeros_like(b)
for n, m in np.ndindex(g.shape):
    da[n] += g[n, m] * b[:, m]
    db[:, m] += g[n, m] * a[n]

# [-variant] sums of outer products
da = sum(np.outer(g[:, m], b[:, m]) for m in range(g.shape[1]))
db = sum(np.outer(a[n], g[n]) for n in range(g.shape[0]))
