# einsum
da = np.einsum("ne,fe->nf", g, w2)
du = np.einsum("nf,nf->nf", da, gelu.backward(np.ones_like(u), u))
dx = np.einsum("nf,df->nd", du, w1)
dw1, db1 = np.einsum("nd,nf->df", x, du), np.einsum("nf->f", du)
dw2, db2 = np.einsum("nf,ne->fe", a, g), np.einsum("ne->e", g)

# a row at a time
dx, dw1, db1 = np.zeros_like(x), np.zeros_like(w1), np.zeros_like(b1)
dw2, db2 = np.zeros_like(w2), np.zeros_like(b2)
for row in range(len(x)):
    back = gelu.backward(w2 @ g[row], u[row])
    dx[row] = w1 @ back
    dw1 += np.outer(x[row], back)
    db1 += back
    dw2 += np.outer(a[row], g[row])
    db2 += g[row]

# biases as one more row of the weights
one = np.ones((len(x), 1))
dw2b = np.hstack([a, one]).T @ g
dw2, db2 = dw2b[:-1].copy(), dw2b[-1].copy()
du = gelu.backward(g @ w2.T, u)
dw1b = np.hstack([x, one]).T @ du
dw1, db1 = dw1b[:-1].copy(), dw1b[-1].copy()
dx = du @ w1.T
