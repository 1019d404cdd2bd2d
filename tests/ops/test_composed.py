"""A fused op and its composition from small ops are the same function, with the same gradients."""

import numpy as np
import pytest
from support import composed
from support.numeric import with_gradients

from minattn import functional as F

IDS = np.array([[1, 1, 4], [0, 1, 2]])
TARGETS = np.array([0, 3, 3, 1, 2, 0])
MASK = np.array([[True, True, False, False], [True] * 4])[:, None, :]

PAIRS = {
    "linear": (F.linear, composed.linear, [(2, 3, 4), (5, 4), (5,)]),
    "softmax": (lambda x: F.softmax(x, -1), composed.softmax, [(2, 3, 4)]),
    "softmax along axis 0": (lambda x: F.softmax(x, 0), lambda x: composed.softmax(x, 0), [(2, 3, 4)]),
    "log_softmax": (lambda x: F.log_softmax(x, -1), composed.log_softmax, [(2, 3, 4)]),
    "logsumexp": (lambda x: F.logsumexp(x, -1), composed.logsumexp, [(2, 3, 4)]),
    "layer_norm": (lambda x, w, b: F.layer_norm(x, w.shape, w, b), composed.layer_norm, [(2, 3, 5), (5,), (5,)]),
    "gelu": (lambda x: F.gelu(x, "tanh"), composed.gelu_tanh, [(4, 5)]),
    "embedding": (lambda w: F.embedding(IDS, w), lambda w: composed.embedding(IDS, w), [(5, 3)]),
    "attention": (F.scaled_dot_product_attention, composed.attention, [(2, 3, 5), (2, 4, 5), (2, 4, 3)]),
    "masked attention": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, MASK),
        lambda q, k, v: composed.attention(q, k, v, MASK),
        [(2, 3, 5), (2, 4, 5), (2, 4, 3)],
    ),
    "cross_entropy": (lambda x: F.cross_entropy(x, TARGETS), lambda x: composed.cross_entropy(x, TARGETS), [(6, 4)]),
    "linear_cross_entropy": (
        lambda x, w, b: F.linear_cross_entropy(x, w, TARGETS, linear_bias=b),
        lambda x, w, b: composed.linear_cross_entropy(x, w, b, TARGETS),
        [(6, 3), (4, 3), (4,)],
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_the_fused_op_equals_its_composition_forward_and_backward(name):
    fused, composition, shapes = PAIRS[name]
    rng = np.random.default_rng(len(name))
    arrays = [rng.normal(size=shape) for shape in shapes]
    for a, b in zip(with_gradients(fused, arrays), with_gradients(composition, arrays), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
