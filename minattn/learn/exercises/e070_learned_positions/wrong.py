# dweight is the mean over the batch; every sentence that used a row counts in full, so it is the sum.
dweight[: x.shape[1]] = g.mean(axis=0)

# dweight takes the gradient of one sentence only; the rows were used by all of the batch.
dweight[: x.shape[1]] = g[-1]

# dweight has only T rows; the rows that were not used have the gradient 0, but they are there.
dweight = g.sum(axis=0)

# [-last, -reversed] The gradient went to the last rows of the table; forward used the first.
dweight = np.zeros_like(weight)
dweight[len(weight) - x.shape[1] :] = g.sum(axis=0)
