"""The referee of these tests: slopes by central differences, extrapolated twice (Richardson), in float64."""

import numpy as np

from minattn import Tensor


def numeric_gradient(function, inputs, argument, upstream, step=1e-3):
    """d Σ upstream * function(*inputs) / d inputs[argument], one element after the other."""
    x = inputs[argument]
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):

        def slope(h, index=index):
            total = []
            for change in (h, -h):
                moved = x.copy()
                moved[index] += change
                total.append((upstream * function(*inputs[:argument], moved, *inputs[argument + 1 :])).sum())
            return (total[0] - total[1]) / (2 * h)

        wide, middle, narrow = slope(4 * step), slope(2 * step), slope(step)
        better, best = (4 * middle - wide) / 3, (4 * narrow - middle) / 3
        gradient[index] = (16 * best - better) / 15
    return gradient


def assert_close(got, expected, relative=1e-6, least=1e-9):
    """Every element within `relative` of the largest expected one (and at least `least`)."""
    scale = np.abs(expected).max(initial=0.0)
    np.testing.assert_allclose(got, expected, rtol=relative, atol=max(relative * scale, least))


def with_gradients(function, arrays, upstream=None):
    """What a function gives of these arrays as Tensors, and the gradient of each."""
    tensors = [Tensor(array, requires_grad=True) for array in arrays]
    y = function(*tensors)
    assert type(y) is Tensor and y.requires_grad
    y.backward(np.random.default_rng(5).normal(size=y.shape) if upstream is None else upstream)
    return [y.data, *(x.grad for x in tensors)]


def assert_differentiated(function, arrays, rtol=0.0, step=1e-3):
    """Of Tensors a function gives a Tensor with the numbers that it gives of arrays, and sends back their slopes."""
    expected = np.asarray(function(*arrays))
    upstream = np.asarray(np.random.default_rng(5).normal(size=expected.shape))
    y, *gradients = with_gradients(function, arrays, upstream)
    np.testing.assert_allclose(y, expected, rtol=rtol)
    for i, gradient in enumerate(gradients):
        slope = numeric_gradient(lambda *moved: np.asarray(function(*moved)), arrays, i, upstream, step)
        assert_close(gradient, slope)
