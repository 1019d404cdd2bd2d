"""Find the bug: attention that never learns where to look."""

import numpy as np

from ..bug_hunt import finds
from ..exercise import Cases, Exercise, Mistake


def cases(rng: np.random.Generator) -> Cases:
    for batch, tokens, width, size in ((2, 3, 4, 5), (3, 2, 5, 3)):
        square = {name: rng.normal(size=(width, width)) for name in ("wq", "wk", "wv")}
        ends = {"table": rng.normal(size=(size, width)), "out": rng.normal(size=(width, size))}
        ids = rng.integers(0, size, (batch, tokens))
        yield {**ends, "positions": rng.normal(size=(tokens, width)), **square}, ids, ids[:, ::-1].copy()


exercise = Exercise(
    title="Find the bug, 2: it never learns where to look",
    template='''
"""Find the bug, 2: it never learns where to look

The model of the last training step, which is to read a word backwards. Run this file: the loss goes down to about 1.1,
and up again to about 1.5. With right gradients it is about 0.002 at the end.

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
WRONG = ...  # "embedding", "scores", "softmax", "weighted_sum" or "cross_entropy"


def repaired(g, *inputs):
    ...
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
''',
    function="answer",
    solution="""
WRONG = "scores"


def repaired(g, q, k):
    g = g / np.sqrt(q.shape[-1])
    return g @ k, g.swapaxes(-1, -2) @ q
""",
    alternatives={
        "einsum": """
WRONG = "scores"


def repaired(g, q, k):
    d = q.shape[-1]
    return np.einsum("bij,bjc->bic", g, k) / d**0.5, np.einsum("bij,bic->bjc", g, q) / d**0.5
""",
        "the old one with the gradient turned": """
WRONG = "scores"


def repaired(g, *inputs):
    return scores_backward(np.swapaxes(g, 1, 2), *inputs)
""",
    },
    mistakes=(
        Mistake(
            "The name is right, but repaired is the old backward: queries and keys still get each other's g.",
            """
WRONG = "scores"


def repaired(g, q, k):
    return scores_backward(g, q, k)
""",
        ),
        Mistake(
            "Each of the two gradients is made right now, but the √d of forward was lost in the repair.",
            """
WRONG = "scores"


def repaired(g, q, k):
    return g @ k, g.swapaxes(-1, -2) @ q
""",
        ),
        Mistake(
            "dk and dq have changed places: dq = g k comes first.",
            """
WRONG = "scores"


def repaired(g, q, k):
    g = g / np.sqrt(q.shape[-1])
    return g.swapaxes(-1, -2) @ q, g @ k
""",
        ),
        Mistake(
            "softmax is innocent: the check passes it.",
            """
WRONG = "softmax"


def repaired(g, x):
    return softmax_backward(g, x)
""",
        ),
    ),
    hints=(
        "An op with two inputs can be wrong in one, in the other, or in both. Which ops have you not asked the check "
        "about yet?",
        "check_backward(scores, scores_backward, [q, k]) with q (2, 3, 4) and k (2, 3, 4), and then with a k (2, 5, "
        "4).",
        "scores_backward: s_ij = q_i · k_j, so q_i collects g_ij k_j over j, which is g @ k. The transposed g "
        "belongs to dk.",
    ),
    note="Wherever two lengths are equal, T and T here, a forgotten transpose fits. In a test let no two axes be of "
    "equal length. The engine's samples in minattn/ops/samples.py keep to that.",
    cases=cases,
    answers=("WRONG", "gradients"),
    accepts=finds(("embedding", "scores", "softmax", "weighted_sum", "cross_entropy")),
)
