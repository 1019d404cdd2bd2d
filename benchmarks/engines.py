"""The engines that `train_step.py` compares, each behind the same three requests: first, time N, peak."""

import json
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np
from train_step import LR, SIZES


def serve(engine: str, size: str, threads: str, tied: str, folder: str) -> None:
    """Answer the requests of the parent process until it closes the pipe."""
    build = {"minattn": Minattn, "torch": Torch, "products": Products}[engine]
    runner = build(*SIZES[size], threads=int(threads), tied=tied == "1")
    for request in sys.stdin:
        verb, _, argument = request.strip().partition(" ")
        if verb == "first":
            loss, gradients = runner.first()
            np.savez(Path(folder) / f"{engine}.npz", **gradients)
            answer = {"loss": loss}
        elif verb == "time":
            runner.step()  # wakes caches and threads after the others' turn
            started = time.perf_counter()
            for _ in range(int(argument)):
                runner.step()
            answer = {"ms": (time.perf_counter() - started) * 1000 / int(argument)}
        else:
            answer = {"mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
        print(json.dumps(answer), flush=True)


def batch(tokens: int, size: int, vocabulary: int) -> np.ndarray:
    """The same random ids for every engine."""
    return np.random.default_rng(1).integers(0, vocabulary, (size, tokens))


def starting_weights(layers: int, width: int, heads: int, tokens: int, vocabulary: int, tied: bool) -> dict:
    """The same weights for every engine, by minattn's names."""
    return _model(layers, width, heads, tokens, vocabulary, tied).state_dict()


def _model(layers: int, width: int, heads: int, tokens: int, vocabulary: int, tied: bool):
    from minattn.models import ReconstructionConfig, ReconstructionModel

    config = ReconstructionConfig(
        vocabulary,
        width,
        layers,
        heads,
        4 * width,
        tokens,
        positions="learned",
        de_embedding="tied" if tied else "own",
        embedding_std=width**-0.5 if tied else 1.0,
        dropout=0.0,
    )
    return ReconstructionModel(config, generator=np.random.default_rng(0))


class Minattn:
    """This project."""

    def __init__(self, layers, width, heads, tokens, size, vocabulary, *, threads, tied) -> None:
        from minattn import reuse_memory
        from minattn.optim import AdamW

        if "MINATTN_FRESH_MEMORY" not in os.environ:  # to measure what it is worth
            reuse_memory()  # as the training loop does
        self.model = _model(layers, width, heads, tokens, vocabulary, tied)
        self.ids = batch(tokens, size, vocabulary)
        self.optimizer = AdamW(self.model.named_parameters(), LR)

    def backward(self) -> float:
        from minattn.training import reconstruction_loss

        self.optimizer.zero_grad()
        loss = reconstruction_loss(self.model, self.ids, None, self.ids)
        loss.backward()
        return loss.item()

    def first(self):
        loss = self.backward()
        return loss, {name: p.grad for name, p in self.model.named_parameters()}

    def step(self) -> None:
        self.backward()
        self.optimizer.step()


class Torch:
    """PyTorch, eager: the same model from its own layers and its fused attention."""

    def __init__(self, layers, width, heads, tokens, size, vocabulary, *, threads, tied) -> None:
        import torch

        torch.set_num_threads(threads)
        self.torch = torch
        self.model = torch_model(layers, width, heads, tokens, vocabulary, tied)
        weights = starting_weights(layers, width, heads, tokens, vocabulary, tied)
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter.copy_(torch.from_numpy(weights[name]))
        self.ids = torch.from_numpy(batch(tokens, size, vocabulary))
        matrices = [p for p in self.model.parameters() if p.ndim > 1]
        vectors = [p for p in self.model.parameters() if p.ndim == 1]
        groups = [{"params": matrices, "weight_decay": 0.01}, {"params": vectors, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, LR)

    def backward(self) -> float:
        self.optimizer.zero_grad()
        logits = self.model(self.ids)
        loss = self.torch.nn.functional.cross_entropy(logits.view(-1, logits.shape[-1]), self.ids.view(-1))
        loss.backward()
        return loss.item()

    def first(self):
        loss = self.backward()
        return loss, {name: p.grad.numpy() for name, p in self.model.named_parameters()}

    def step(self) -> None:
        self.backward()
        self.optimizer.step()


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
            self.weight = nn.Parameter(torch.empty(tokens, width))

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


class Products:
    """Nothing but the matrix products of the step, forward and backward, into buffers that are reused: the floor."""

    def __init__(self, layers, width, heads, tokens, size, vocabulary, *, threads, tied) -> None:
        rows, deep = size * tokens, width // heads
        dense = [(rows, width, width)] * 4 + [(rows, width, 4 * width), (rows, 4 * width, width)]
        plain = dense * layers + [(rows, width, vocabulary)]
        rng = np.random.default_rng(0)

        def array(*shape):
            return rng.standard_normal(shape, dtype=np.float32)

        # y = x wᵀ, dx = g w, dw = gᵀ x for (rows, inner) times (outer, inner)ᵀ
        self.plain = [
            (array(n, i), array(o, i), array(n, o), np.empty((n, i), np.float32), np.empty((o, i), np.float32))
            for n, i, o in plain
        ]
        heads_of, maps = (size, heads, tokens, deep), (size, heads, tokens, tokens)
        self.attention = [
            (
                array(*heads_of),
                array(*heads_of),
                array(*maps),
                np.empty(heads_of, np.float32),
                np.empty(maps, np.float32),
            )
            for _ in range(layers)
        ]

    def step(self) -> None:
        for x, w, y, dx, dw in self.plain:
            np.matmul(x, w.T, out=y)
            np.matmul(y, w, out=dx)
            np.matmul(y.T, x, out=dw)
        for q, k, p, y, scores in self.attention:
            for _ in range(2):  # scores and dp; y and dq; dv and dk
                np.matmul(q, k.swapaxes(-1, -2), out=scores)
                np.matmul(p, k, out=y)
                np.matmul(p.swapaxes(-1, -2), q, out=y)
