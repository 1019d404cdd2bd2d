# row by row, only where one may look
p, ds = np.zeros_like(s), np.zeros_like(s)
allowed = np.broadcast_to(mask, s.shape)
for row in np.ndindex(s.shape[:-1]):
    look = allowed[row]
    if look.any():
        exp = np.exp(s[row][look] - s[row][look].max())
        p[*row, look] = exp / exp.sum()
        inside = p[*row, look]
        ds[*row, look] = inside * g[row][look] - inside * (inside @ g[row][look])

# [-variant] exp first, then zeros
largest = s.max(axis=-1, keepdims=True, where=mask, initial=np.finfo(s.dtype).min)
exp = np.exp(np.minimum(s - largest, 0)) * mask
total = exp.sum(axis=-1, keepdims=True)
p = np.divide(exp, total, out=np.zeros_like(exp), where=total > 0)
ds = p * g - np.einsum("...i,...i,...j->...j", g, p, p)
