"""Wrong ways to fill the gap, each with the sentence that answers it."""


def averaged(g, shape):
    """The stretched axes are averaged; every use counts in full, so they are summed."""
    dx = g.mean(axis=tuple(range(g.ndim - len(shape))))
    dx = dx.mean(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)
    return dx


def first_place_only(g, shape):
    """Only the first of the stretched places is kept; all of them have to be summed."""
    dx = g[(0,) * (g.ndim - len(shape))]
    for axis, n in enumerate(shape):
        if n == 1:
            dx = dx.take([0], axis=axis)
    return dx


def leading_axes_only(g, shape):
    """The leading axes are summed, but the axes of length 1 are not: they are still stretched."""
    dx = g.sum(axis=tuple(range(g.ndim - len(shape))))
    return dx


def axes_of_length_1_lost(g, shape):
    """The axes of length 1 are summed and lost; keepdims=True keeps them."""
    dx = g.sum(axis=tuple(range(g.ndim - len(shape))))
    dx = dx.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1))
    return dx


def nothing_summed(g, shape):
    """The gradient is handed back with the shape of the result: nothing is summed."""
    dx = g.copy()
    return dx
