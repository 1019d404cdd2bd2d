"""Wrong ways to fill the gap, each with the sentence that answers it."""

from .solution import gelu_backward, layer_norm, layer_norm_backward, linear, linear_backward


def still_no_way_around():
    """The name is right, but the way around the layer is still missing: x + … hands g to x as it is."""
    WRONG = "block"

    def repaired(g, x, gamma, beta, weight, bias):
        normed = layer_norm(x, gamma, beta)
        u = linear(normed, weight, bias)
        du = gelu_backward(g, u)
        dnormed, dweight, dbias = linear_backward(du, normed, weight, bias)
        inner, dgamma, dbeta = layer_norm_backward(dnormed, x, gamma, beta)
        return inner, dgamma, dbeta, dweight, dbias

    return WRONG, repaired


def no_way_through():
    """The way around the layer is there now, and the way through it is gone; both add up."""
    WRONG = "block"

    def repaired(g, x, gamma, beta, weight, bias):
        normed = layer_norm(x, gamma, beta)
        u = linear(normed, weight, bias)
        du = gelu_backward(g, u)
        dnormed, dweight, dbias = linear_backward(du, normed, weight, bias)
        inner, dgamma, dbeta = layer_norm_backward(dnormed, x, gamma, beta)
        return g, dgamma, dbeta, dweight, dbias

    return WRONG, repaired


def du_goes_around():
    """What goes around the layer is du; it should be g, which has been through nothing."""
    WRONG = "block"

    def repaired(g, x, gamma, beta, weight, bias):
        normed = layer_norm(x, gamma, beta)
        u = linear(normed, weight, bias)
        du = gelu_backward(g, u)
        dnormed, dweight, dbias = linear_backward(du, normed, weight, bias)
        inner, dgamma, dbeta = layer_norm_backward(dnormed, x, gamma, beta)
        return du + inner, dgamma, dbeta, dweight, dbias

    return WRONG, repaired


def layer_norm_accused():
    """layer_norm is innocent: the check passes it."""
    WRONG = "layer_norm"

    def repaired(g, x, gamma, beta):
        return layer_norm_backward(g, x, gamma, beta)

    return WRONG, repaired
