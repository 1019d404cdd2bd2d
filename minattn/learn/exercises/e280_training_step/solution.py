"""One training step: everything in its place

A model that restores sentences: some words of the input are blanks, and the target is the sentence without blanks. It
needs positions to know where a blank is, and attention to see the words around it.

    parameters: dict of table (V, D), positions (T, D), wq, wk, wv (D, D), out (D, V)
    state:      dict of step (how many steps are done), m and v (dicts like parameters)
    ids, targets (B, T) integers; lr

    forward    1  x = embedding(ids, table) + positions
               2  q = x wq,  k = x wk,  v = x wv
               3  a = attention(q, k, v)
               4  y = x + a
               5  logits = y out
               6  loss = cross_entropy(logits, targets), of all tokens, one below the other
    backward   6 … 1: a gradient for each of the six parameters, in a dict of the same names
    clip       all gradients together, to a length of 1
    update     adamw for each parameter, with step + 1 and a decay of 0.01

You wrote every piece: what is imported are your own files. Return the loss, the new parameters and the new state, and
do not change the old ones. Then run this file (minattn learn run training_step): it trains, and restores a sentence.
"""

import numpy as np
from own import adamw, attention, clipping, cross_entropy, embedding


def training_step(parameters, state, ids, targets, lr):
    # --- your part ---
    # forward
    x = embedding.forward(ids, parameters["table"]) + parameters["positions"]
    q, k, v = x @ parameters["wq"], x @ parameters["wk"], x @ parameters["wv"]
    a = attention.forward(q, k, v)
    y = x + a
    logits = y @ parameters["out"]
    flat = logits.reshape(-1, logits.shape[-1])
    loss = cross_entropy.forward(flat, targets.ravel())
    # backward
    dlogits = cross_entropy.backward(1.0, flat, targets.ravel())[0].reshape(logits.shape)
    rows = x.reshape(-1, x.shape[-1])
    gradients = {}
    gradients["out"] = y.reshape(len(rows), -1).T @ dlogits.reshape(len(rows), -1)
    dy = dlogits @ parameters["out"].T
    dq, dk, dv = attention.backward(dy, q, k, v)
    gradients["wq"] = rows.T @ dq.reshape(rows.shape)
    gradients["wk"] = rows.T @ dk.reshape(rows.shape)
    gradients["wv"] = rows.T @ dv.reshape(rows.shape)
    dx = dy + dq @ parameters["wq"].T + dk @ parameters["wk"].T + dv @ parameters["wv"].T
    gradients["positions"] = dx.sum(axis=0)
    gradients["table"] = embedding.backward(dx, ids, parameters["table"])[1]
    # clip, and update
    clipped = clipping.clip([gradients[name] for name in parameters], 1.0)[1]
    step = state["step"] + 1
    new_parameters, m, v = {}, {}, {}
    for name, g in zip(parameters, clipped):
        moments = state["m"][name], state["v"][name]
        new_parameters[name], m[name], v[name] = adamw.adamw(parameters[name], g, *moments, step, lr, 0.01)
    new_state = {"step": step, "m": m, "v": v}
    # --- end of your part ---
    return loss, new_parameters, new_state


SENTENCES = """the old cat slept by the fire
the young dog ran to the river
a grey horse stood in the rain
the small boy sang for his mother
a tall girl wrote to her brother
the red bus stopped at the bridge
a late train left from the harbour
the cold moon rose over the hills"""


if __name__ == "__main__":  # run this file and see it learn
    sentences = [line.split() for line in SENTENCES.splitlines()]
    words = ["[MASK]", *sorted({word for sentence in sentences for word in sentence})]
    text = np.array([[words.index(word) for word in sentence] for sentence in sentences])
    V, T, D = len(words), text.shape[1], 32
    rng = np.random.default_rng(0)
    shapes = {"table": (V, D), "positions": (T, D), "wq": (D, D), "wk": (D, D), "wv": (D, D), "out": (D, V)}
    parameters = {name: rng.normal(0, D**-0.5, shape) for name, shape in shapes.items()}
    state = {"step": 0} | {k: {name: np.zeros(shape) for name, shape in shapes.items()} for k in "mv"}
    for i in range(401):
        targets = text[rng.integers(0, len(text), 32)]
        ids = np.where(rng.random(targets.shape) < 0.3, 0, targets)
        loss, parameters, state = training_step(parameters, state, ids, targets, lr=0.01)
        if i % 50 == 0:
            print(f"step {i:3}   loss {loss:.3f}   (guessing: {np.log(V):.3f})", flush=True)
    ids = np.where(np.arange(T) % 4 == 2, 0, text[:1])
    x = embedding.forward(ids, parameters["table"]) + parameters["positions"]
    y = x + attention.forward(*(x @ parameters[name] for name in ("wq", "wk", "wv")))
    print(" ".join(words[i] for i in ids[0]))
    print(" ".join(words[i] for i in (y @ parameters["out"]).argmax(axis=-1)[0]))
