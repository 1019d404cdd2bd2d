"""AdamW: every number gets a step of its own size

p parameter, g gradient, m, v (all of one shape), step (1, 2, …), lr, decay -> new_p, new_m, new_v

    1  m = β1 m + (1 - β1) g          a running mean of the gradient: where to
    2  v = β2 v + (1 - β2) g²         a running mean of its square: how rough
    3  m̂ = m / (1 - β1^step)          both start at 0, so that they are too small at first
       v̂ = v / (1 - β2^step)
    4  p = p - lr decay p             weight decay, straight on the parameter: the W
    5  p = p - lr m̂ / (√v̂ + ε)

In line 4 and 5 the old p is meant: p - lr decay p - lr m̂ / (√v̂ + ε).
Return new arrays; what comes in must stay as it is.
"""

import numpy as np

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


def adamw(p, g, m, v, step, lr, decay):
    # --- your part ---
    new_m = BETA1 * m + (1 - BETA1) * g
    new_v = BETA2 * v + (1 - BETA2) * g * g
    m_hat = new_m / (1 - BETA1**step)
    v_hat = new_v / (1 - BETA2**step)
    new_p = p * (1 - lr * decay) - lr * m_hat / (np.sqrt(v_hat) + EPS)
    # --- end of your part ---
    return new_p, new_m, new_v
