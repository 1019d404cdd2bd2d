"""Wrong ways to fill the gap, each with the sentence that answers it."""

from .solution import gelu, slope_of_gelu


def slope_at_the_output(g, x, w1, b1, w2, b2):
    """The slope of gelu is taken at a, its output; it belongs at u, its input."""
    u = x @ w1 + b1
    a = gelu(u)
    da = g @ w2.T
    du = da * slope_of_gelu(a)
    dx = du @ w1.T

    dw2 = a.T @ g
    db2 = g.sum(axis=0)
    dw1 = x.T @ du
    db1 = du.sum(axis=0)
    return dx, dw1, db1, dw2, db2


def no_slope(g, x, w1, b1, w2, b2):
    """The slope of gelu is missing: line 2 is skipped on the way back."""
    u = x @ w1 + b1
    a = gelu(u)
    da = g @ w2.T
    du = da
    dx = du @ w1.T

    dw2 = a.T @ g
    db2 = g.sum(axis=0)
    dw1 = x.T @ du
    db1 = du.sum(axis=0)
    return dx, dw1, db1, dw2, db2


def gelu_for_its_slope(g, x, w1, b1, w2, b2):
    """gelu itself stands where its slope belongs."""
    u = x @ w1 + b1
    a = gelu(u)
    da = g @ w2.T
    du = da * gelu(u)
    dx = du @ w1.T

    dw2 = a.T @ g
    db2 = g.sum(axis=0)
    dw1 = x.T @ du
    db1 = du.sum(axis=0)
    return dx, dw1, db1, dw2, db2


def dw2_from_u(g, x, w1, b1, w2, b2):
    """dw2 is made of u; what was multiplied by w2 is a."""
    u = x @ w1 + b1
    a = gelu(u)
    da = g @ w2.T
    du = da * slope_of_gelu(u)
    dx = du @ w1.T

    dw2 = a.T @ g
    db2 = g.sum(axis=0)
    dw1 = x.T @ du
    db1 = du.sum(axis=0)

    dw2 = u.T @ g
    return dx, dw1, db1, dw2, db2


def averaged_over_rows(g, x, w1, b1, w2, b2):
    """The gradients of the weights are averaged over the rows; they add up."""
    u = x @ w1 + b1
    a = gelu(u)
    da = g @ w2.T
    du = da * slope_of_gelu(u)
    dx = du @ w1.T

    dw2 = a.T @ g
    db2 = g.sum(axis=0)
    dw1 = x.T @ du
    db1 = du.sum(axis=0)

    dw1, dw2 = dw1 / len(x), dw2 / len(x)
    return dx, dw1, db1, dw2, db2


def no_slope_for_dw1(g, x, w1, b1, w2, b2):
    """dw1 and db1 are made of da: the slope of gelu is missing on the way to them."""
    u = x @ w1 + b1
    a = gelu(u)
    da = g @ w2.T
    du = da * slope_of_gelu(u)
    dx = du @ w1.T

    dw2 = a.T @ g
    db2 = g.sum(axis=0)
    dw1 = x.T @ du
    db1 = du.sum(axis=0)

    dw1, db1 = x.T @ da, da.sum(axis=0)
    return dx, dw1, db1, dw2, db2
