# The name is right, but repaired is the old backward: the weight is still not transposed.
def repaired(g, x, weight, bias):
    return g @ weight, x.T @ g, g.sum(axis=0)


# Now the bias is averaged over the rows; that part had been right.
def repaired(g, x, weight, bias):
    return g @ weight.T, x.T @ g, g.mean(axis=0)


# The gradient of x is right now, but the weight's is the wrong way round: it should be xᵀ g.
def repaired(g, x, weight, bias):
    return g @ weight.T, g.T @ x, g.sum(axis=0)


# layer_norm is innocent: the check passes it.
WRONG = "layer_norm"
repaired = layer_norm_backward
