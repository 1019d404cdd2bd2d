# The gradients are not clipped.
clipped = [gradients[name] for name in parameters]

# dx lacks the residual path: line 4 hands dy to x directly, too.
dx = dq @ parameters["wq"].T + dk @ parameters["wk"].T + dv @ parameters["wv"].T

# dx is dy alone: what comes through the attention is missing.
dx = dy

# The table's gradient is that of the first token alone; every token of every sentence sends one.
gradients["table"] = embedding.backward(dx[:, :1], ids[:, :1], parameters["table"])[1]

# The positions' gradient is averaged over the batch; it adds up.
gradients["positions"] = dx.mean(axis=0)

# adamw gets the number of steps before this one; the first step has the number 1.
step = max(state["step"], 1)
new_state = {"step": state["step"] + 1, "m": m, "v": v}

# The gradient of out is made of x; what was multiplied by out is y.
gradients["out"] = rows.T @ dlogits.reshape(len(rows), -1)

# The update goes uphill: the gradients have the wrong sign.
clipped = [-g for g in clipping.clip([gradients[name] for name in parameters], 1.0)[1]]
