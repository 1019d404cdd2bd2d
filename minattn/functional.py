"""Every op as a function on Tensors, with PyTorch's names, argument order and defaults. Imported as F."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .backend import array_module, like, to_host
from .ops.activations import GELU, Dropout
from .ops.arithmetic import Add, Divide, Maximum, Multiply, Power, Subtract, Where
from .ops.attention import ScaledDotProductAttention
from .ops.cross_entropy import CrossEntropy, LinearCrossEntropy
from .ops.embedding import Embedding
from .ops.layer_norm import LayerNorm
from .ops.linear_algebra import Einsum, Linear, MatMul
from .ops.pointwise import Negate
from .ops.shape import Concatenate, Split, Stack
from .ops.softmax import LogSoftmax, LogSumExp, Softmax
from .tensor import Dims, Operand, Tensor, apply, as_tensor, as_tensors
from .validate import boolean, broadcasts_to, integers, require_below, require_floats, require_one_of, require_some


def add(input: Operand, other: Operand) -> Tensor:
    """input + other."""
    return apply(Add(), input, other)


def subtract(input: Operand, other: Operand) -> Tensor:
    """input - other."""
    return apply(Subtract(), input, other)


def multiply(input: Operand, other: Operand) -> Tensor:
    """input * other, element by element."""
    return apply(Multiply(), input, other)


def divide(input: Operand, other: Operand) -> Tensor:
    """input / other, element by element."""
    return apply(Divide(), input, other)


def pow(input: Operand, exponent: Operand) -> Tensor:
    """input raised to exponent, element by element."""
    return apply(Power(), input, exponent)


def neg(input: Tensor) -> Tensor:
    """-input."""
    return apply(Negate(), input)


def maximum(input: Operand, other: Operand) -> Tensor:
    """The larger of the two, element by element; where they are equal each gets half of the gradient."""
    return apply(Maximum(), input, other)


def where(condition: Any, input: Operand, other: Operand) -> Tensor:
    """input where the boolean condition holds, else other; all three broadcast."""
    mask = boolean("where", "condition", condition)
    return apply(Where(), mask, *as_tensors((input, other), mask))


def exp(input: Tensor) -> Tensor:
    """e^input."""
    return as_tensor(input).exp()


def log(input: Tensor) -> Tensor:
    """The natural logarithm."""
    return as_tensor(input).log()


def sqrt(input: Tensor) -> Tensor:
    """The square root."""
    return as_tensor(input).sqrt()


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return as_tensor(input).tanh()


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + e^-input)."""
    return as_tensor(input).sigmoid()


def relu(input: Tensor) -> Tensor:
    """max(input, 0); its slope at 0 is 0."""
    return as_tensor(input).relu()


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """approximate: "none" for the exact form with erf, "tanh" for the approximation of GPT-2."""
    require_one_of("gelu", "approximate", approximate, ("none", "tanh"))
    require_floats("gelu", input=input)
    return apply(GELU(approximate), input)


