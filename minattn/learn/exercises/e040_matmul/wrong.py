# [variant] da is averaged over the columns of g; every column was made with a, and they add up.
da = g @ b.T
da = da / g.shape[1]

# [variant] db is averaged over the rows of g; every row was made with b, and they add up.
db = a.T @ g
db = db / len(g)

# [variant] The gradients have a minus that is not in forward.
da = g @ b.T
da = -da
db = a.T @ g
db = -db
