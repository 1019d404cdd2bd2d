"""Wrong ways to fill the gap, each with the sentence that answers it."""

import numpy as np

from .solution import adamw, attention, attention_backward, clip, cross_entropy


def not_clipped(parameters, state, ids, targets, lr):
    """The gradients are not clipped."""
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

    step = state["step"] + 1
    new_parameters, m, v = {}, {}, {}
    for name in parameters:
        new_parameters[name], m[name], v[name] = adamw(
            parameters[name], gradients[name], state["m"][name], state["v"][name], step, lr
        )
    new_state = {"step": step, "m": m, "v": v}
    return loss, new_parameters, new_state


def no_residual_path(parameters, state, ids, targets, lr):
    """dx lacks the residual path: line 4 hands dy to x directly, too."""
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
    dx = dq @ parameters["wq"].T + dk @ parameters["wk"].T + dv @ parameters["wv"].T
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
    return loss, new_parameters, new_state


def residual_path_only(parameters, state, ids, targets, lr):
    """dx is dy alone: what comes through the attention is missing."""
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
    dx = dy
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
    return loss, new_parameters, new_state


def equal_tokens_overwritten(parameters, state, ids, targets, lr):
    """Equal tokens overwrite each other in the table's gradient; np.add.at adds them up."""
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
    gradients["table"][ids] = dx
    # clip, and update
    gradients = clip(gradients, 1.0)
    step = state["step"] + 1
    new_parameters, m, v = {}, {}, {}
    for name in parameters:
        new_parameters[name], m[name], v[name] = adamw(
            parameters[name], gradients[name], state["m"][name], state["v"][name], step, lr
        )
    new_state = {"step": step, "m": m, "v": v}
    return loss, new_parameters, new_state


def positions_averaged(parameters, state, ids, targets, lr):
    """The positions' gradient is averaged over the batch; it adds up."""
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
    gradients["positions"] = dx.mean(axis=0)
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
    return loss, new_parameters, new_state


def step_one_too_few(parameters, state, ids, targets, lr):
    """adamw gets the number of steps before this one; the first step has the number 1."""
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
            parameters[name], gradients[name], state["m"][name], state["v"][name], max(step - 1, 1), lr
        )
    new_state = {"step": step, "m": m, "v": v}
    return loss, new_parameters, new_state


def out_from_x(parameters, state, ids, targets, lr):
    """The gradient of out is made of x; what was multiplied by out is y."""
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
    gradients["out"] = x.reshape(len(rows), -1).T @ dlogits.reshape(len(rows), -1)
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
    return loss, new_parameters, new_state


def uphill(parameters, state, ids, targets, lr):
    """The update goes uphill: the gradients have the wrong sign."""
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
    gradients = clip({name: -g for name, g in gradients.items()}, 1.0)
    step = state["step"] + 1
    new_parameters, m, v = {}, {}, {}
    for name in parameters:
        new_parameters[name], m[name], v[name] = adamw(
            parameters[name], gradients[name], state["m"][name], state["v"][name], step, lr
        )
    new_state = {"step": step, "m": m, "v": v}
    return loss, new_parameters, new_state
