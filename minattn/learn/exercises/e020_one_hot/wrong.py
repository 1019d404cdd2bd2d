# dweight is divided by the number of times a token occurs, as for a mean; what every use sends back adds up.
dweight = one_hot.T @ g / np.maximum(one_hot.sum(axis=0), 1)[:, None]

# dweight is made of y where the upstream gradient g belongs.
dweight = one_hot.T @ y

# dweight[ids] = g keeps only the last of several equal tokens; one_hot.T @ g adds them up.
dweight = np.zeros_like(weight)
dweight[ids] = g

# one_hot lies on its side: it has a row for each token of the table, and should have one for each position.
one_hot = (np.arange(len(weight))[:, None] == ids).astype(float)
y = one_hot.T @ weight
dweight = one_hot @ g
