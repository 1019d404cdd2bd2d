"""What a kernel owes to the op that it stands in for."""

from itertools import combinations

import numpy as np

from minattn import reuse_memory
from minattn.ops.base import as_array

TOLERANCE = {
    np.float64: 1e-12,  # the sums are taken in another order
    np.float32: 32 * np.finfo(np.float32).eps,  # the same, of terms that are rounded to eps
}

LAYOUTS = {
    "as it is": lambda x: x,
    "columns first": lambda x: np.asfortranarray(x) if x.ndim else x,
    "with gaps": lambda x: np.repeat(x, 2, axis=-1)[..., ::2] if x.ndim else x,
}


def converted(inputs, dtype, layout="as it is"):
    """Inputs in another dtype and layout; ids and masks keep their dtype."""
    return [LAYOUTS[layout](x.astype(dtype) if x.dtype.kind == "f" else x) for x in inputs]


def upstream_of(output, seed=5):
    return np.asarray(np.random.default_rng(seed).normal(size=output.shape)).astype(output.dtype)


def assert_near(got, expected, tolerance, what, least=1e-3):
    """Within the tolerance of the largest number that is expected, or of `least`, the size of terms that may cancel."""
    assert got.shape == expected.shape, f"{what}: shape {got.shape}, expected {expected.shape}"
    scale = max(float(np.abs(expected).max(initial=0.0)), least)
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * scale, err_msg=what, equal_nan=True)


def hold(op_class, kernel, sample, dtype, layout="as it is"):
    """Hold a kernel to its op on one sample: numbers, dtypes, no mutation, no aliasing, with and without a graph."""
    inputs = converted(sample.inputs, dtype, layout)
    before = [x.copy() for x in inputs]
    exact = op_class(**sample.options)
    expected = exact(*converted(sample.inputs, dtype)[: len(inputs)])
    if dtype == np.float32:  # the textbook in float64, on the same rounded inputs
        exact = op_class(**sample.options)
        expected = exact(*converted(converted(sample.inputs, dtype), np.float64))
    g = upstream_of(expected).astype(dtype)
    wanted = exact.gradients(g.astype(expected.dtype))

    with reuse_memory():
        for turn in range(2):  # the second time in memory that the first has left
            op = kernel(**sample.options)
            output = op(*inputs)
            upstream, kept = g.copy(), output.copy()
            gradients = op.gradients(upstream)
            assert output.dtype == dtype, "the output has another dtype"
            assert_near(output, expected, TOLERANCE[dtype], f"output, turn {turn}")
            for i, (gradient, right) in enumerate(zip(gradients, wanted, strict=True)):
                assert (gradient is None) == (right is None), f"gradient {i} is missing, or one too many"
                if gradient is not None:
                    least = max(float(np.abs(g).max(initial=0.0)), 1e-3)
                    assert_near(gradient, right, TOLERANCE[dtype], f"gradient {i}, turn {turn}", least)
            for x, was in zip(inputs, before, strict=True):
                np.testing.assert_array_equal(x, was, "an input was changed")
            np.testing.assert_array_equal(upstream, g, "the upstream gradient was changed")
            np.testing.assert_array_equal(output, kept, "backward changed the output")
            arrays = [x for x in (*gradients, *inputs) if x is not None]
            for a, b in combinations(arrays, 2):
                assert not np.shares_memory(a, b) or not (any(a is y for y in gradients if y is not None)), "aliasing"
            del op, output, gradients, arrays
        alone = kernel(**sample.options)
        alone.is_recorded = False
        np.testing.assert_allclose(as_array(alone(*inputs)), kept, rtol=1e-6, err_msg="another output without a graph")
