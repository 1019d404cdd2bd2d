# The name is right, but the way around the layer is still missing: x + … hands g to x as it is.
repaired = block_backward


# The way around the layer is there now, and the way through it is gone; both add up.
def repaired(g, *inputs):
    _, *others = block_backward(g, *inputs)
    return g, *others


# What goes around the layer is du; it should be g, which has been through nothing.
def repaired(g, x, gamma, beta, weight, bias):
    dx, *others = block_backward(g, x, gamma, beta, weight, bias)
    du = gelu_backward(g, linear(layer_norm(x, gamma, beta), weight, bias))
    return du + dx, *others


# layer_norm is innocent: the check passes it.
WRONG = "layer_norm"
repaired = layer_norm_backward
