"""Wrong ways to fill the gap, each with the sentence that answers it."""

from .solution import layer_norm_backward


def still_not_transposed():
    """The name is right, but repaired is the old backward: the weight is still not transposed."""
    WRONG = "linear"

    def repaired(g, x, weight, bias):
        return g @ weight, x.T @ g, g.sum(axis=0)

    return WRONG, repaired


def bias_averaged():
    """Now the bias is averaged over the rows; that part had been right."""
    WRONG = "linear"

    def repaired(g, x, weight, bias):
        return g @ weight.T, x.T @ g, g.mean(axis=0)

    return WRONG, repaired


def weight_turned_round():
    """The gradient of x is right now, but the weight's is the wrong way round: it should be xᵀ g."""
    WRONG = "linear"

    def repaired(g, x, weight, bias):
        return g @ weight.T, g.T @ x, g.sum(axis=0)

    return WRONG, repaired


def layer_norm_accused():
    """layer_norm is innocent: the check passes it."""
    WRONG = "layer_norm"

    def repaired(g, x, gamma, beta):
        return layer_norm_backward(g, x, gamma, beta)

    return WRONG, repaired
