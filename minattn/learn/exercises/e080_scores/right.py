# [-distance] einsum
scaled = g / np.sqrt(q.shape[-1])
dq = np.einsum("...ij,...jc->...ic", scaled, k)
dk = np.einsum("...ij,...ic->...jc", scaled, q)

# [-variant] a loop over queries and keys
dq, dk = np.zeros_like(q), np.zeros_like(k)
for i in range(q.shape[-2]):
    for j in range(k.shape[-2]):
        weight = g[..., i, j, None] / np.sqrt(q.shape[-1])
        dq[..., i, :] += weight * k[..., j, :]
        dk[..., j, :] += weight * q[..., i, :]