def sum(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The sum along dim; of all elements without it."""
    return as_tensor(input).sum(dim, keepdim)


def mean(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The mean along dim; of all elements without it."""
    return as_tensor(input).mean(dim, keepdim)


def var(input: Tensor, dim: Dims = None, correction: int = 1, keepdim: bool = False) -> Tensor:
    """The variance along dim, Σ (x - mean)² / (N - correction); of all elements without it."""
    return as_tensor(input).var(dim, correction, keepdim)


def amax(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The largest element; where several are, each gets an equal share of the gradient."""
    return as_tensor(input).max(dim, keepdim)


def reshape(input: Tensor, shape: Sequence[int]) -> Tensor:
    """The same numbers in another shape; one length may be -1."""
    return as_tensor(input).reshape(shape)


def permute(input: Tensor, dims: Sequence[int]) -> Tensor:
    """The axes in another order: axis i of the result is axis dims[i] of input."""
    return as_tensor(input).permute(dims)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two axes exchanged."""
    return as_tensor(input).transpose(dim0, dim1)


def broadcast_to(input: Tensor, shape: Sequence[int]) -> Tensor:
    """Repeated along axes of length 1 and new leading ones."""
    return as_tensor(input).expand(shape)


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Joined along an axis; the other axes have equal lengths."""
    require_some("cat", tensors)
    return apply(Concatenate(dim), *tensors)


concatenate = cat


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape side by side along a new axis."""
    require_some("stack", tensors)
    return apply(Stack(dim), *tensors)


def split(tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of one length (the last may be shorter), or of the given lengths."""
    if not -tensor.ndim <= dim < tensor.ndim:
        raise ValueError(f"split: dim must be one of the {tensor.ndim} axes of shape {tensor.shape}, got {dim}")
    length = tensor.shape[dim]
    if isinstance(split_size_or_sections, int):
        if split_size_or_sections < 1:
            raise ValueError(f"split: split_size must be at least 1, got {split_size_or_sections}")
        starts = range(0, max(length, 1), split_size_or_sections)
        sections = [min(split_size_or_sections, length - start) for start in starts]
    else:
        sections = list(split_size_or_sections)
    ends = np.cumsum(sections).tolist()
    if not ends or ends[-1] != length or min(sections) < 0:
        raise ValueError(f"split: lengths {sections} do not add up to {length}, the length of axis {dim}")
    return tuple(apply(Split(end - n, end, dim), tensor) for n, end in zip(sections, ends, strict=True))


def matmul(input: Operand, other: Operand) -> Tensor:
    """The matrix product, with NumPy's rules for batches and vectors: (…, N, K), (…, K, M) -> (…, N, M)."""
    return apply(MatMul(), input, other)


def einsum(equation: str, first: Tensor, second: Tensor) -> Tensor:
    """Einstein's sum for two operands, e.g. "bqd,bkd->bqk"."""
    return apply(Einsum(equation), first, second)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input (…, I), weight (O, I), bias (O,) -> (…, O)."""
    _require_linear("linear", input, weight, bias)
    return apply(Linear(), input, weight) if bias is None else apply(Linear(), input, weight, bias)


def softmax(input: Tensor, dim: int = -1) -> Tensor:
    """Probabilities along dim: exp(input), divided by its sum."""
    require_floats("softmax", input=input)
    return apply(Softmax(dim), input)


def log_softmax(input: Tensor, dim: int = -1) -> Tensor:
    """The logarithm of softmax, without the detour over probabilities that round to 0."""
    require_floats("log_softmax", input=input)
    return apply(LogSoftmax(dim), input)


def logsumexp(input: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    """ln Σ exp(input) along dim, a smooth maximum."""
    require_floats("logsumexp", input=input)
    return apply(LogSumExp(dim, keepdim), input)


def layer_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise over the last axes, whose lengths are normalized_shape; weight and bias have that shape."""
    require_floats("layer_norm", input=input)
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape or input.shape[-len(shape) :] != shape:
        raise ValueError(f"layer_norm: input has shape {input.shape}, its last axes must be {shape}")
    for name, parameter in (("weight", weight), ("bias", bias)):
        if parameter is not None and parameter.shape != shape:
            raise ValueError(f"layer_norm: {name} has shape {parameter.shape}, expected {shape}")
    xp = array_module(input.data)
    gamma = Tensor(xp.ones(shape, input.dtype)) if weight is None else weight
    beta = Tensor(xp.zeros(shape, input.dtype)) if bias is None else bias
    return apply(LayerNorm(eps), input, gamma, beta)


def dropout(
    input: Tensor, p: float = 0.5, training: bool = True, *, generator: np.random.Generator | None = None
) -> Tensor:
    """Zero each element with probability p and scale the rest by 1 / (1 - p); does nothing unless training.

    generator: where the random numbers come from; needed when training with p > 0.
    """
    require_floats("dropout", input=input)
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p is a probability, got {p}")
    if not training or p == 0:
        return input
    if generator is None:
        raise ValueError("dropout: pass generator=numpy.random.default_rng(seed); there is no global random state")
    keep = generator.random(input.shape, dtype=np.float32) >= p  # on the host: a GPU's own numbers would be others
    return apply(Dropout(p), input, like(keep, input.data))


def embedding(input: Any, weight: Tensor) -> Tensor:
    """input: token ids of any shape (…), integers in [0, V); weight (V, D) -> (…, D)."""
    require_floats("embedding", weight=weight)
    ids = integers("embedding", "input", input, weight)
    if weight.ndim != 2:
        raise ValueError(f"embedding: weight has shape {weight.shape}, expected (V, D)")
    require_below("embedding", "id", to_host(ids), weight.shape[0])
    return apply(Embedding(), ids, weight)


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Any = None,
    *,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """query (…, T, d), key (…, S, d), value (…, S, e) -> (…, T, e); scale is 1/√d unless given.

    attn_mask: boolean, broadcasts to (…, T, S), True where a query may look. A query that may look nowhere gets 0.
    """
    require_floats("attention", query=query, key=key, value=value)
    shapes = f"shapes {query.shape}, {key.shape}, {value.shape}"
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise ValueError(f"attention: query, key and value need at least two axes (tokens, width); {shapes}")
    if query.shape[-1] != key.shape[-1]:
        raise ValueError(f"attention: query has width {query.shape[-1]} but key has {key.shape[-1]}; {shapes}")
    if key.shape[-2] != value.shape[-2]:
        raise ValueError(f"attention: key has {key.shape[-2]} tokens but value has {value.shape[-2]}; {shapes}")
    op = ScaledDotProductAttention(is_causal, scale)
    if attn_mask is None:
        return apply(op, query, key, value)
    mask = boolean("attention", "attn_mask", attn_mask, ", True where a query may look")
    full = (*np.broadcast_shapes(query.shape[:-2], key.shape[:-2]), query.shape[-2], key.shape[-2])
    if not broadcasts_to(mask.shape, full):
        raise ValueError(f"attention: attn_mask has shape {mask.shape}, which does not broadcast to the scores' {full}")
    return apply(op, query, key, value, mask)


def cross_entropy(
    input: Tensor,
    target: Any,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """input (V,), (N, V) or (N, V, …): logits, classes on axis 1 as in PyTorch; target (), (N,) or (N, …): class ids.

    reduction: "mean" over the targets that are not ignore_index, "sum", or "none".
    """
    _require_loss("cross_entropy", reduction, label_smoothing)
    require_floats("cross_entropy", input=input)
    if input.ndim == 0:
        raise ValueError("cross_entropy: input has no axis of classes, its shape is ()")
    if input.ndim > 2:
        input = input.permute((0, *range(2, input.ndim), 1))
    targets = _targets("cross_entropy", target, input, input.shape[-1], ignore_index)
    return apply(CrossEntropy(ignore_index, reduction, label_smoothing), input, targets)


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Any,
    *,
    linear_bias: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Tensor:
    """cross_entropy(linear(input, linear_weight, linear_bias), target), faster and in a third of the memory.

    input (…, D), linear_weight (V, D), linear_bias (V,); target (…): class ids.
    """
    name = "linear_cross_entropy"
    _require_loss(name, reduction, label_smoothing)
    _require_linear(name, input, linear_weight, linear_bias)
    targets = _targets(name, target, input, linear_weight.shape[0], ignore_index)
    op = LinearCrossEntropy(ignore_index, reduction, label_smoothing)
    return apply(op, input, linear_weight, targets, *(() if linear_bias is None else (linear_bias,)))


def _require_linear(function: str, input: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    require_floats(function, input=input, weight=weight)
    if input.ndim == 0 or weight.ndim != 2 or input.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"{function}: input (…, I) and weight (O, I) expected, their shapes are {input.shape} and {weight.shape}"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"{function}: bias has shape {bias.shape}, expected {weight.shape[:1]}")


def _require_loss(function: str, reduction: str, label_smoothing: float) -> None:
    require_one_of(function, "reduction", reduction, ("mean", "sum", "none"))
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{function}: label_smoothing must be in [0, 1], got {label_smoothing}")


def _targets(function: str, target: Any, input: Tensor, classes: int, ignore_index: int) -> Any:
    """Class ids for the vectors of input, (…) for (…, any)."""
    targets = integers(function, "target", target, input)
    if targets.shape != input.shape[:-1]:
        raise ValueError(
            f"{function}: target has shape {targets.shape}, expected {input.shape[:-1]} for {classes} classes"
        )
    counted = to_host(targets)
    require_below(function, "target", counted[counted != ignore_index], classes)
    return targets
