"""One whole training step: every piece of the course in its place."""

import numpy as np

from ..exercise import Cases, Exercise, Mistake


def cases(rng: np.random.Generator) -> Cases:
    for step, (tokens, width, size) in ((0, (4, 5, 3)), (3, (3, 2, 4))):
        parameters = {
            "table": rng.normal(size=(size, width)),
            "positions": rng.normal(size=(tokens, width)),
            "wq": rng.normal(size=(width, width)),
            "wk": rng.normal(size=(width, width)),
            "wv": rng.normal(size=(width, width)),
            "out": rng.normal(size=(width, size)),
        }
        m = {name: 0.1 * rng.normal(size=p.shape) if step else np.zeros(p.shape) for name, p in parameters.items()}
        v = {name: 0.1 * rng.random(p.shape) if step else np.zeros(p.shape) for name, p in parameters.items()}
        ids = rng.integers(0, size, (2, tokens))
        yield parameters, {"step": step, "m": m, "v": v}, ids, rng.integers(0, size, ids.shape), 0.01


STEP = """
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
gradients = clip(gradients, 1.0)
step = state["step"] + 1
new_parameters, m, v = {}, {}, {}
for name in parameters:
    new_parameters[name], m[name], v[name] = adamw(
        parameters[name], gradients[name], state["m"][name], state["v"][name], step, lr
    )
new_state = {"step": step, "m": m, "v": v}
"""

