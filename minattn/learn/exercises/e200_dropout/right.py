# [-variant] where
dx = np.where(keep, g / (1 - P), 0.0)

# [-variant] indexing
dx = np.zeros_like(g)
dx[keep] = g[keep] / (1 - P)

# [-variant] the slope by its definition: what forward, which is linear in x, does to ones
slope = forward(np.ones_like(x), keep)
dx = slope * g
