"""Makers of sample inputs: what each op is tried on, by the tests and by the gradient check.

Each takes a generator and yields float64 samples: several shapes, broadcasting, axes of size 1 and 0 where they make
sense, every option that changes the mathematics. B, T and D differ, so that a mixed-up axis cannot pass unseen.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..backend import Array
from .base import Sample

Samples = Iterator[Sample]


def single_samples(rng: np.random.Generator) -> Samples:
    for shape in ((3, 4), (), (1,), (2, 0, 3)):
        yield Sample(f"shape {shape}", (rng.normal(size=shape),))


def relu_samples(rng: np.random.Generator) -> Samples:
    x = rng.normal(size=(4, 5))
    yield Sample("away from the kink", (x + 0.1 * np.sign(x),))
    yield Sample("all negative", (-1 - rng.random((2, 3)),))


def gelu_samples(rng: np.random.Generator) -> Samples:
    for approximate in ("none", "tanh"):
        yield Sample(approximate, (2 * rng.normal(size=(4, 5)),), {"approximate": approximate})
        yield Sample(f"{approximate}, no rows", (rng.normal(size=(0, 5)),), {"approximate": approximate})


def positive_samples(rng: np.random.Generator) -> Samples:
    for shape in ((3, 4), (), (0,)):
        yield Sample(f"shape {shape}", (np.asarray(0.5 + rng.random(shape)),))


def _pairs(rng: np.random.Generator) -> Iterator[tuple[str, Array, Array]]:
    for a, b in (((3, 4), (3, 4)), ((2, 3, 4), (4,)), ((3, 1), (1, 4)), ((), (2, 3)), ((2, 1, 0), (3, 1))):
        yield f"{a} with {b}", rng.normal(size=a), rng.normal(size=b)


def pair_samples(rng: np.random.Generator) -> Samples:
    for name, a, b in _pairs(rng):
        yield Sample(name, (a, b))


def divide_samples(rng: np.random.Generator) -> Samples:
    for name, a, b in _pairs(rng):
        yield Sample(name, (a, np.asarray(np.copysign(0.5 + np.abs(b), b))))


def power_samples(rng: np.random.Generator) -> Samples:
    for name, a, b in _pairs(rng):
        yield Sample(name, (np.asarray(0.5 + np.abs(a)), b))


def maximum_samples(rng: np.random.Generator) -> Samples:
    for name, a, b in _pairs(rng):
        yield Sample(name, (np.asarray(np.abs(a) + 0.1), np.where(b > 0, 10 + b, -b - 10)))


def where_samples(rng: np.random.Generator) -> Samples:
    for name, a, b in _pairs(rng):
        yield Sample(name, (rng.random(np.broadcast_shapes(a.shape, b.shape)) < 0.5, a, b))
    yield Sample("condition broadcast", (np.array([[True], [False]]), rng.normal(size=(2, 3)), rng.normal(size=3)))


AXES: tuple[int | tuple[int, ...] | None, ...] = (None, 0, -1, (0, 2))


def reduce_samples(rng: np.random.Generator) -> Samples:
    for axis in AXES:
        for keepdims in (False, True):
            options = {"axis": axis, "keepdims": keepdims}
            yield Sample(f"axis {axis}, keepdims {keepdims}", (rng.normal(size=(2, 3, 4)),), options)
    yield Sample("an axis of size 1", (rng.normal(size=(3, 1)),), {"axis": 1})


def sum_samples(rng: np.random.Generator) -> Samples:
    yield from reduce_samples(rng)
    yield Sample("an axis of size 0", (rng.normal(size=(3, 0)),), {"axis": 1})


def variance_samples(rng: np.random.Generator) -> Samples:
    for axis in AXES:
        for correction in (0, 1):
            options = {"axis": axis, "correction": correction, "keepdims": correction == 0}
            yield Sample(f"axis {axis}, correction {correction}", (rng.normal(size=(2, 3, 4)),), options)
    yield Sample("an axis of size 1", (rng.normal(size=(3, 1)),), {"axis": 1, "correction": 0})


def max_samples(rng: np.random.Generator) -> Samples:
    for axis in AXES:
        distinct = rng.permutation(24).reshape(2, 3, 4) + rng.random()
        yield Sample(f"axis {axis}", (distinct,), {"axis": axis, "keepdims": axis == 0})


def reshape_samples(rng: np.random.Generator) -> Samples:
    for before, after in (((2, 3, 4), (6, 4)), ((6,), (1, 2, -1)), ((1, 1), ()), ((0, 3), (3, 0))):
        yield Sample(f"{before} to {after}", (rng.normal(size=before),), {"shape": after})


def transpose_samples(rng: np.random.Generator) -> Samples:
    for axes in ((0, 2, 1), (2, 0, 1), (-1, 0, 1), (0, 1, 2)):
        yield Sample(f"axes {axes}", (rng.normal(size=(2, 3, 4)),), {"axes": axes})


def broadcast_samples(rng: np.random.Generator) -> Samples:
    for before, after in (((4,), (2, 3, 4)), ((3, 1), (3, 4)), ((), (2,)), ((1, 1), (0, 3))):
        yield Sample(f"{before} to {after}", (rng.normal(size=before),), {"shape": after})


def concatenate_samples(rng: np.random.Generator) -> Samples:
    yield Sample("axis 0", (rng.normal(size=(2, 3)), rng.normal(size=(4, 3))), {"axis": 0})
    three = (rng.normal(size=(2, 1)), rng.normal(size=(2, 3)), rng.normal(size=(2, 0)))
    yield Sample("three along axis -1", three, {"axis": -1})


def stack_samples(rng: np.random.Generator) -> Samples:
    for axis in (0, 1, -1):
        yield Sample(f"axis {axis}", tuple(rng.normal(size=(3, 2, 4))), {"axis": axis})


def split_samples(rng: np.random.Generator) -> Samples:
    for start, stop, axis in ((0, 2, 0), (1, 4, -1), (2, 2, 1)):
        options = {"start": start, "stop": stop, "axis": axis}
        yield Sample(f"{start}:{stop} of axis {axis}", (rng.normal(size=(2, 3, 5)),), options)


def index_samples(rng: np.random.Generator) -> Samples:
    keys = {
        "a number": 1,
        "slices": (slice(None), slice(0, 3, 2)),
        "a negative step": (Ellipsis, slice(None, None, -1)),
        "a new axis": (None, 0),
        "repeated ids": np.array([0, 2, 0, 0]),
        "pairs of ids": (np.array([0, 1, 0]), np.array([1, 1, 1])),
        "a mask": np.arange(12).reshape(3, 4) % 3 == 0,
    }
    for name, key in keys.items():
        yield Sample(name, (rng.normal(size=(3, 4)),), {"key": key})


def matmul_samples(rng: np.random.Generator) -> Samples:
    shapes = (
        *(((3, 4), (4, 5)), ((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 5)), ((4,), (2, 4, 5))),
        *(((2, 3, 4), (2, 4, 5)), ((2, 3, 4), (4, 5)), ((2, 1, 3, 4), (5, 4, 2)), ((1, 4), (4, 1)), ((3, 0), (0, 2))),
    )
    for a, b in shapes:
        yield Sample(f"{a} @ {b}", (rng.normal(size=a), rng.normal(size=b)))


def linear_samples(rng: np.random.Generator) -> Samples:
    for shape in ((2, 3, 4), (3, 4), (4,), (0, 4)):
        x, weight, bias = rng.normal(size=shape), rng.normal(size=(5, 4)), rng.normal(size=5)
        yield Sample(f"x {shape}", (x, weight, bias))
        yield Sample(f"x {shape}, no bias", (x, weight))


def einsum_samples(rng: np.random.Generator) -> Samples:
    cases = (
        *(("ij,jk->ik", (2, 3), (3, 4)), ("bhtd,bhsd->bhts", (2, 3, 4, 5), (2, 3, 6, 5)), ("i,j->ij", (2,), (3,))),
        *(("ij,ij->", (2, 3), (2, 3)), ("ij,k->k", (2, 3), (4,)), ("...ij,jk", (2, 3, 4), (4, 5))),
        *(("ij,j->i", (3, 1), (4,)), ("...i,...i->...", (2, 3, 4), (3, 4))),
    )
    for equation, a, b in cases:
        yield Sample(equation, (rng.normal(size=a), rng.normal(size=b)), {"equation": equation})


def softmax_samples(rng: np.random.Generator) -> Samples:
    for axis in (-1, 0, 1):
        yield Sample(f"axis {axis}", (rng.normal(size=(2, 3, 4)),), {"axis": axis})
    yield Sample("one score", (rng.normal(size=(3, 1)),))
    yield Sample("no rows", (rng.normal(size=(0, 3)),))


def logsumexp_samples(rng: np.random.Generator) -> Samples:
    for sample in softmax_samples(rng):
        for keepdims in (False, True):
            yield Sample(f"{sample.name}, keepdims {keepdims}", sample.inputs, {**sample.options, "keepdims": keepdims})


def layer_norm_samples(rng: np.random.Generator) -> Samples:
    for shape, axes in (((2, 3, 5), 1), ((2, 3, 5), 2), ((4,), 1), ((0, 4), 1)):
        feature = shape[len(shape) - axes :]
        gamma, beta = 1 + rng.normal(size=feature), rng.normal(size=feature)
        yield Sample(f"{shape} over {axes} axes", (rng.normal(1.0, 2.0, shape), gamma, beta), {"eps": 1e-5})


def dropout_samples(rng: np.random.Generator) -> Samples:
    for p in (0.0, 0.3, 1.0):
        yield Sample(f"p {p}", (rng.normal(size=(4, 5)), rng.random((4, 5)) >= p), {"p": p})


def embedding_samples(rng: np.random.Generator) -> Samples:
    weight = rng.normal(size=(6, 3))
    yield Sample("repeated ids", (np.array([[1, 1, 5], [0, 1, 2]]), weight))
    yield Sample("one id", (np.array(4), weight))
    yield Sample("no ids", (np.zeros((2, 0), int), weight))


def attention_samples(rng: np.random.Generator) -> Samples:
    def qkv(batch: tuple[int, ...], t: int, s: int) -> tuple[Array, Array, Array]:
        return rng.normal(size=(*batch, t, 5)), rng.normal(size=(*batch, s, 5)), rng.normal(size=(*batch, s, 3))

    yield Sample("plain", qkv((2, 2), 3, 4))
    yield Sample("causal", qkv((2,), 4, 4), {"causal": True})
    yield Sample("own scale", qkv((), 3, 4), {"scale": 0.5})
    padding = np.array([[True, True, False, False], [True, True, True, True]])[:, None, None, :]
    yield Sample("padding", (*qkv((2, 2), 3, 4), padding))
    yield Sample("a fully masked row", (*qkv((2,), 3, 4), np.array([[True] * 4, [False] * 4, [True, False] * 2])))
    yield Sample("causal and padding", (*qkv((2, 2), 4, 4), padding), {"causal": True})
    q, k, v = qkv((2, 3), 3, 4)
    yield Sample("broadcast heads", (q, k[:1], v[:, :1]))
    yield Sample("one token", qkv((2,), 1, 1))


def blocked_attention_samples(rng: np.random.Generator) -> Samples:
    for name, inputs, options in attention_samples(rng):
        yield Sample(name, inputs, {**options, "queries": 2, "keys": 3})


def cross_entropy_samples(rng: np.random.Generator) -> Samples:
    logits, targets = rng.normal(size=(6, 5)), np.array([0, 4, 2, 2, -100, 1])
    for reduction in ("mean", "sum", "none"):
        for smoothing in (0.0, 0.1):
            options = {"reduction": reduction, "label_smoothing": smoothing}
            yield Sample(f"{reduction}, smoothing {smoothing}", (logits, targets), options)
    yield Sample("another ignore_index", (logits, np.array([0, 4, 2, 2, 2, 1])), {"ignore_index": 2})
    yield Sample("batch and tokens", (rng.normal(size=(2, 3, 4)), rng.integers(0, 4, (2, 3))))
    yield Sample("one class", (rng.normal(size=(2, 1)), np.zeros(2, int)))


def linear_cross_entropy_samples(rng: np.random.Generator) -> Samples:
    x, weight, bias = rng.normal(size=(6, 3)), rng.normal(size=(5, 3)), rng.normal(size=5)
    targets = np.array([0, 4, 2, 2, -100, 1])
    for reduction in ("mean", "sum", "none"):
        for smoothing in (0.0, 0.1):
            options = {"reduction": reduction, "label_smoothing": smoothing}
            yield Sample(f"{reduction}, smoothing {smoothing}", (x, weight, targets, bias), options)
    yield Sample("another ignore_index", (x, weight, np.array([0, 4, 2, 2, 2, 1]), bias), {"ignore_index": 2})
    yield Sample("batch and tokens", (rng.normal(size=(2, 3, 4)), rng.normal(size=(5, 4)), rng.integers(0, 5, (2, 3))))
