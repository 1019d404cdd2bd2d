# where
dx = np.where(keep, g / (1 - P), 0.0)

# indexing
dx = np.zeros_like(g)
dx[keep] = g[keep] / (1 - P)

# the slope by its definition: what forward, which is linear in x, does to ones
slope = forward(np.ones_like(x), keep)
dx = slope * g
