# [-variant] running means as interpolation
new_m = m + (g - m) * (1 - BETA1)
new_v = v + (g**2 - v) * (1 - BETA2)
rate = lr * np.sqrt(1 - BETA2**step) / (1 - BETA1**step)
new_p = p - rate * new_m / (np.sqrt(new_v) + EPS * np.sqrt(1 - BETA2**step)) - lr * decay * p

# [-variant] number by number
new_p, new_m, new_v = p.copy(), m.copy(), v.copy()
for i in np.ndindex(p.shape):
    new_m[i] = BETA1 * m[i] + (1 - BETA1) * g[i]
    new_v[i] = BETA2 * v[i] + (1 - BETA2) * g[i] ** 2
    m_hat, v_hat = new_m[i] / (1 - BETA1**step), new_v[i] / (1 - BETA2**step)
    new_p[i] -= lr * decay * p[i]
    new_p[i] -= lr * m_hat / (v_hat**0.5 + EPS)
