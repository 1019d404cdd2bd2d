"""Cross-entropy: what it says minus what is so

logits (N, V), targets (N,) integers -> loss, one number

    1  p = softmax(logits)
    2  l_n = -ln p_n[target_n]            the surprise at the right class
    3  loss = mean of l_n

From the logits it is computed in one go, so that no p rounds to 0:

    l_n = ln Σ exp(logits_n) - logits_n[target_n]

Differentiate that by one logit. You know the slope of ln Σ exp. And mind line 3. Logits may be 800, where exp is
infinite, unless the largest logit of the row is taken away first.

g, the upstream, is one number: 1 if the loss is the end, but do not count on it.
"""

import numpy as np


def forward(logits, targets):
    z = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(z).sum(axis=1))
    return (log_sum - z[np.arange(len(z)), targets]).mean()


def backward(g, logits, targets):
    # --- your part ---
    exp = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = exp / exp.sum(axis=1, keepdims=True)
    y = np.eye(logits.shape[1])[targets]
    dlogits = g * (p - y) / len(logits)
    # --- end of your part ---
    return dlogits, None
