"""The step of `engines.py` in other libraries: PyTorch eager, torch.compile, JAX. The same model, weights and ids."""

import importlib.util
import os
import shutil
from functools import partial

import numpy as np
from problem import LR, batch

DECAY = 0.01
NEEDS = {"torch": "torch", "compile": "torch", "jax": "jax"}


def missing(engine: str) -> str | None:
    """Why an engine cannot run here."""
    package = NEEDS.get(engine)
    if package and importlib.util.find_spec(package) is None:
        return f"{package} is not installed"
    if engine == "compile" and shutil.which(os.environ.get("CXX", "g++")) is None:
        return "torch.compile needs a C++ compiler"
    return None


class Torch:
    """PyTorch, eager: the model from its own layers, its fused attention and its AdamW."""

    def __init__(self, layers, width, heads, tokens, size, vocabulary, *, threads, tied, weights) -> None:
        import torch

        torch.set_num_threads(threads)
        self.model = torch_model(layers, width, heads, tokens, vocabulary, tied)
        if weights is not None:
            self.model.load_state_dict({name: torch.from_numpy(weights[name]) for name in weights}, strict=not tied)
        self.ids = torch.from_numpy(batch(tokens, size, vocabulary))
        matrices = [p for p in self.model.parameters() if p.ndim > 1]
        vectors = [p for p in self.model.parameters() if p.ndim == 1]
        groups = [{"params": matrices, "weight_decay": DECAY}, {"params": vectors, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, LR)

    def loss(self):
        from torch.nn import functional as F

        logits = self.model(self.ids)
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), self.ids.view(-1))

    def backward(self) -> float:
        self.optimizer.zero_grad()
        loss = self.loss()
        loss.backward()
        return loss.item()

    def first(self):
        loss = self.backward()
        return loss, {name: p.grad.numpy() for name, p in self.model.named_parameters()}

    def step(self) -> None:
        self.backward()
        self.optimizer.step()


class Compile(Torch):
    """torch.compile of the model with its loss, which it can fuse; the optimizer is eager, as people write it."""

    def __init__(self, *sizes, **options) -> None:
        super().__init__(*sizes, **options)
        import torch

        self.loss = torch.compile(self.loss)


def torch_model(layers, width, heads, tokens, vocabulary, tied):
    """ReconstructionModel in PyTorch, with the same parameter names."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

        def forward(self, x):
            q, k, v = (f(x).unflatten(-1, (heads, -1)).transpose(1, 2) for f in (self.query, self.key, self.value))
            return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(-2))

    class FeedForward(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x):
            return self.narrow(F.gelu(self.widen(x)))

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention, self.attention_norm = Attention(), nn.LayerNorm(width)
            self.feed_forward, self.feed_forward_norm = FeedForward(), nn.LayerNorm(width)

        def forward(self, x):
            x = x + self.attention(self.attention_norm(x))
            return x + self.feed_forward(self.feed_forward_norm(x))

    class Positions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(tokens, width))

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.positions = nn.Embedding(vocabulary, width), Positions()
            self.blocks = nn.ModuleList(Block() for _ in range(layers))
            self.norm, self.de_embedding = nn.LayerNorm(width), nn.Linear(width, vocabulary)
            if tied:
                self.de_embedding.weight = self.embedding.weight

        def forward(self, ids):
            x = self.embedding(ids) + self.positions.weight
            for block in self.blocks:
                x = block(x)
            return self.de_embedding(self.norm(x))

    return Model()


class Jax:
    """JAX: the whole step, AdamW included, in one jitted function that gives its buffers to its results."""

    def __init__(self, layers, width, heads, tokens, size, vocabulary, *, threads, tied, weights) -> None:
        import jax
        import jax.numpy as jnp

        self.weights = {name: jnp.array(weights[name]) for name in weights}
        self.ids = jnp.array(batch(tokens, size, vocabulary))
        self.state = tuple({n: jnp.zeros_like(w) for n, w in self.weights.items()} for _ in "mv")
        self.done = 0
        gradients = jax.value_and_grad(partial(jax_loss, layers=layers, heads=heads))

        def step(weights, state, done, ids):
            loss, g = gradients(weights, ids)
            weights, state = jax_adamw(weights, g, state, done)
            return loss, weights, state

        self.gradients = jax.jit(gradients)
        self.update = jax.jit(step, donate_argnums=(0, 1))

    def first(self):
        loss, gradients = self.gradients(self.weights, self.ids)
        self.step()  # compiles it; the weights are only read above
        return loss, {name: np.asarray(g) for name, g in gradients.items()}

    def step(self) -> None:
        import jax

        self.done += 1
        loss, self.weights, self.state = self.update(self.weights, self.state, self.done, self.ids)
        jax.block_until_ready((loss, self.weights, self.state))


def jax_loss(w, ids, *, layers, heads):
    """Mean cross-entropy of giving ids (B, T) back, by the weights' names."""
    import jax
    import jax.numpy as jnp

    def linear(x, name):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(x, name):
        x = x - x.mean(-1, keepdims=True)
        x = x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-5)
        return x * w[f"{name}.weight"] + w[f"{name}.bias"]

    def attention(x, name):
        q, k, v = (linear(x, f"{name}.{part}").reshape(*ids.shape, heads, -1) for part in ("query", "key", "value"))
        return linear(jax.nn.dot_product_attention(q, k, v).reshape(x.shape), f"{name}.out")

    x = w["embedding.weight"][ids] + w["positions.weight"]
    for block in (f"blocks.{i}" for i in range(layers)):
        x = x + attention(norm(x, f"{block}.attention_norm"), f"{block}.attention")
        hidden = linear(norm(x, f"{block}.feed_forward_norm"), f"{block}.feed_forward.widen")
        x = x + linear(jax.nn.gelu(hidden, approximate=False), f"{block}.feed_forward.narrow")
    table = w.get("de_embedding.weight", w["embedding.weight"])
    scores = norm(x, "norm") @ table.T + w["de_embedding.bias"]
    right = jnp.take_along_axis(scores, ids[..., None], -1)[..., 0]
    return (jax.nn.logsumexp(scores, -1) - right).mean()


def jax_adamw(weights, gradients, state, done):
    """PyTorch's AdamW: weights and moments after a step; no decay of biases and norms."""
    import jax.numpy as jnp

    m = {n: 0.9 * state[0][n] + 0.1 * g for n, g in gradients.items()}
    v = {n: 0.999 * state[1][n] + 0.001 * g * g for n, g in gradients.items()}
    root, rate = jnp.sqrt(1 - 0.999**done), LR / (1 - 0.9**done)
    kept = {n: w * (1 - LR * DECAY) if w.ndim > 1 else w for n, w in weights.items()}
    return {n: w - rate * m[n] / (jnp.sqrt(v[n]) / root + 1e-8) for n, w in kept.items()}, (m, v)


PEERS = {"torch": Torch, "compile": Compile, "jax": Jax}