exercise = Exercise(
    title="One training step: everything in its place",
    template='''
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
    return {name: g * min(1.0, max_norm / norm) for name, g in gradients.items()}


def adamw(p, g, m, v, step, lr, decay=0.01):
    """The new p, m and v."""
    m = 0.9 * m + 0.1 * g
    v = 0.99 * v + 0.01 * g * g
    change = m / (1 - 0.9**step) / (np.sqrt(v / (1 - 0.99**step)) + 1e-8)
    return p - lr * decay * p - lr * change, m, v


def training_step(parameters, state, ids, targets, lr):
    # --- your part ---
    loss = ...
    new_parameters = ...
    new_state = ...
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
''',
    function="training_step",
    solution=STEP,
    alternatives={
        "one product for the three projections": """
        rows = lambda array: array.reshape(-1, array.shape[-1])
        x = parameters["table"][ids] + parameters["positions"]
        wide = np.hstack([parameters[name] for name in ("wq", "wk", "wv")])
        q, k, v = np.split(x @ wide, 3, axis=-1)
        a, p = attention(q, k, v)
        loss, dlogits = cross_entropy((x + a) @ parameters["out"], targets)
        dy = dlogits @ parameters["out"].T
        back = np.concatenate(attention_backward(dy, q, k, v, p), axis=-1)
        dx = dy + back @ wide.T
        dwide = np.split(rows(x).T @ rows(back), 3, axis=1)
        one_hot = np.eye(len(parameters["table"]))[ids.ravel()]
        gradients = clip({
            "table": one_hot.T @ rows(dx),
            "positions": np.einsum("btd->td", dx),
            "wq": dwide[0], "wk": dwide[1], "wv": dwide[2],
            "out": rows(x + a).T @ rows(dlogits),
        }, 1.0)
        new_state = {"step": state["step"] + 1, "m": {}, "v": {}}
        new_parameters = dict(parameters)
        for name, g in gradients.items():
            moments = state["m"][name], state["v"][name]
            new_parameters[name], new_state["m"][name], new_state["v"][name] = adamw(
                parameters[name], g, *moments, new_state["step"], lr
            )
        """,
        "sentence by sentence": """
        gradients = {name: np.zeros_like(p) for name, p in parameters.items()}
        loss, P = 0.0, parameters
        for sentence, target in zip(ids, targets):
            x = np.array([P["table"][token] for token in sentence]) + P["positions"]
            q, k, v = x.dot(P["wq"]), x.dot(P["wk"]), x.dot(P["wv"])
            a, weights = attention(q, k, v)
            part, dlogits = cross_entropy((x + a).dot(P["out"]), target)
            loss, dlogits = loss + part / len(ids), dlogits / len(ids)
            gradients["out"] += np.einsum("td,tv->dv", x + a, dlogits)
            dy = np.einsum("tv,dv->td", dlogits, P["out"])
            dx = dy.copy()
            for name, d in zip(("wq", "wk", "wv"), attention_backward(dy, q, k, v, weights)):
                gradients[name] += np.einsum("ti,to->io", x, d)
                dx += np.einsum("to,io->ti", d, P[name])
            gradients["positions"] += dx
            for t, token in enumerate(sentence):
                gradients["table"][token] += dx[t]
        gradients = clip(gradients, 1.0)
        updated = {
            name: adamw(P[name], gradients[name], state["m"][name], state["v"][name], state["step"] + 1, lr)
            for name in P
        }
        new_parameters = {name: new[0] for name, new in updated.items()}
        new_state = {"step": state["step"] + 1}
        new_state["m"] = {name: new[1] for name, new in updated.items()}
        new_state["v"] = {name: new[2] for name, new in updated.items()}
        """,
    },
    mistakes=(
        Mistake("The gradients are not clipped.", STEP.replace("gradients = clip(gradients, 1.0)", "")),
        Mistake(
            "dx lacks the residual path: line 4 hands dy to x directly, too.", STEP.replace("dx = dy + dq", "dx = dq")
        ),
        Mistake(
            "dx is dy alone: what comes through the attention is missing.",
            STEP.replace(
                'dx = dy + dq @ parameters["wq"].T + dk @ parameters["wk"].T + dv @ parameters["wv"].T', "dx = dy"
            ),
        ),
        Mistake(
            "Equal tokens overwrite each other in the table's gradient; np.add.at adds them up.",
            STEP.replace('np.add.at(gradients["table"], ids, dx)', 'gradients["table"][ids] = dx'),
        ),
        Mistake(
            "The positions' gradient is averaged over the batch; it adds up.",
            STEP.replace("dx.sum(axis=0)", "dx.mean(axis=0)"),
        ),
        Mistake(
            "adamw gets the number of steps before this one; the first step has the number 1.",
            STEP.replace("step, lr\n", "max(step - 1, 1), lr\n"),
        ),
        Mistake(
            "The gradient of out is made of x; what was multiplied by out is y.",
            STEP.replace("y.reshape(len(rows), -1).T", "x.reshape(len(rows), -1).T"),
        ),
        Mistake(
            "The update goes uphill: the gradients have the wrong sign.",
            STEP.replace(
                "gradients = clip(gradients, 1.0)",
                "gradients = clip({name: -g for name, g in gradients.items()}, 1.0)",
            ),
        ),
    ),
    steps={
        "x": "the vectors of the tokens with their positions",
        "a": "what attention gives",
        "y": "x + a",
        "logits": "y out",
        "dy": "what arrives at y: dlogits outᵀ",
        "dq": "what arrives at the queries",
        "dk": "what arrives at the keys",
        "dx": "what arrives at x, along all four of its ways",
    },
    hints=(
        "Write the forward lines first, keep every result under its name, and return the loss with the old parameters: "
        "does the check say that the loss is right?",
        "Back: dlogits -> out and dy. y = x + a forks: dy goes to attention_backward and to dx. q, k, v each send "
        "something to dx and to their weight. x is table[ids] + positions: scatter-add, and a sum over the batch.",
        "dx = dy + dq @ wq.T + dk @ wk.T + dv @ wv.T; gradients of weights are rows.T @ rows; positions get "
        'dx.sum(axis=0); the table np.add.at. Then clip(gradients, 1.0), and adamw for each name with state["step"] '
        "+ 1.",
    ),
    note="That is all there is: a large model has more blocks of the same kind. Run the file and see it learn to read "
    "backwards. The engine: Trainer in minattn/training/trainer.py; `minattn train` does it with words.",
    cases=cases,
    answers=("loss", "new_parameters", "new_state"),
)
