"""Find the bug, 1: it learns, but slowly

A network of three blocks learns the sum of four digits modulo 4. Run this file: after 400 steps the loss is about 0.13.
With right gradients it is about 0.002.

One of the four backward passes below is wrong. All shapes fit, nothing complains, the loss falls: that could go on
like this for months. Do not stare at the code, ask the check: the last lines of this file show how, for gelu. Ask it
about the others as well. (Inside the network every weight is square. Would you check with square ones?)

Your part: the name of the wrong op, and its backward put right, with the same arguments and the same return.
"""

import numpy as np


def linear(x, weight, bias):
    return x @ weight + bias


def linear_backward(g, x, weight, bias):
    return g @ weight, x.T @ g, g.sum(axis=0)


def gelu(x):
    return x * (1 + np.tanh(0.7978845608 * (x + 0.044715 * x**3))) / 2


def gelu_backward(g, x):
    t = np.tanh(0.7978845608 * (x + 0.044715 * x**3))
    return g * ((1 + t) / 2 + x * (1 - t * t) / 2 * 0.7978845608 * (1 + 3 * 0.044715 * x**2))


def layer_norm(x, gamma, beta):
    c = x - x.mean(axis=-1, keepdims=True)
    return gamma * c / np.sqrt((c * c).mean(axis=-1, keepdims=True) + 1e-5) + beta


def layer_norm_backward(g, x, gamma, beta):
    c = x - x.mean(axis=-1, keepdims=True)
    r = 1 / np.sqrt((c * c).mean(axis=-1, keepdims=True) + 1e-5)
    n, dn = c * r, g * gamma
    dx = r * (dn - dn.mean(axis=-1, keepdims=True) - n * (dn * n).mean(axis=-1, keepdims=True))
    return dx, (g * n).sum(axis=0), g.sum(axis=0)


def cross_entropy(logits, targets):
    z = logits - logits.max(axis=1, keepdims=True)
    return (np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), targets]).mean()


def cross_entropy_backward(g, logits, targets):
    exp = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = exp / exp.sum(axis=1, keepdims=True)
    return g * (p - np.eye(logits.shape[1])[targets]) / len(logits), None


# --- your part ---
WRONG = "linear"  # "linear", "gelu", "layer_norm" or "cross_entropy"


def repaired(g, *inputs):
    x, weight, _ = inputs
    return g @ weight.T, x.T @ g, g.sum(axis=0)


# --- end of your part ---


def backward_of(name):
    """The backward pass of an op: yours, if you say that it is the wrong one."""
    return repaired if name == WRONG else globals()[f"{name}_backward"]


def forward(parameters, digits):
    """The logits, and what each block computed on the way."""
    P, seen = parameters, []
    x = np.eye(4)[digits].reshape(len(digits), 16) @ P["enter"]
    for i in range(3):
        normed = layer_norm(x, P[f"gamma{i}"], P[f"beta{i}"])
        u = linear(normed, P[f"weight{i}"], P[f"bias{i}"])
        seen.append((x, normed, u))
        x = x + gelu(u)
    return x @ P["leave"], x, seen


def gradients(parameters, digits, targets):
    """The gradient of every parameter."""
    P, G = parameters, {}
    logits, x, seen = forward(P, digits)
    dlogits, _ = backward_of("cross_entropy")(np.array(1.0), logits, targets)
    G["leave"] = x.T @ dlogits
    dx = dlogits @ P["leave"].T
    for i in (2, 1, 0):
        x, normed, u = seen[i]
        du = backward_of("gelu")(dx, u)
        du = du[0] if isinstance(du, tuple) else du
        dnormed, G[f"weight{i}"], G[f"bias{i}"] = backward_of("linear")(du, normed, P[f"weight{i}"], P[f"bias{i}"])
        inner, G[f"gamma{i}"], G[f"beta{i}"] = backward_of("layer_norm")(dnormed, x, P[f"gamma{i}"], P[f"beta{i}"])
        dx = dx + inner
    G["enter"] = np.eye(4)[digits].reshape(len(digits), 16).T @ dx
    return G


def answer(parameters, digits, targets):
    """What is judged: the name, and the gradients of the whole model with your repair."""
    return WRONG, gradients(parameters, digits, targets)


def train(steps=401, width=32, lr=0.01):
    rng = np.random.default_rng(0)
    P = {"enter": rng.normal(0, 0.5, (16, width)), "leave": rng.normal(0, width**-0.5, (width, 4))}
    for i in range(3):
        P |= {f"weight{i}": rng.normal(0, width**-0.5, (width, width)), f"bias{i}": np.zeros(width)}
        P |= {f"gamma{i}": np.ones(width), f"beta{i}": np.zeros(width)}
    m, v = ({name: np.zeros_like(p) for name, p in P.items()} for _ in "mv")
    for step in range(1, steps + 1):
        digits = rng.integers(0, 4, (64, 4))
        targets = digits.sum(axis=1) % 4
        if step % 100 == 1:
            print(f"step {step - 1:3}   loss {cross_entropy(forward(P, digits)[0], targets):.3f}")
        for name, g in gradients(P, digits, targets).items():
            m[name], v[name] = 0.9 * m[name] + 0.1 * g, 0.99 * v[name] + 0.01 * g * g
            P[name] = P[name] - lr * m[name] / (1 - 0.9**step) / (np.sqrt(v[name] / (1 - 0.99**step)) + 1e-8)


if __name__ == "__main__":
    train()

    from minattn.check import check_backward

    x = np.random.default_rng(0).normal(size=(3, 4))
    print(check_backward(gelu, gelu_backward, [x]))
