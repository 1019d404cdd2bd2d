# around the old one
WRONG = "block"


def repaired(g, *inputs):
    dx, *rest = block_backward(g, *inputs)
    return (dx + g, *rest)


# as two paths
WRONG = "block"


def repaired(g, x, gamma, beta, weight, bias):
    normed = layer_norm(x, gamma, beta)
    paths = [np.array(g)]
    back = gelu_backward(g, normed @ weight + bias)
    dweight, dbias = np.einsum("ni,no->io", normed, back), np.einsum("no->o", back)
    inner, dgamma, dbeta = layer_norm_backward(np.einsum("no,io->ni", back, weight), x, gamma, beta)
    paths.append(inner)
    return np.sum(paths, axis=0), dgamma, dbeta, dweight, dbias
