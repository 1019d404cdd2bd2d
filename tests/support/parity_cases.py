"""Calls that test_parity_ops runs on minattn and on PyTorch: every function, with plain and edge cases."""

import math

import numpy as np

rng = np.random.default_rng(0)


def normal(*shape):
    return np.asarray(rng.normal(size=shape))


def positive(*shape):
    return np.asarray(rng.uniform(0.3, 3.0, shape))


def flags(*shape):
    return np.asarray(rng.random(shape) < 0.5)


def ids(high, *shape):
    return np.asarray(rng.integers(0, high, shape))


SHAPES = [(3, 4), (2, 3, 4), (1,), (3, 1, 2), (0,), (2, 0, 3), ()]
PAIRS = [
    *(((3, 4), (3, 4)), ((3, 4), (4,)), ((4,), (3, 4)), ((3, 1), (1, 4)), ((2, 1, 3), (4, 1)), ((), (2, 3))),
    *(((1, 1), (5, 1)), ((0, 3), (1, 3)), ((2, 0), (2, 1)), ((), ())),
]
EXTREME = np.array([[1e4, -1e4, 0.0, 1.0], [1e4, 1e4, -1e4, 3.0], [-1e4, -1e4, -1e4, -1e4]])
TIED = np.array([[1.0, 2.0, 2.0, 0.0], [3.0, 3.0, 3.0, 3.0], [0.0, -1.0, 2.0, 0.0]])
ROWS = (EXTREME, TIED, normal(3, 1), normal(0, 3))
BASE = np.array([0.0, 0.0, 0.0, 2.0, 0.5, 1.0])
EXPONENT = np.array([0.0, 1.0, 2.0, 0.0, -1.5, 3.0])
MATRICES = [
    *(((3, 4), (4, 5)), ((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 5)), ((2, 3, 4), (4, 5)), ((2, 3, 4), (4,))),
    *(((4,), (2, 4, 3)), ((2, 1, 3, 4), (5, 4, 6)), ((0, 4), (4, 3)), ((3, 0), (0, 4)), ((1, 1), (1, 1))),
]
EQUATIONS = [
    *(("ij,jk->ik", (3, 4), (4, 5)), ("ij,jk", (3, 4), (4, 5)), ("bqd,bkd->bqk", (2, 3, 4), (2, 5, 4))),
    *(("bhqk,bkhd->bqhd", (2, 3, 4, 5), (2, 5, 3, 6)), ("i,j->ij", (3,), (4,)), ("ij,ij->", (3, 4), (3, 4))),
    *(("ij,ij->ji", (3, 4), (3, 4)), ("ij,k->ik", (3, 4), (5,)), ("ij,k->", (3, 4), (5,))),
    *(("...ij,...jk->...ik", (2, 3, 4), (4, 5)), ("...i,i...", (2, 3), (3, 2)), ("ba,cb", (2, 3), (4, 2))),
    *(("ij,jk->ik", (3, 0), (0, 2)), ("ij,jk->ik", (0, 3), (3, 2)), ("bij,bjk->bik", (1, 2, 3), (4, 3, 2))),
]


def attention_inputs(batch, t, s, d=5, e=3):
    return normal(*batch, t, d), normal(*batch, s, d), normal(*batch, s, e)


PADDING = np.array([[True, True, True, False], [True, False, False, False]])[:, None, None, :]
CAUSAL = np.tril(np.ones((4, 4), bool))
BLIND = np.array([[True, False, True, True], [False] * 4, [False, False, True, False]])  # row 1 may look nowhere

SOME_IGNORED = np.where(rng.random((2, 5)) < 0.4, -100, ids(4, 2, 5))
CLASSES = [
    *((normal(5, 4), ids(4, 5)), (normal(4), ids(4)), (normal(1, 4), ids(4, 1)), (normal(3, 1), ids(1, 3))),
    *((normal(2, 4, 5), SOME_IGNORED), (normal(2, 4, 3, 5), ids(4, 2, 3, 5)), (EXTREME, np.array([0, 2, 3]))),
    (normal(5, 4), np.array([1, -100, 0, -100, 3])),
]

UNARY = ("exp", "tanh", "sigmoid", "relu", "gelu", "neg")

# name -> (call on the functions F, its inputs); the same call runs on both libraries


def linear_loss(**options):
    return lambda F, x, w, b, t: F.linear_cross_entropy(x, w, t, linear_bias=b, **options)


