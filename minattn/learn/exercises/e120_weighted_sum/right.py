# einsum
dp = np.einsum("...ie,...je->...ij", g, v)
dv = np.einsum("...ij,...ie->...je", p, g)

# broadcasting
dp = (g[..., :, None, :] * v[..., None, :, :]).sum(axis=-1)
dv = (p[..., :, :, None] * g[..., :, None, :]).sum(axis=-3)

# one query at a time
dp, dv = np.zeros_like(p), np.zeros_like(v)
for i in range(p.shape[-2]):
    dv += p[..., i, :, None] * g[..., i, None, :]
    dp[..., i, :] = (v @ g[..., i, :, None])[..., 0]
