# one wide product, as it is done in practice
together = np.concatenate([dq, dk, dv], axis=-1)
dx = together @ np.concatenate([wq, wk, wv], axis=1).T
dwq, dwk, dwv = np.split(np.tensordot(x, together, axes=((0, 1), (0, 1))), 3, axis=1)
dwq, dwk, dwv = dwq.copy(), dwk.copy(), dwv.copy()

# einsum, path by path
dx = np.zeros_like(x)
for back, weight in ((dq, wq), (dk, wk), (dv, wv)):
    dx += np.einsum("bto,io->bti", back, weight)
dwq = np.einsum("bti,bto->io", x, dq)
dwk = np.einsum("bti,bto->io", x, dk)
dwv = np.einsum("bti,bto->io", x, dv)

# one sentence at a time
dx = np.stack([a @ wq.T + b @ wk.T + c @ wv.T for a, b, c in zip(dq, dk, dv)])
dwq = sum(sentence.T @ back for sentence, back in zip(x, dq))
dwk = sum(sentence.T @ back for sentence, back in zip(x, dk))
dwv = sum(sentence.T @ back for sentence, back in zip(x, dv))
