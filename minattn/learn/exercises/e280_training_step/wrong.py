# The gradients are not clipped.
clipped = gradients

# dx lacks the residual path: line 4 hands dy to x directly, too.
dx = dq @ parameters["wq"].T + dk @ parameters["wk"].T + dv @ parameters["wv"].T

# dx is dy alone: what comes through the attention is missing.
dx = dy

# Equal tokens overwrite each other in the table's gradient; np.add.at adds them up.
gradients["table"][ids] = dx

# The positions' gradient is averaged over the batch; it adds up.
gradients["positions"] = dx.mean(axis=0)

# adamw gets the number of steps before this one; the first step has the number 1.
step = max(state["step"], 1)
new_state = {"step": state["step"] + 1, "m": m, "v": v}

# The gradient of out is made of x; what was multiplied by out is y.
gradients["out"] = rows.T @ dlogits.reshape(len(rows), -1)

# The update goes uphill: the gradients have the wrong sign.
clipped = clip({name: -g for name, g in gradients.items()}, 1.0)
