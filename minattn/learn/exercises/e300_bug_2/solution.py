"""Find the bug, 2: it never learns where to look

The model of the training step, which is to read a word backwards here. Run this file: the loss goes down to about
1.1, and up again to about 1.5. With right gradients it is about 0.002 at the end.

The attention is in three pieces here, and one of the five backward passes is wrong. Ask the check, as the last lines of
this file do for the embedding. Mind the lengths: if there are as many queries as keys, some mistakes do not show as a
shape, and only the numbers tell.

Your part: the name of the wrong op, and its backward put right.
"""

import numpy as np


def embedding(ids, table):
    return table[ids]


def embedding_backward(g, ids, table):
    dtable = np.zeros_like(table)
    np.add.at(dtable, ids, g)
    return None, dtable


def scores(q, k):
    return q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])


def scores_backward(g, q, k):
    g = g / np.sqrt(q.shape[-1])
    return g.swapaxes(-1, -2) @ k, g @ q


def softmax(x):
    exp = np.exp(x - x.max(axis=-1, keepdims=True))
    return exp / exp.sum(axis=-1, keepdims=True)


def softmax_backward(g, x):
    p = softmax(x)
    return p * g - p * (p * g).sum(axis=-1, keepdims=True)


def weighted_sum(p, v):
    return p @ v


def weighted_sum_backward(g, p, v):
    return g @ v.swapaxes(-1, -2), p.swapaxes(-1, -2) @ g


def cross_entropy(logits, targets):
    p = softmax(logits)
    return -np.log((p * np.eye(logits.shape[-1])[targets]).sum(axis=-1)).mean()


def cross_entropy_backward(g, logits, targets):
    return g * (softmax(logits) - np.eye(logits.shape[-1])[targets]) / targets.size, None


# --- your part ---
WRONG = "scores"  # "embedding", "scores", "softmax", "weighted_sum" or "cross_entropy"


def repaired(g, *inputs):
    q, k = inputs
    g = g / np.sqrt(q.shape[-1])
    return g @ k, g.swapaxes(-1, -2) @ q


# --- end of your part ---


def backward_of(name):
    """The backward pass of an op: yours, if you say that it is the wrong one."""
    return repaired if name == WRONG else globals()[f"{name}_backward"]


def rows(array):
    return array.reshape(-1, array.shape[-1])


def forward(P, ids):
    x = embedding(ids, P["table"]) + P["positions"]
    q, k, v = x @ P["wq"], x @ P["wk"], x @ P["wv"]
    s = scores(q, k)
    p = softmax(s)
    y = x + weighted_sum(p, v)
    return x, q, k, v, s, p, y, y @ P["out"]


def gradients(parameters, ids, targets):
    """The gradient of every parameter."""
    P, G = parameters, {}
    x, q, k, v, s, p, y, logits = forward(P, ids)
    dlogits, _ = backward_of("cross_entropy")(np.array(1.0), logits, targets)
    G["out"] = rows(y).T @ rows(dlogits)
    dy = dlogits @ P["out"].T
    dp, dv = backward_of("weighted_sum")(dy, p, v)
    ds = backward_of("softmax")(dp, s)
    dq, dk = backward_of("scores")(ds, q, k)
    dx = dy + dq @ P["wq"].T + dk @ P["wk"].T + dv @ P["wv"].T
    for name, d in (("wq", dq), ("wk", dk), ("wv", dv)):
        G[name] = rows(x).T @ rows(d)
    G["positions"] = dx.sum(axis=0)
    G["table"] = backward_of("embedding")(dx, ids, P["table"])[1]
    return G


def answer(parameters, ids, targets):
    """What is judged: the name, and the gradients of the whole model with your repair."""
    return WRONG, gradients(parameters, ids, targets)


def train(steps=201, T=6, D=16, lr=0.005):
    rng = np.random.default_rng(0)
    shapes = {"table": (8, D), "positions": (T, D), "wq": (D, D), "wk": (D, D), "wv": (D, D), "out": (D, 8)}
    P = {name: rng.normal(0, D**-0.5, shape) for name, shape in shapes.items()}
    m, v = ({name: np.zeros(shape) for name, shape in shapes.items()} for _ in "mv")
    for step in range(1, steps + 1):
        ids = rng.integers(0, 8, (32, T))
        if step % 50 == 1:
            print(f"step {step - 1:3}   loss {cross_entropy(forward(P, ids)[-1], ids[:, ::-1]):.3f}")
        for name, g in gradients(P, ids, ids[:, ::-1]).items():
            m[name], v[name] = 0.9 * m[name] + 0.1 * g, 0.99 * v[name] + 0.01 * g * g
            P[name] = P[name] - lr * m[name] / (1 - 0.9**step) / (np.sqrt(v[name] / (1 - 0.99**step)) + 1e-8)


if __name__ == "__main__":
    train()

    from minattn.check import check_backward

    rng = np.random.default_rng(0)
    print(check_backward(embedding, embedding_backward, [np.array([2, 0, 2]), rng.normal(size=(4, 3))]))
