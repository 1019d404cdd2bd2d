"""Cross-entropy from logits: where every gradient starts."""

import numpy as np

from ..exercise import Cases, Exercise


def cases(rng: np.random.Generator) -> Cases:
    yield rng.normal(size=(6, 5)), np.array([0, 4, 2, 2, 3, 1])
    yield 2 * rng.normal(size=(3, 4)), rng.integers(0, 4, 3)


exercise = Exercise(
    title="Cross-entropy: what it says minus what is so",
    template='''
"""Cross-entropy: what it says minus what is so

logits (N, V), targets (N,) integers -> loss, one number

    1  p = softmax(logits)
    2  l_n = -ln p_n[target_n]            the surprise at the right class
    3  loss = mean of l_n

From the logits it is computed in one go, so that no p rounds to 0:

    l_n = ln Σ exp(logits_n) - logits_n[target_n]

Differentiate that by one logit. You know the slope of ln Σ exp. And mind line 3.

g, the upstream, is one number: 1 if the loss is the end, but do not count on it.
"""

import numpy as np


def forward(logits, targets):
    z = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(z).sum(axis=1))
    return (log_sum - z[np.arange(len(z)), targets]).mean()


def backward(g, logits, targets):
    # --- your part ---
    dlogits = ...
    # --- end of your part ---
    return dlogits, None
''',
    solution="""
exp = np.exp(logits - logits.max(axis=1, keepdims=True))
p = exp / exp.sum(axis=1, keepdims=True)
y = np.eye(logits.shape[1])[targets]
dlogits = g * (p - y) / len(logits)
""",
    alternatives={
        "subtract at the targets": """
        p = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
        dlogits = p.copy()
        dlogits[np.arange(len(p)), targets] -= 1
        dlogits *= g / len(p)
        """,
        "by way of log-softmax": """
        # loss = -mean(y[target]); log-softmax sends back dy - p Σ dy
        p = np.exp(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))
        dy = np.zeros_like(logits)
        dy[np.arange(len(dy)), targets] = -g / len(dy)
        dlogits = dy - p * dy.sum(axis=1, keepdims=True)
        """,
        "row by row": """
        dlogits = np.zeros_like(logits)
        for n, (row, target) in enumerate(zip(logits, targets)):
            for v in range(len(row)):
                probability = 1 / np.exp(row - row[v]).sum()
                dlogits[n, v] = g * (probability - (v == target)) / len(logits)
        """,
    },
    steps={"p": "softmax of the logits, row by row", "y": "the right classes as one-hot rows"},
    hints=(
        "What is the derivative of ln Σ exp(x) by x_j? (Log-softmax asked you that.) And of logits[target] by x_j?",
        "dl_n/dx_j = p_j - 1 for the target, p_j for the others: p minus one-hot. The mean divides by the number of "
        "rows, and g multiplies.",
        "dlogits = g * (p - np.eye(V)[targets]) / N, with p the softmax of each row.",
    ),
    note="p - y, over N: what the model says minus what is so. Every other gradient of the training is this one, sent "
    "through the ops you wrote. Each row adds up to 0. The engine: CrossEntropy in minattn/ops/cross_entropy.py.",
    cases=cases,
    answers=("dlogits", "targets"),
    like="cross_entropy",
)
