# [variant] The sum Σ g p is missing, as if the denominator were a constant; it grows with every score.
dot = 0 * p

# [variant] The sum is taken over g alone; each g counts with its own p, Σ g p.
dot = g.sum(axis=-1, keepdims=True)

# [variant] The mean of g p stands where their sum belongs.
dot = (g * p).mean(axis=-1, keepdims=True)

# [variant] The sum Σ g p runs over the whole array; each distribution has a sum of its own.
dot = (g * p).sum()

# [variant] The sum Σ g p is added; it is taken away.
dot = -(g * p).sum(axis=-1, keepdims=True)
