# [-variant] scatter-add over positions
dx = 1.0 * g
dweight = np.zeros_like(weight)
np.add.at(dweight, np.tile(np.arange(g.shape[1]), len(g)), g.reshape(-1, g.shape[2]))

# [-variant] a product with a matrix that cuts
cut = np.eye(len(weight))[: g.shape[1]]
dx = g + 0
dweight = np.einsum("tm,btd->md", cut, g)

# [-variant] padding
dx = g.copy()
dweight = np.pad(np.einsum("btd->td", g), ((0, len(weight) - g.shape[1]), (0, 0)))
