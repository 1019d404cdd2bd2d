"""The referee of these tests: slopes by central differences, extrapolated twice (Richardson), in float64."""

import numpy as np


def numeric_gradient(function, inputs, argument, upstream):
    """d Σ upstream * function(*inputs) / d inputs[argument], one element after the other."""
    x = inputs[argument]
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):

        def slope(h, index=index):
            total = []
            for step in (h, -h):
                moved = x.copy()
                moved[index] += step
                total.append((upstream * function(*inputs[:argument], moved, *inputs[argument + 1 :])).sum())
            return (total[0] - total[1]) / (2 * h)

        wide, middle, narrow = slope(4e-3), slope(2e-3), slope(1e-3)
        better, best = (4 * middle - wide) / 3, (4 * narrow - middle) / 3
        gradient[index] = (16 * best - better) / 15
    return gradient


def assert_close(got, expected, relative=1e-6, least=1e-9):
    """Every element within `relative` of the largest expected one (and at least `least`)."""
    scale = np.abs(expected).max(initial=0.0)
    np.testing.assert_allclose(got, expected, rtol=relative, atol=max(relative * scale, least))
