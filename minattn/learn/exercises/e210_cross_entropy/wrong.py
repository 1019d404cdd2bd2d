# [variant] What is so is missing: the gradient has p and takes no y away.
y = 0 * p

# [variant] The exponentials are used before they are divided by their sum; p belongs there.
p = exp

# [variant] p and y have changed places: the step would make the right class less likely.
p = exp / exp.sum(axis=1, keepdims=True)
y = np.eye(logits.shape[1])[targets]
p, y = y, p
