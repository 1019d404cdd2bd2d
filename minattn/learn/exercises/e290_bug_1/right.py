# einsum
WRONG = "linear"


def repaired(g, x, weight, bias):
    return np.einsum("no,io->ni", g, weight), np.einsum("ni,no->io", x, g), np.einsum("no->o", g)


# around the old one
WRONG = "linear"


def repaired(g, *inputs):
    x, weight, bias = inputs
    _, dweight, dbias = linear_backward(g, x, weight, bias)
    return np.stack([weight @ row for row in g]), dweight, dbias
