"""Self-attention: one input that is used three times."""

import numpy as np

from ..exercise import Cases, Exercise, Mistake


def cases(rng: np.random.Generator) -> Cases:
    yield rng.normal(size=(2, 3, 4)), *rng.normal(size=(3, 4, 5))
    yield rng.normal(size=(3, 2, 2)), *rng.normal(size=(3, 2, 2))


WEIGHTS = """
dwq = np.einsum("bti,bto->io", x, dq)
dwk = np.einsum("bti,bto->io", x, dk)
dwv = np.einsum("bti,bto->io", x, dv)
"""

exercise = Exercise(
    title="Self-attention: one input, used three times",
    template='''
"""Self-attention: one input, used three times

x (B, T, D), wq, wk, wv (D, d) -> y (B, T, d)

    q = x wq,  k = x wk,  v = x wv
    y = attention(q, k, v)

Every token asks (q), is asked (k) and answers (v): x goes into the product three times. What comes back to x along
three ways adds up. The attention itself is given, you have written it.
"""

import numpy as np


def attention(q, k, v):
    s = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    exp = np.exp(s - s.max(axis=-1, keepdims=True))
    p = exp / exp.sum(axis=-1, keepdims=True)
    return p @ v, p


def attention_backward(g, q, k, v, p):
    dp = g @ v.swapaxes(-1, -2)
    ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True))
    scaled = ds / np.sqrt(q.shape[-1])
    return scaled @ k, scaled.swapaxes(-1, -2) @ q, p.swapaxes(-1, -2) @ g


def forward(x, wq, wk, wv):
    return attention(x @ wq, x @ wk, x @ wv)[0]


def backward(g, x, wq, wk, wv):
    q, k, v = x @ wq, x @ wk, x @ wv
    y, p = attention(q, k, v)
    dq, dk, dv = attention_backward(g, q, k, v, p)
    # --- your part ---
    dx = ...
    dwq = ...
    dwk = ...
    dwv = ...
    # --- end of your part ---
    return dx, dwq, dwk, dwv
''',
    solution="""
dx = dq @ wq.T + dk @ wk.T + dv @ wv.T
rows = x.reshape(-1, x.shape[-1])
dwq = rows.T @ dq.reshape(len(rows), -1)
dwk = rows.T @ dk.reshape(len(rows), -1)
dwv = rows.T @ dv.reshape(len(rows), -1)
""",
    alternatives={
        "one wide product, as it is done in practice": """
        together = np.concatenate([dq, dk, dv], axis=-1)
        dx = together @ np.concatenate([wq, wk, wv], axis=1).T
        dwq, dwk, dwv = np.split(np.tensordot(x, together, axes=((0, 1), (0, 1))), 3, axis=1)
        dwq, dwk, dwv = dwq.copy(), dwk.copy(), dwv.copy()
        """,
        "einsum, path by path": f"""
dx = np.zeros_like(x)
for back, weight in ((dq, wq), (dk, wk), (dv, wv)):
    dx += np.einsum("bto,io->bti", back, weight)
{WEIGHTS}
""",
        "one sentence at a time": """
        dx = np.stack([a @ wq.T + b @ wk.T + c @ wv.T for a, b, c in zip(dq, dk, dv)])
        dwq = sum(sentence.T @ back for sentence, back in zip(x, dq))
        dwk = sum(sentence.T @ back for sentence, back in zip(x, dk))
        dwv = sum(sentence.T @ back for sentence, back in zip(x, dv))
        """,
    },
    mistakes=(
        Mistake(
            "dx has only the path through the queries; the keys and the values were made of x as well.",
            f"dx = dq @ wq.T\n{WEIGHTS}",
        ),
        Mistake(
            "dx has only the path through the values: each assignment overwrote the one before; the three add up.",
            f"dx = dq @ wq.T\ndx = dk @ wk.T\ndx = dv @ wv.T\n{WEIGHTS}",
        ),
        Mistake("The path through the keys is missing in dx.", f"dx = dq @ wq.T + dv @ wv.T\n{WEIGHTS}"),
        Mistake("The path through the queries is missing in dx.", f"dx = dk @ wk.T + dv @ wv.T\n{WEIGHTS}"),
        Mistake("The path through the values is missing in dx.", f"dx = dq @ wq.T + dk @ wk.T\n{WEIGHTS}"),
        Mistake(
            "The three paths are averaged; what comes along several ways is summed.",
            f"dx = (dq @ wq.T + dk @ wk.T + dv @ wv.T) / 3\n{WEIGHTS}",
        ),
        Mistake(
            "The gradients of the weights are averaged over the sentences; they add up over the batch.",
            f"""
dx = dq @ wq.T + dk @ wk.T + dv @ wv.T
{WEIGHTS}
dwq, dwk, dwv = dwq / len(x), dwk / len(x), dwv / len(x)
""",
        ),
    ),
    hints=(
        "If one number of x grows, which of q, k and v change?",
        "Each of the three is a linear layer without a bias: it sends (its gradient) @ (its weight).T to x. The "
        "gradient of a weight sums over sentences and tokens: flatten both axes.",
        "dx = dq @ wq.T + dk @ wk.T + dv @ wv.T; and with rows = x.reshape(-1, D): dwq = rows.T @ dq.reshape(-1, d), "
        "the others likewise.",
    ),
    note="Every fork in the forward pass is a sum in the backward pass. That is half of backpropagation; the other "
    "half is the chain rule. The engine: MultiHeadSelfAttention in minattn/nn/attention.py, and the addition in "
    "`walk` of minattn/graph.py.",
    cases=cases,
    answers=("dx", "dwq", "dwk", "dwv"),
)
