# p is not transposed in dv: the weight of token j in y_i is p_ij, so that j collects along i.
dv = p @ g

# v is not transposed in dp: how g_i fits to v_j is their product, g vᵀ.
dp = g @ v

# dv is the plain sum of g over the queries; each query counts with its weight p_ij.
dv = np.ones_like(p).swapaxes(-1, -2) @ g

# dp is weighted by p once more; y is linear in p, so its slope is v alone.
dp = g @ v.swapaxes(-1, -2) * p

# dp is made of y where the values v belong: it compares outputs with the gradient.
dp = np.repeat((g * (p @ v)).sum(axis=-1, keepdims=True), p.shape[-1], axis=-1)
