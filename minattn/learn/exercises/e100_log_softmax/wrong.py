# [variant] The sum of g is missing: p belongs to it, Σ g p_j, and g does not add up to 1.
total = 1.0

# [variant] y, a logarithm, is used where its exponential p belongs.
p = y

# [variant] The mean of g stands where its sum belongs.
total = g.mean(axis=-1, keepdims=True)

# [variant] p stands inside the sum; it belongs outside: every x_j has its own p_j, and one sum of g.
total = (g * p).sum(axis=-1, keepdims=True) / p

# [variant] g is summed over the whole array; each distribution has a sum of its own.
total = g.sum()
