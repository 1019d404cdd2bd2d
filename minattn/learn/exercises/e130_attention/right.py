# [-tanh, -queries] einsum
dv = np.einsum("...ij,...ie->...je", p, g)
dp = np.einsum("...ie,...je->...ij", g, v)
ds = p * dp - np.einsum("...ij,...ij,...ik->...ik", dp, p, p)
scaled = ds / np.sqrt(q.shape[-1])
dq = np.einsum("...ij,...jc->...ic", scaled, k)
dk = np.einsum("...ij,...ic->...jc", scaled, q)

# [-variant] with the output in place of a sum: Σ_j dp_ij p_ij = g_i · y_i, as in FlashAttention
y = p @ v
dv = p.swapaxes(-1, -2) @ g
ds = p * (g @ v.swapaxes(-1, -2) - (g * y).sum(axis=-1, keepdims=True)) / np.sqrt(q.shape[-1])
dq, dk = ds @ k, ds.swapaxes(-1, -2) @ q

# [-variant] one query at a time
dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
for place in np.ndindex(q.shape[:-2]):
    for i in range(q.shape[-2]):
        look = p[place][i]
        dv[place] += np.outer(look, g[place][i])
        into = v[place] @ g[place][i]
        back = (np.diag(look) - np.outer(look, look)) @ into / np.sqrt(q.shape[-1])
        dq[place][i] = back @ k[place]
        dk[place] += np.outer(back, q[place][i])
