# [variant] The denominator of the softmax is treated as a constant, ds = p dp; it grows with every score.
ds = p * dp

# [variant] Only the diagonal of the softmax is used, ds = p (1 - p) dp; every score lowers the other weights, too.
ds = p * (1 - p) * dp

# [variant] The softmax is left out on the way back, ds = dp.
ds = dp

# [variant] The division of line 1 is forgotten on the way back: dq and dk are not divided.
scaled = ds

# [variant] dk is made with ds as it stands; token j collects along the queries i, which is dsᵀ q.
dk = scaled @ q

# [variant] The sum in ds runs over dp alone; each dp counts with its weight, Σ dp p.
ds = p * (dp - dp.sum(axis=-1, keepdims=True))
