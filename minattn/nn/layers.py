"""The plain layers: an op of `functional` each, with its parameters. float32 unless `.double()` is called."""

import math

import numpy as np

from .. import functional as F
from ..tensor import Tensor
from .module import Module, Parameter

Ids = np.ndarray[tuple[int, ...], np.dtype[np.integer]]


def uniform(generator: np.random.Generator, bound: float, *shape: int) -> Parameter:
    """A parameter that starts uniform in ±bound."""
    return Parameter(generator.uniform(-bound, bound, shape).astype(np.float32, copy=False))


class Linear(Module):
    """y = x Wᵀ + b. weight (out, in) and bias (out,) start uniform in ±1/√in, as in PyTorch."""

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, generator: np.random.Generator
    ) -> None:
        if min(in_features, out_features) < 1:
            raise ValueError(f"Linear: the features must be at least 1, got {in_features} in and {out_features} out")
        bound = 1 / math.sqrt(in_features)
        self.weight = uniform(generator, bound, out_features, in_features)
        self.bias = uniform(generator, bound, out_features) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """x (…, in) -> (…, out)."""
        return F.linear(x, self.weight, self.bias)


class Embedding(Module):
    """A table with a vector for each token. weight (V, D) starts normal with deviation `std`."""

    def __init__(
        self, num_embeddings: int, embedding_dim: int, *, std: float = 1.0, generator: np.random.Generator
    ) -> None:
        self.weight = Parameter(
            generator.normal(0.0, std, (num_embeddings, embedding_dim)).astype(np.float32, copy=False)
        )

    def forward(self, ids: Ids) -> Tensor:
        """ids (…) integers in [0, V) -> (…, D)."""
        return F.embedding(ids, self.weight)


class LayerNorm(Module):
    """Mean 0 and variance 1 over the last axis, then a gain `weight` (D,), at first 1, and a shift `bias` (D,), 0."""

    def __init__(self, normalized_shape: int, eps: float = 1e-5) -> None:
        self.eps = eps
        self.weight = Parameter(np.ones(normalized_shape, np.float32))
        self.bias = Parameter(np.zeros(normalized_shape, np.float32))

    def forward(self, x: Tensor) -> Tensor:
        """x (…, D) -> (…, D)."""
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


class Dropout(Module):
    """While training, zero each element with probability p and scale the rest up; otherwise do nothing."""

    def __init__(self, p: float, *, generator: np.random.Generator) -> None:
        if not 0 <= p < 1:
            raise ValueError(f"Dropout: p must be in [0, 1), got {p}")
        self.p, self.generator = p, generator

    def forward(self, x: Tensor) -> Tensor:
        """x (…) -> (…)."""
        return F.dropout(x, self.p, self.training, generator=self.generator)
