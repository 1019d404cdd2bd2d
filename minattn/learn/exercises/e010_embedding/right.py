# a loop over positions
dweight = np.zeros(weight.shape)
for position in np.ndindex(ids.shape):
    dweight[ids[position]] += g[position]

# a sum for each row of the table
dweight = np.stack([g[ids == token].sum(axis=0) for token in range(len(weight))])

# a matrix of zeros and ones
chosen = (ids.reshape(-1, 1) == np.arange(len(weight))).astype(float)
dweight = chosen.T @ g.reshape(-1, weight.shape[1])