CASES = {
    **{name: [(lambda F, x, name=name: getattr(F, name)(x), normal(*s)) for s in SHAPES] for name in UNARY},
    **{
        name: [(lambda F, x, name=name: getattr(F, name)(x), positive(*s)) for s in SHAPES]
        for name in ("log", "sqrt")
    },
    **{
        name: [(lambda F, a, b, name=name: getattr(F, name)(a, b), normal(*p), normal(*q)) for p, q in PAIRS]
        for name in ("add", "subtract", "multiply", "maximum")
    },
    "divide": [(lambda F, a, b: F.divide(a, b), normal(*p), positive(*q)) for p, q in PAIRS],
    "pow": [
        *((lambda F, a, b: F.pow(a, b), positive(*p), normal(*q)) for p, q in PAIRS),
        (lambda F, a, b: F.pow(a, b), BASE, EXPONENT),
        *((lambda F, a, n=n: F.pow(a, n), np.array([-2.0, 0.0, 3.0])) for n in (0, 1, 2, 3.0)),
        (lambda F, b: F.pow(2, b), normal(3)),
    ],
    "where": [
        *((lambda F, c, a, b: F.where(c, a, b), flags(*q), normal(*p), normal(*q)) for p, q in PAIRS),
        (lambda F, c, a: F.where(c, a, 2.5), np.array([True, False, True]), normal(2, 3)),
        (lambda F, c, a: F.where(c, -1, a), np.array([[True], [False]]), normal(2, 3)),
    ],
    "concatenate": [(lambda F, a, b: F.concatenate([a, b], 1), normal(2, 3), normal(2, 1))],
    "cat": [
        (lambda F, a, b: F.cat([a, b]), normal(2, 3), normal(4, 3)),
        (lambda F, a, b, c: F.cat((a, b, c), dim=-1), normal(2, 3), normal(2, 0), normal(2, 1)),
        (lambda F, a: F.cat([a, a], 1), normal(2, 3)),
    ],
    "stack": [
        (lambda F, a, b: F.stack([a, b]), normal(2, 3), normal(2, 3)),
        (lambda F, a, b: F.stack((a, b, a), dim=-1), normal(2, 3), normal(2, 3)),
        (lambda F, a: F.stack([a], 1), normal(2, 0)),
    ],
    "split": [
        (lambda F, a: F.split(a, 2), normal(5, 3)),
        (lambda F, a: F.split(a, 7, 1), normal(5, 3)),
        (lambda F, a: F.split(a, [1, 0, 2], dim=-1), normal(5, 3)),
        (lambda F, a: F.split(a, 2), normal(0, 3)),
    ],
    "matmul": [(lambda F, a, b: F.matmul(a, b), normal(*p), normal(*q)) for p, q in MATRICES],
    "einsum": [(lambda F, a, b, e=e: F.einsum(e, a, b), normal(*p), normal(*q)) for e, p, q in EQUATIONS],
    "linear": [
        *((lambda F, x, w, b: F.linear(x, w, b), normal(*s, 4), normal(5, 4), normal(5)) for s in SHAPES),
        (lambda F, x, w: F.linear(x, w), normal(2, 3, 4), normal(5, 4)),
        (lambda F, x, w, b: F.linear(x, w, bias=b), normal(3, 0), normal(2, 0), normal(2)),
        (lambda F, x, w, b: F.linear(x, w, b), normal(3, 4), normal(0, 4), normal(0)),
    ],
    "reshape": [
        (lambda F, x: F.reshape(x, (4, -1)), normal(3, 4)),
        (lambda F, x: F.reshape(x, ()), normal(1, 1)),
        (lambda F, x: F.reshape(x, [3, 0]), normal(0, 2)),
    ],
    "permute": [
        (lambda F, x: F.permute(x, (2, 0, 1)), normal(2, 3, 4)),
        (lambda F, x: F.permute(x, (-1, 0, -2)), normal(2, 3, 4)),
    ],
    "transpose": [
        (lambda F, x: F.transpose(x, 0, 2), normal(2, 3, 4)),
        (lambda F, x: F.transpose(x, -1, 1), normal(2, 3, 0)),
    ],
    "broadcast_to": [
        (lambda F, x: F.broadcast_to(x, (2, 3, 4)), normal(3, 1)),
        (lambda F, x: F.broadcast_to(x, (2, -1, 4)), normal(3, 1)),
        (lambda F, x: F.broadcast_to(x, (0, 3)), normal(1, 3)),
    ],
    "sum": [
        *((lambda F, x: F.sum(x), normal(*s)) for s in SHAPES),
        *((lambda F, x, d=d: F.sum(x, d, True), normal(2, 3, 4)) for d in (0, -1, (0, 2), (-1, 1))),
        (lambda F, x: F.sum(x, dim=1), normal(2, 0, 3)),
    ],
    "mean": [
        *((lambda F, x: F.mean(x), normal(*s)) for s in SHAPES if 0 not in s),
        *((lambda F, x, d=d: F.mean(x, d, keepdim=True), normal(2, 3, 4)) for d in (0, -1, (0, 2))),
        (lambda F, x: F.mean(x, 0), normal(2, 0)),
    ],
    "var": [
        *((lambda F, x, d=d: F.var(x, d), normal(2, 3, 4)) for d in (None, 0, -1, (0, 2))),
        (lambda F, x: F.var(x), normal(2, 3)),
        (lambda F, x: F.var(x, 1, correction=0, keepdim=True), normal(2, 3)),
        (lambda F, x: F.var(x, dim=0, correction=2), normal(4, 3)),
        (lambda F, x: F.var(x, 1, correction=0), normal(3, 1)),
        (lambda F, x: F.var(x, 1, False, True), normal(3, 4)),  # the older form: unbiased, keepdim
    ],
    "amax": [
        *((lambda F, x, x0=x0: F.amax(x), x0) for x0 in (normal(2, 3), TIED)),
        *((lambda F, x, d=d: F.amax(x, d, True), TIED) for d in (0, 1, (0, 1))),
        (lambda F, x: F.amax(x, dim=-1), normal(0, 3)),
        (lambda F, x: F.amax(x, 1), normal(3, 1)),
    ],
    "softmax": [
        *((lambda F, x, d=d: F.softmax(x, d), normal(2, 3, 4)) for d in (0, 1, -1)),
        *((lambda F, x: F.softmax(x, dim=-1), x) for x in (*ROWS, normal(3, 0), normal())),
        (lambda F, mask, x: F.softmax(F.where(mask, x, -math.inf), -1), CAUSAL, normal(2, 4, 4)),
    ],
    "log_softmax": [
        *((lambda F, x, d=d: F.log_softmax(x, d), normal(2, 3, 4)) for d in (0, 1, -1)),
        *((lambda F, x: F.log_softmax(x, dim=-1), x) for x in ROWS),
    ],
    "logsumexp": [
        *((lambda F, x, d=d: F.logsumexp(x, d), normal(2, 3, 4)) for d in (0, 1, -1)),
        *((lambda F, x: F.logsumexp(x, 1, keepdim=True), x) for x in ROWS),
    ],
    "layer_norm": [
        *((lambda F, x, *w: F.layer_norm(x, (4,), *w), normal(*s, 4), normal(4), normal(4)) for s in SHAPES),
        (lambda F, x, w, b: F.layer_norm(x, (3, 4), w, b), normal(2, 3, 4), normal(3, 4), normal(3, 4)),
        (lambda F, x, w, b: F.layer_norm(x, [3, 4], w, b, 0.1), normal(3, 4), normal(3, 4), normal(3, 4)),
        (lambda F, x: F.layer_norm(x, (4,)), normal(3, 4)),
        (lambda F, x, w: F.layer_norm(x, (4,), weight=w, eps=1e-12), normal(3, 4), normal(4)),
        (lambda F, x, b: F.layer_norm(x, (4,), bias=b), normal(3, 4), normal(4)),
        (lambda F, x, w, b: F.layer_norm(x, (1,), w, b), normal(3, 1), normal(1), normal(1)),
        (lambda F, x: F.layer_norm(x, (4,)), EXTREME),
    ],
    "dropout": [
        (lambda F, x: F.dropout(x, 0.0), normal(3, 4)),
        (lambda F, x: F.dropout(x, 0.5, False), normal(3, 4)),
        (lambda F, x: F.dropout(x, training=False), normal(3, 4)),
    ],
    "embedding": [
        *((lambda F, i, w: F.embedding(i, w), i, normal(7, 4)) for i in (ids(7, 2, 5), ids(7), ids(7, 2, 0))),
        (lambda F, i, w: F.embedding(i, w), np.array([3, 3, 3, 0, 3]), normal(7, 4)),
        (lambda F, i, w: F.embedding(i, w), np.array([[0], [0]]), normal(1, 1)),
        (lambda F, i, w: F.embedding(i, w), ids(7, 3), normal(7, 0)),
    ],
    "cross_entropy": [
        *(
            (lambda F, x, t, r=r, e=e: F.cross_entropy(x, t, reduction=r, label_smoothing=e), x, targets)
            for x, targets in CLASSES
            for r in ("mean", "sum", "none")
            for e in (0.0, 0.1, 1.0)
        ),
        (lambda F, x, t: F.cross_entropy(x, t, ignore_index=2), normal(5, 4), np.array([2, 1, 0, 2, 3])),
        (lambda F, x, t: F.cross_entropy(x, t, reduction="sum"), normal(0, 4), ids(4, 0)),
        (lambda F, x, t: F.cross_entropy(x, t, reduction="sum"), normal(3, 4), np.full(3, -100)),
        (lambda F, x, t: F.cross_entropy(x, t, reduction="none"), normal(2, 4, 0), ids(4, 2, 0)),
    ],
    "linear_cross_entropy": [
        *(
            (linear_loss(reduction=r, label_smoothing=e), normal(6, 3), normal(5, 3), normal(5), targets)
            for r in ("mean", "sum", "none")
            for e in (0.0, 0.3)
            for targets in (ids(5, 6), np.array([0, -100, 2, 4, -100, 1]))
        ),
        (linear_loss(ignore_index=2), normal(5, 3), normal(4, 3), normal(4), np.array([2, 1, 0, 2, 3])),
        (linear_loss(reduction="sum"), normal(3, 2), normal(4, 2), normal(4), np.full(3, -100)),
        (lambda F, x, w, t: F.linear_cross_entropy(x, w, t), normal(5, 3), normal(4, 3), ids(4, 5)),
    ],
    "scaled_dot_product_attention": [
        *(
            (lambda F, *qkv: F.scaled_dot_product_attention(*qkv), *attention_inputs(batch, t, s, d))
            for batch, t, s, d in (
                *(((2, 3), 4, 6, 5), ((2,), 1, 1, 5), ((), 3, 4, 1), ((2, 1), 3, 3, 5), ((0,), 3, 4, 5)),
                *(((2,), 0, 4, 5), ((2,), 3, 0, 5), ((2,), 3, 4, 0)),
            )
        ),
        *(
            (lambda F, *x: F.scaled_dot_product_attention(*x), *attention_inputs((2, 3), t, 4), mask)
            for t, mask in ((3, PADDING), (4, PADDING & CAUSAL), (3, BLIND), (1, np.zeros((1, 4), bool)))
        ),
        *(
            (lambda F, *x: F.scaled_dot_product_attention(*x, is_causal=True), *attention_inputs((2, 3), *ts))
            for ts in ((4, 4), (3, 5), (5, 3), (1, 1))
        ),
        (lambda F, *x: F.scaled_dot_product_attention(*x, scale=0.7), *attention_inputs((2, 3), 4, 4)),
        (lambda F, *x: F.scaled_dot_product_attention(*x, scale=1e2), *attention_inputs((2, 3), 4, 4)),
        (lambda F, *x: F.scaled_dot_product_attention(*x), normal(2, 3, 4, 5), normal(4, 5), normal(3, 4, 2)),
    ],
}  # fmt: skip
CASES["gelu"] += [
    *((lambda F, x: F.gelu(x, approximate="tanh"), normal(*s)) for s in SHAPES),
    *((lambda F, x, a=a: F.gelu(x, approximate=a), np.linspace(-12, 12, 97)) for a in ("none", "tanh")),
    *((lambda F, x, a=a: F.gelu(x, approximate=a), np.array([-1e4, -40.0, 40.0, 1e4])) for a in ("none", "tanh")),
]
CASES["sigmoid"] += [(lambda F, x: F.sigmoid(x), EXTREME)]
CASES["tanh"] += [(lambda F, x: F.tanh(x), EXTREME)]
CASES["relu"] += [(lambda F, x: F.relu(x), np.array([0.0, -0.0, -1.0, 1.0]))]
CASES["maximum"] += [(lambda F, a, b: F.maximum(a, b), TIED, TIED[:, ::-1].copy())]
