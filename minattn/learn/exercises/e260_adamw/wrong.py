# [-raw, -nesterov] The correction of line 3 is missing: the first steps are far from their right size.
m_hat = new_m
v_hat = new_v

# [-variant] The weight decay is added to the gradient, where m and v smear it out: that is Adam with L2, not AdamW.
new_m = BETA1 * m + (1 - BETA1) * (g + decay * p)
new_v = BETA2 * v + (1 - BETA2) * (g + decay * p) ** 2
new_p = p - lr * m_hat / (np.sqrt(v_hat) + EPS)

# [-l2] The weight decay is missing.
new_p = p - lr * m_hat / (np.sqrt(v_hat) + EPS)

# [-l2, -unscaled] The weight decay is not multiplied by the learning rate.
new_p = p * (1 - decay) - lr * m_hat / (np.sqrt(v_hat) + EPS)

# [-l2] v is a mean of g; it belongs to g².
new_v = BETA2 * v + (1 - BETA2) * g

# The root of v̂ is missing.
new_p = p * (1 - lr * decay) - lr * m_hat / (v_hat + EPS)

# The step goes uphill: it is subtracted, not added.
new_p = p * (1 - lr * decay) + lr * m_hat / (np.sqrt(v_hat) + EPS)

# The step uses g where m̂ belongs: the running mean is computed and not used.
new_p = p * (1 - lr * decay) - lr * g / (np.sqrt(v_hat) + EPS)

# [-raw, -nesterov] The correction counts steps from 0, one too few; the first step is 1.
m_hat = new_m / (1 - BETA1 ** (step - 1 or 1))
v_hat = new_v / (1 - BETA2 ** (step - 1 or 1))

# [-variant] β1 and β2 have changed places.
new_m = BETA2 * m + (1 - BETA2) * g
new_v = BETA1 * v + (1 - BETA1) * g * g
m_hat = new_m / (1 - BETA2**step)
v_hat = new_v / (1 - BETA1**step)
