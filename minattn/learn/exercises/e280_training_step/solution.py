"""One training step: everything in its place

A model that is to read a word backwards: token t of the target is token T - 1 - t of the input. It needs positions
to know where to look, and attention to look there.

    parameters: dict of table (V, D), positions (T, D), wq, wk, wv (D, D), out (D, V)
    state:      dict of step (how many steps are done), m and v (dicts like parameters)
    ids, targets (B, T) integers; lr

    forward    1  x = table[ids] + positions
               2  q = x wq,  k = x wk,  v = x wv
               3  a = attention(q, k, v)
               4  y = x + a
               5  logits = y out
               6  loss, dlogits = cross_entropy(logits, targets)
    backward   6 … 1: a gradient for each of the six parameters, in a dict of the same names
    clip       all gradients together, to a length of 1
    update     adamw for each parameter, with step + 1

You wrote every piece; those that are given below are your own. Return the loss, the new parameters and the new
state, and do not change the old ones. Then run this file: it trains.
"""

import numpy as np


def attention(q, k, v):
    """y, and the weights p, which its backward needs."""
    s = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    exp = np.exp(s - s.max(axis=-1, keepdims=True))
    p = exp / exp.sum(axis=-1, keepdims=True)
    return p @ v, p


def attention_backward(g, q, k, v, p):
    """dq, dk, dv"""
    dp = g @ v.swapaxes(-1, -2)
    ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True)) / np.sqrt(q.shape[-1])
    return ds @ k, ds.swapaxes(-1, -2) @ q, p.swapaxes(-1, -2) @ g


def cross_entropy(logits, targets):
    """The mean loss over all tokens, and dlogits."""
    exp = np.exp(logits - logits.max(axis=-1, keepdims=True))
    p = exp / exp.sum(axis=-1, keepdims=True)
    y = np.eye(logits.shape[-1])[targets]
    return -np.log((p * y).sum(axis=-1)).mean(), (p - y) / targets.size


def clip(gradients, max_norm):
    """The gradients (a dict), scaled down together where they are longer than max_norm."""
    norm = np.sqrt(sum((g * g).sum() for g in gradients.values()))
    return {name: g * min(1.0, max_norm / (norm + 1e-6)) for name, g in gradients.items()}


def adamw(p, g, m, v, step, lr, decay=0.01):
    """The new p, m and v."""
    m = 0.9 * m + 0.1 * g
    v = 0.99 * v + 0.01 * g * g
    change = m / (1 - 0.9**step) / (np.sqrt(v / (1 - 0.99**step)) + 1e-8)
    return p - lr * decay * p - lr * change, m, v


def training_step(parameters, state, ids, targets, lr):
    # --- your part ---
    # forward
    x = parameters["table"][ids] + parameters["positions"]
    q, k, v = x @ parameters["wq"], x @ parameters["wk"], x @ parameters["wv"]
    a, p = attention(q, k, v)
    y = x + a
    logits = y @ parameters["out"]
    loss, dlogits = cross_entropy(logits, targets)
    # backward
    rows = x.reshape(-1, x.shape[-1])
    gradients = {}
    gradients["out"] = y.reshape(len(rows), -1).T @ dlogits.reshape(len(rows), -1)
    dy = dlogits @ parameters["out"].T
    dq, dk, dv = attention_backward(dy, q, k, v, p)
    gradients["wq"] = rows.T @ dq.reshape(rows.shape)
    gradients["wk"] = rows.T @ dk.reshape(rows.shape)
    gradients["wv"] = rows.T @ dv.reshape(rows.shape)
    dx = dy + dq @ parameters["wq"].T + dk @ parameters["wk"].T + dv @ parameters["wv"].T
    gradients["positions"] = dx.sum(axis=0)
    gradients["table"] = np.zeros_like(parameters["table"])
    np.add.at(gradients["table"], ids, dx)
    # clip, and update
    clipped = clip(gradients, 1.0)
    step = state["step"] + 1
    new_parameters, m, v = {}, {}, {}
    for name in parameters:
        new_parameters[name], m[name], v[name] = adamw(
            parameters[name], clipped[name], state["m"][name], state["v"][name], step, lr
        )
    new_state = {"step": step, "m": m, "v": v}
    # --- end of your part ---
    return loss, new_parameters, new_state


if __name__ == "__main__":  # run this file and see it learn
    letters, T, D = "abcdefgh", 6, 16
    rng = np.random.default_rng(0)
    shapes = {"table": (8, D), "positions": (T, D), "wq": (D, D), "wk": (D, D), "wv": (D, D), "out": (D, 8)}
    parameters = {name: rng.normal(0, D**-0.5, shape) for name, shape in shapes.items()}
    state = {"step": 0} | {k: {name: np.zeros(shape) for name, shape in shapes.items()} for k in "mv"}
    for i in range(201):
        ids = rng.integers(0, 8, (32, T))
        loss, parameters, state = training_step(parameters, state, ids, ids[:, ::-1], lr=0.005)
        if i % 25 == 0:
            print(f"step {i:3}   loss {loss:.3f}   (guessing: {np.log(8):.3f})")
    x = parameters["table"][ids[:1]] + parameters["positions"]
    y = x + attention(*(x @ parameters[name] for name in ("wq", "wk", "wv")))[0]
    read = (y @ parameters["out"]).argmax(axis=-1)
    print("".join(letters[i] for i in ids[0]), "->", "".join(letters[i] for i in read[0]))
