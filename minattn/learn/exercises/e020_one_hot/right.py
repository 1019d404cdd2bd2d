# rows of the identity
one_hot = np.eye(len(weight))[ids]
y = np.einsum("tv,vd->td", one_hot, weight)
dweight = np.einsum("tv,td->vd", one_hot, g)

# a loop
one_hot = np.zeros((len(ids), len(weight)))
for t, token in enumerate(ids):
    one_hot[t, token] = 1
y = np.dot(one_hot, weight)
dweight = sum(np.outer(one_hot[t], g[t]) for t in range(len(ids)))
