# einsum
WRONG = "scores"


def repaired(g, q, k):
    d = q.shape[-1]
    return np.einsum("bij,bjc->bic", g, k) / d**0.5, np.einsum("bij,bic->bjc", g, q) / d**0.5


# the old one with the gradient turned
WRONG = "scores"


def repaired(g, *inputs):
    return scores_backward(np.swapaxes(g, 1, 2), *inputs)
