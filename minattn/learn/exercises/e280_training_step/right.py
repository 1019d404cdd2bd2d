# one product for the three projections
def rows(array):
    return array.reshape(-1, array.shape[-1])


x = embedding.forward(ids, parameters["table"]) + parameters["positions"]
wide = np.hstack([parameters[name] for name in ("wq", "wk", "wv")])
q, k, v = np.split(x @ wide, 3, axis=-1)
a = attention.forward(q, k, v)
logits = (x + a) @ parameters["out"]
loss = cross_entropy.forward(rows(logits), targets.ravel())
dlogits = cross_entropy.backward(1.0, rows(logits), targets.ravel())[0]
dy = (dlogits @ parameters["out"].T).reshape(x.shape)
back = np.concatenate(attention.backward(dy, q, k, v), axis=-1)
dx = dy + back @ wide.T
dwide = np.split(rows(x).T @ rows(back), 3, axis=1)
one_hot = np.eye(len(parameters["table"]))[ids.ravel()]
gradients = {
    "table": one_hot.T @ rows(dx),
    "positions": np.einsum("btd->td", dx),
    "wq": dwide[0],
    "wk": dwide[1],
    "wv": dwide[2],
    "out": rows(x + a).T @ dlogits,
}
clipped = dict(zip(gradients, clipping.clip(list(gradients.values()), 1.0)[1]))
new_state = {"step": state["step"] + 1, "m": {}, "v": {}}
new_parameters = dict(parameters)
for name, g in clipped.items():
    moments = state["m"][name], state["v"][name]
    new_parameters[name], new_state["m"][name], new_state["v"][name] = adamw.adamw(
        parameters[name], g, *moments, new_state["step"], lr, 0.01
    )

# sentence by sentence
gradients = {name: np.zeros_like(p) for name, p in parameters.items()}
loss, P = 0.0, parameters
for sentence, target in zip(ids, targets):
    x = np.array([P["table"][token] for token in sentence]) + P["positions"]
    q, k, v = x.dot(P["wq"]), x.dot(P["wk"]), x.dot(P["wv"])
    a = attention.forward(q, k, v)
    logits = (x + a).dot(P["out"])
    loss = loss + cross_entropy.forward(logits, target) / len(ids)
    dlogits = cross_entropy.backward(1 / len(ids), logits, target)[0]
    gradients["out"] += np.einsum("td,tv->dv", x + a, dlogits)
    dy = np.einsum("tv,dv->td", dlogits, P["out"])
    dx = dy.copy()
    for name, d in zip(("wq", "wk", "wv"), attention.backward(dy, q, k, v)):
        gradients[name] += np.einsum("ti,to->io", x, d)
        dx += np.einsum("to,io->ti", d, P[name])
    gradients["positions"] += dx
    for t, token in enumerate(sentence):
        gradients["table"][token] += dx[t]
clipped = dict(zip(gradients, clipping.clip(list(gradients.values()), 1.0)[1]))
updated = {
    name: adamw.adamw(P[name], clipped[name], state["m"][name], state["v"][name], state["step"] + 1, lr, 0.01)
    for name in P
}
new_parameters = {name: new[0] for name, new in updated.items()}
new_state = {"step": state["step"] + 1}
new_state["m"] = {name: new[1] for name, new in updated.items()}
new_state["v"] = {name: new[2] for name, new in updated.items()}
