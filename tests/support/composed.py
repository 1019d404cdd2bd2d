"""The large ops once more, each composed of small ones: what they must be equal to."""

import math

from minattn import functional as F
from minattn.backend import Array, array_module
from minattn.tensor import Tensor


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """x (…, I), weight (O, I), bias (O,) -> (…, O)."""
    return x @ weight.T + bias


def softmax(x: Tensor, dim: int = -1) -> Tensor:
    """Exponentials, divided by their sum. The shift by the maximum is a constant: it cancels."""
    exp = (x - x.detach().amax(dim, keepdim=True)).exp()
    return exp / exp.sum(dim, keepdim=True)


def log_softmax(x: Tensor, dim: int = -1) -> Tensor:
    """x minus the logarithm of softmax's denominator."""
    z = x - x.detach().amax(dim, keepdim=True)
    return z - z.exp().sum(dim, keepdim=True).log()


def logsumexp(x: Tensor, dim: int = -1) -> Tensor:
    """The logarithm of softmax's denominator; the axis, of length 1 by then, is summed away."""
    shift = x.detach().amax(dim, keepdim=True)
    return (shift + (x - shift).exp().sum(dim, keepdim=True).log()).sum(dim)


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    """x (…, D), weight and bias (D,) -> (…, D)."""
    centred = x - x.mean(-1, keepdim=True)
    variance = x.var(-1, correction=0, keepdim=True)
    return centred / (variance + eps).sqrt() * weight + bias


def gelu_tanh(x: Tensor) -> Tensor:
    """The approximation of GELU by a hyperbolic tangent; the exact form needs erf, which is no composition."""
    return 0.5 * x * (1 + (math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)).tanh())


def embedding(ids: Array, weight: Tensor) -> Tensor:
    """A one-hot matrix times the table: ids (…), weight (V, D) -> (…, D)."""
    xp = array_module(weight.data)
    one_hot = (ids[..., None] == xp.arange(weight.shape[0])).astype(weight.dtype)
    return Tensor(one_hot) @ weight


def attention(query: Tensor, key: Tensor, value: Tensor, mask: Array | None = None) -> Tensor:
    """query (…, T, d), key (…, S, d), value (…, S, e) -> (…, T, e); no row of the mask may be all False."""
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    if mask is not None:
        scores = F.where(mask, scores, -math.inf)
    return softmax(scores) @ value


def cross_entropy(logits: Tensor, targets: Array) -> Tensor:
    """The mean of -ln p at the right class: logits (N, V), targets (N,)."""
    rows = array_module(logits.data).arange(len(targets))
    return -log_softmax(logits)[rows, targets].mean()


def linear_cross_entropy(x: Tensor, weight: Tensor, bias: Tensor, targets: Array) -> Tensor:
    """Cross-entropy of the logits that a linear layer gives: x (N, D), weight (V, D), bias (V,), targets (N,)."""
    return cross_entropy(linear(x, weight, bias), targets)
