"""Every op as a function on Tensors, with PyTorch's names, argument order and defaults. Imported as F.

A function whose first argument is a Tensor is a method of it too. Where this differs from PyTorch: docs/PYTORCH.md.
"""

import builtins
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from .backend import Array, array_module, is_array, like, to_host
from .ops.activations import GELU, Dropout, ReLU, Sigmoid, Tanh
from .ops.arithmetic import Add, Divide, Maximum, Multiply, Power, Subtract, Where
from .ops.attention import ScaledDotProductAttention
from .ops.cross_entropy import CrossEntropy, LinearCrossEntropy
from .ops.embedding import Embedding
from .ops.layer_norm import LayerNorm
from .ops.linear_algebra import Einsum, Linear, MatMul
from .ops.pointwise import Exp, Log, Negate, Sqrt
from .ops.reduction import Max, Mean, Sum, Variance
from .ops.shape import BroadcastTo, Concatenate, Reshape, Split, Stack, Transpose
from .ops.softmax import LogSoftmax, LogSumExp, Softmax
from .tensor import NUMPY_FUNCTIONS, Operand, Tensor, apply, as_tensor, as_tensors
from .validate import (
    axes,
    axis_of,
    boolean,
    broadcasts_to,
    floats,
    integers,
    numbers,
    require_below,
    require_one_of,
    require_shape,
    require_some,
)

Dims = int | Sequence[int] | None
Function = TypeVar("Function", bound=Callable[..., Any])


def method(function: Function) -> Function:
    """Make a function a method of its first argument too: `x.exp()` is `exp(x)`."""
    setattr(Tensor, function.__name__, function)
    return function


class ValuesAndIndices(NamedTuple):
    """The largest or smallest elements along an axis, and where each stands: integers without a gradient."""

    values: Tensor
    indices: Array


# --- two Tensors, element by element; shapes broadcast


@method
def add(input: Operand, other: Operand, *, alpha: float = 1) -> Tensor:
    """input + alpha other."""
    return apply(Add(), input, other if alpha == 1 else multiply(other, alpha))


@method
def sub(input: Operand, other: Operand, *, alpha: float = 1) -> Tensor:
    """input - alpha other."""
    return apply(Subtract(), input, other if alpha == 1 else multiply(other, alpha))


@method
def mul(input: Operand, other: Operand) -> Tensor:
    """input * other, element by element."""
    return apply(Multiply(), input, other)


@method
def div(input: Operand, other: Operand) -> Tensor:
    """input / other, element by element."""
    return apply(Divide(), input, other)


@method
def pow(input: Operand, exponent: Operand) -> Tensor:
    """input raised to exponent, element by element."""
    return apply(Power(), input, exponent)


@method
def maximum(input: Operand, other: Operand) -> Tensor:
    """The larger of the two, element by element; where they are equal each gets half of the gradient."""
    return apply(Maximum(), input, other)


@method
def minimum(input: Operand, other: Operand) -> Tensor:
    """The smaller of the two, element by element; where they are equal each gets half of the gradient."""
    a, b = as_tensors((input, other))
    if a.dtype.kind != "f" and b.dtype.kind != "f":  # which -x may not fit into, and which have no gradient
        return Tensor(array_module(a.data).minimum(a.data, b.data))
    return neg(maximum(neg(a), neg(b)))


def where(condition: Any, input: Operand, other: Operand) -> Tensor:
    """input where the boolean condition holds, else other; all three broadcast."""
    mask = boolean("where", "condition", condition)
    return apply(Where(), mask, *as_tensors((input, other), mask))


@method
def masked_fill(input: Tensor, mask: Any, value: Operand) -> Tensor:
    """The number value where the boolean mask holds, else input."""
    if getattr(value, "ndim", 0) != 0:
        raise ValueError(f"masked_fill: value must be one number, got shape {value.shape}; `where` takes arrays")
    return where(mask, value, input)


@method
def clamp(input: Tensor, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """Not below min, not above max; at a bound the gradient is input's."""
    if min is None and max is None:
        raise ValueError("clamp: expected min, max or both, got neither")
    result = as_tensor(input)
    for bound, is_outside in ((min, operator.lt), (max, operator.gt)):
        if bound is not None:
            limit, _ = as_tensors((bound, result))
            result = where(is_outside(result, limit) | (limit != limit), limit, result)  # NaN is not passed over
    return result


# --- one Tensor, element by element


@method
def neg(input: Tensor) -> Tensor:
    """-input."""
    return apply(Negate(), input)


@method
def abs(input: Tensor) -> Tensor:
    """The absolute value; its slope at 0 is 0."""
    x = as_tensor(input)
    return maximum(x, neg(x)) if x.dtype.kind == "f" else Tensor(array_module(x.data).abs(x.data))


@method
def exp(input: Tensor) -> Tensor:
    """e^input."""
    return apply(Exp(), input)


@method
def log(input: Tensor) -> Tensor:
    """The natural logarithm."""
    return apply(Log(), input)


@method
def sqrt(input: Tensor) -> Tensor:
    """The square root."""
    return apply(Sqrt(), input)


@method
def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return apply(Tanh(), input)


@method
def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + e^-input)."""
    return apply(Sigmoid(), input)


@method
def relu(input: Tensor) -> Tensor:
    """max(input, 0); its slope at 0 is 0."""
    return apply(ReLU(), input)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """approximate: "none" for the exact form with erf, "tanh" for the approximation of GPT-2."""
    require_one_of("gelu", "approximate", approximate, ("none", "tanh"))
    return apply(GELU(approximate), *floats("gelu", input=input))


# --- reductions: along dim, one axis or several; over all elements without it. axis and keepdims are understood too


@method
def sum(input: Tensor, dim: Dims = None, keepdim: bool = False, **numpy_names: Any) -> Tensor:
    """The sum along dim."""
    return apply(Sum(*axes("sum", dim, keepdim, numpy_names)), input)


@method
def mean(input: Tensor, dim: Dims = None, keepdim: bool = False, **numpy_names: Any) -> Tensor:
    """The mean along dim."""
    return apply(Mean(*axes("mean", dim, keepdim, numpy_names)), input)


@method
def var(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    **numpy_names: Any,
) -> Tensor:
    """The variance along dim, Σ (x - mean)² / (N - correction).

    Args:
        correction: 1 unless given; unbiased=False is the older way to say 0. `x.var(False)` is that too.
    """
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if not isinstance(unbiased, bool | None):
        raise TypeError(f"var: unbiased must be True or False, got {unbiased!r}; a divisor N - n is correction=n")
    if correction is None:
        correction = 1 if unbiased is None else int(unbiased)
    return apply(Variance(*axes("var", dim, keepdim, numpy_names), correction), input)


@method
def std(input: Tensor, *args: Any, **options: Any) -> Tensor:
    """The standard deviation, √var, with the arguments of `var`."""
    return _root(var(input, *args, **options))


@method
def amax(input: Tensor, dim: Dims = None, keepdim: bool = False, **numpy_names: Any) -> Tensor:
    """The largest element; where several are, each gets an equal share of the gradient."""
    return apply(Max(*axes("amax", dim, keepdim, numpy_names)), input)


@method
def amin(input: Tensor, dim: Dims = None, keepdim: bool = False, **numpy_names: Any) -> Tensor:
    """The smallest element; where several are, each gets an equal share of the gradient."""
    x = as_tensor(input)
    if x.dtype.kind != "f":
        axis, keepdims = axes("amin", dim, keepdim, numpy_names)
        return Tensor(array_module(x.data).min(x.data, axis=axis, keepdims=keepdims))
    return neg(amax(neg(x), dim, keepdim, **numpy_names))


@method
def max(input: Tensor, dim: Any = None, keepdim: bool = False, **numpy_names: Any) -> Any:
    """The largest element of all; with dim, the pair of the largest along it and their indices.

    Along dim the gradient goes to the first of equal elements, as in PyTorch; `amax` shares it.
    `x.max(y)` of two Tensors is `maximum(x, y)`.
    """
    return _extreme("max", (maximum, amax, argmax), input, dim, keepdim, numpy_names)


@method
def min(input: Tensor, dim: Any = None, keepdim: bool = False, **numpy_names: Any) -> Any:
    """The smallest element of all; with dim, the pair of the smallest along it and their indices. As `max`."""
    return _extreme("min", (minimum, amin, argmin), input, dim, keepdim, numpy_names)


def _extreme(
    function: str, ways: tuple[Callable[..., Any], ...], input: Tensor, dim: Any, keepdim: bool, numpy_names: Any
) -> Any:
    """`max` or `min`; ways: its functions of two Tensors, of all elements, and for the place along an axis."""
    of_two, of_all, place = ways
    dim = numpy_names.pop("other", dim)
    if isinstance(dim, Tensor) or is_array(dim):
        return of_two(input, dim)
    dim, keepdim = axes(function, dim, keepdim, numpy_names)
    if dim is None:
        return of_all(input, None, keepdim)
    x = as_tensor(input)
    axis, indices = axis_of(function, dim, x.shape), place(x, dim, True)
    if x.ndim == 0:
        return ValuesAndIndices(reshape(x, ()), indices)
    xp = array_module(x.data)
    places = [xp.arange(n).reshape([-1 if i == j else 1 for j in range(x.ndim)]) for i, n in enumerate(x.shape)]
    places[axis] = indices
    values = x[tuple(places)]
    if keepdim:
        return ValuesAndIndices(values, indices)
    return ValuesAndIndices(values.squeeze(axis), indices[(*[slice(None)] * axis, 0)])


@method
def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Array:
    """Where the largest element stands, the first of equal ones: integers without a gradient, as a bare array."""
    return _place("argmax", input, dim, keepdim)


@method
def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Array:
    """Where the smallest element stands, the first of equal ones: integers without a gradient, as a bare array."""
    return _place("argmin", input, dim, keepdim)


def _place(function: str, input: Tensor, dim: int | None, keepdim: bool) -> Array:
    x = as_tensor(input).data
    axis = None if dim is None else axis_of(function, dim, x.shape)
    if 0 in (x.shape if axis is None else (*x.shape, 1)[axis : axis + 1]):
        raise ValueError(f"{function}: there is no element to choose along dim {dim} of shape {x.shape}")
    return getattr(array_module(x), function)(x, axis=axis if x.ndim else None, keepdims=keepdim)


# --- shapes


@method
def reshape(input: Tensor, *sizes: Any, shape: Sequence[int] = ()) -> Tensor:
    """The same numbers in another shape, given as several lengths or one sequence of them; one length may be -1."""
    return apply(Reshape(numbers("reshape", "shape", sizes or (shape,))), input)


@method
def view(input: Tensor, *sizes: Any) -> Tensor:
    """The same as `reshape`."""
    return reshape(input, *sizes)


@method
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The axes from start_dim to end_dim as one."""
    shape = as_tensor(input).shape or (1,)
    start, end = axis_of("flatten", start_dim, shape), axis_of("flatten", end_dim, shape)
    if start > end:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}, the shape is {shape}")
    return reshape(input, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


@method
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """With a new axis of length 1 at place dim of the result."""
    shape = as_tensor(input).shape
    place = axis_of("unsqueeze", dim, (*shape, 1))
    return reshape(input, (*shape[:place], 1, *shape[place:]))


@method
def squeeze(input: Tensor, dim: Dims = None) -> Tensor:
    """Without the axes of length 1; of those in dim only, if it is given."""
    shape = as_tensor(input).shape
    dims = range(len(shape)) if dim is None else (dim,) if isinstance(dim, int) else dim
    dropped = {axis_of("squeeze", each, shape) for each in dims}
    return reshape(input, tuple(n for i, n in enumerate(shape) if n != 1 or i not in dropped))


@method
def permute(input: Tensor, *order: Any, dims: Sequence[int] = ()) -> Tensor:
    """The axes in another order: axis i of the result is axis dims[i] of input."""
    return apply(Transpose(numbers("permute", "dims", order or (dims,))), input)


@method
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two axes exchanged."""
    shape = as_tensor(input).shape
    order = list(range(len(shape)))
    first, second = axis_of("transpose", dim0, shape), axis_of("transpose", dim1, shape)
    if shape:
        order[first], order[second] = second, first
    return permute(input, order)


@method
def expand(input: Tensor, *sizes: Any) -> Tensor:
    """Repeated along axes of length 1 and new leading axes; -1 keeps a length."""
    shape, wanted = as_tensor(input).shape, numbers("expand", "size", sizes)
    own = (-1,) * (len(wanted) - len(shape)) + shape
    return apply(BroadcastTo(tuple(m if n == -1 else n for n, m in zip(wanted, own, strict=False))), input)


@method
def broadcast_to(input: Tensor, shape: Sequence[int]) -> Tensor:
    """Repeated along axes of length 1 and new leading ones."""
    return expand(input, shape)


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Joined along an axis; the other axes have equal lengths."""
    require_some("cat", tensors)
    some = [x for x in tensors if as_tensor(x).shape != (0,)]  # which may stand beside any shape, as in PyTorch
    return apply(Concatenate(dim), *(some or tensors))


concatenate = cat


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape side by side along a new axis."""
    require_some("stack", tensors)
    return apply(Stack(dim), *tensors)


@method
def split(tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of one length (the last may be shorter), or of the given lengths."""
    axis = axis_of("split", dim, as_tensor(tensor).shape)
    if as_tensor(tensor).ndim == 0:
        raise ValueError("split: a Tensor without axes cannot be split, its shape is ()")
    length = tensor.shape[axis]
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size < 1 and (size or length):
            raise ValueError(f"split: split_size must be at least 1, got {size}")
        starts = range(0, builtins.max(length, 1), builtins.max(size, 1))
        sections = [builtins.min(size, length - start) for start in starts]
    else:
        sections = list(split_size_or_sections)
    ends = np.cumsum(sections).tolist()
    if not ends or ends[-1] != length or builtins.min(sections) < 0:
        raise ValueError(f"split: lengths {sections} do not add up to {length}, the length of axis {dim}")
    return tuple(apply(Split(end - n, end, axis), tensor) for n, end in zip(sections, ends, strict=True))


@method
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most that many pieces, of one length but for the last."""
    if chunks < 1:
        raise ValueError(f"chunk: chunks must be at least 1, got {chunks}")
    axis, shape = axis_of("chunk", dim, as_tensor(input).shape), as_tensor(input).shape
    if shape and shape[axis] == 0:
        return split(input, [0] * chunks, dim)
    return split(input, -(-shape[axis] // chunks) if shape else 1, dim)


# --- matrix products


@method
def matmul(input: Operand, other: Operand) -> Tensor:
    """The matrix product, with NumPy's rules for batches and vectors: (…, N, K), (…, K, M) -> (…, N, M)."""
    return apply(MatMul(), input, other)


@method
def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices: (N, K), (K, M) -> (N, M)."""
    return _product("mm", "(N, K) and (K, M)", 2, input, mat2)


@method
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of two batches of matrices: (B, N, K), (B, K, M) -> (B, N, M)."""
    return _product("bmm", "(B, N, K) and (B, K, M)", 3, input, mat2)


def _product(function: str, expected: str, ndim: int, *inputs: Tensor) -> Tensor:
    a, b = as_tensors(inputs)
    if not (a.ndim == b.ndim == ndim and a.shape[-1] == b.shape[-2] and a.shape[:-2] == b.shape[:-2]):
        raise ValueError(f"{function}: expected {expected}, got shapes {a.shape} and {b.shape}")
    return apply(MatMul(), a, b)


def einsum(equation: str, *operands: Any) -> Tensor:
    """Einstein's sum, e.g. "bqd,bkd->bqk"; of one operand or more, each with its letters."""
    if not isinstance(equation, str):
        raise TypeError(f"einsum: expected an equation like 'ij,jk->ik' first, got {type(equation).__name__}")
    given = operands[0] if len(operands) == 1 and isinstance(operands[0], list | tuple) else operands
    return apply(Einsum(equation), *given)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input (…, I), weight (O, I), bias (O,) -> (…, O)."""
    inputs = _linear_inputs("linear", input, weight, bias)
    return apply(Linear(), *inputs)


# --- what networks are made of


@method
def softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """Probabilities along dim: exp(input), divided by its sum. dtype: a wider one to compute and answer in."""
    return _along("softmax", Softmax, input, dim, dtype)


@method
def log_softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """The logarithm of softmax, without the detour over probabilities that round to 0. dtype: as in softmax."""
    return _along("log_softmax", LogSoftmax, input, dim, dtype)


def _along(function: str, op: type[Softmax | LogSoftmax], input: Tensor, dim: int, dtype: Any) -> Tensor:
    (x,) = floats(function, input=input)
    if dtype is not None and x.dtype != dtype:
        if np.dtype(dtype) != np.float64:
            raise TypeError(f"{function}: dtype must be float64, or input's {x.dtype}, got {np.dtype(dtype)}")
        x = x * array_module(x.data).ones((), dtype)
    axis = axis_of(function, dim, x.shape)
    return apply(op(axis if x.ndim else ()), x)


@method
def logsumexp(input: Tensor, dim: Dims, keepdim: bool = False) -> Tensor:
    """ln Σ exp(input) along dim, a smooth maximum."""
    (x,) = floats("logsumexp", input=input)
    axis, keepdim = axes("logsumexp", dim, keepdim, {})
    axis = tuple(range(x.ndim)) if axis is None else axis
    return apply(LogSumExp(axis if x.ndim else (), keepdim), x)


def layer_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise over the last axes, whose lengths are normalized_shape; weight and bias have that shape."""
    (x,) = floats("layer_norm", input=input)
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape or x.shape[-len(shape) :] != shape:
        raise ValueError(f"layer_norm: input has shape {x.shape}, its last axes must be {shape}")
    xp = array_module(x.data)
    gamma = as_tensor(xp.ones(shape, x.dtype) if weight is None else weight)
    beta = as_tensor(xp.zeros(shape, x.dtype) if bias is None else bias)
    require_shape("layer_norm", "weight", gamma, shape)
    require_shape("layer_norm", "bias", beta, shape)
    return apply(LayerNorm(eps), x, gamma, beta)


def dropout(
    input: Tensor, p: float = 0.5, training: bool = True, *, generator: np.random.Generator | None = None
) -> Tensor:
    """Zero each element with probability p and scale the rest by 1 / (1 - p); does nothing unless training.

    generator: where the random numbers come from; needed when training with p > 0.
    """
    (x,) = floats("dropout", input=input)
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p is a probability, got {p}")
    if not training or p == 0:
        return x
    if generator is None:
        raise ValueError("dropout: pass generator=numpy.random.default_rng(seed); there is no global random state")
    keep = generator.random(x.shape, dtype=np.float32) >= p  # on the host: a GPU's own numbers would be others
    return apply(Dropout(p), x, Tensor(like(keep, x.data)))


def embedding(input: Any, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """input: token ids of any shape (…), integers in [0, V); weight (V, D) -> (…, D).

    padding_idx: an id whose vector gets no gradient
    """
    (table,) = floats("embedding", weight=weight)
    ids = integers("embedding", "input", input, table)
    if table.ndim != 2:
        raise ValueError(f"embedding: weight has shape {table.shape}, expected (V, D)")
    size = table.shape[0]
    require_below("embedding", "id", to_host(ids), size)
    if padding_idx is not None and not -size <= padding_idx < size:
        raise IndexError(f"embedding: padding_idx {padding_idx} is out of range, there are {size} (0 to {size - 1})")
    vectors = apply(Embedding(), ids, table)
    return vectors if padding_idx is None else where((ids == padding_idx % size)[..., None], vectors.detach(), vectors)


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    *,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """query (…, T, d), key (…, S, d), value (…, S, e) -> (…, T, e); scale is 1/√d unless given.

    Args:
        attn_mask: broadcasts to (…, T, S). Boolean: True where a query may look; one that may look nowhere gets 0.
            Floating-point: added to the scores.
        dropout_p: the share of the weights that are set to 0; needs `generator`.
        enable_gqa: key and value (…, heads of theirs, S, ·) serve several heads of the query each.
    """
    q, k, v = floats("attention", query=query, key=key, value=value)
    if enable_gqa:
        k, v = (_shared_heads(name, x, q) for name, x in (("key", k), ("value", v)))
    shapes = q.shape, k.shape, v.shape
    if builtins.min(map(len, shapes)) < 2:
        wrong = "query, key and value need at least two axes (tokens, width)"
    elif shapes[0][-1] != shapes[1][-1]:
        wrong = f"query has width {q.shape[-1]} but key has {k.shape[-1]}"
    elif shapes[1][-2] != shapes[2][-2]:
        wrong = f"key has {k.shape[-2]} tokens but value has {v.shape[-2]}"
    else:
        wrong = ""
    if wrong:
        raise ValueError(f"attention: {wrong}; shapes {q.shape}, {k.shape}, {v.shape}")
    inputs = [q, k, v] if attn_mask is None else [q, k, v, _attention_mask(attn_mask, q, k)]
    if dropout_p == 0:
        return apply(ScaledDotProductAttention(is_causal, scale), *inputs)
    # the weights are what attention gives where the values are the unit vectors
    inputs[2] = Tensor(array_module(q.data).eye(k.shape[-2], dtype=v.dtype))
    weights = apply(ScaledDotProductAttention(is_causal, scale), *inputs)
    return dropout(weights, dropout_p, generator=generator) @ v


def _attention_mask(attn_mask: Any, q: Tensor, k: Tensor) -> Tensor:
    if _kind(attn_mask) not in "bf":
        boolean("attention", "attn_mask", attn_mask, ", True where a query may look, or floats that are added")
    full = (*np.broadcast_shapes(q.shape[:-2], k.shape[:-2]), q.shape[-2], k.shape[-2])
    if not broadcasts_to(attn_mask.shape, full):
        shape = attn_mask.shape
        raise ValueError(f"attention: attn_mask has shape {shape}, which does not broadcast to the scores' {full}")
    return as_tensor(attn_mask)


def _shared_heads(name: str, x: Tensor, q: Tensor) -> Tensor:
    """Each head of x (…, heads, S, ·) as often as there are heads of q to it."""
    if builtins.min(x.ndim, q.ndim) < 3 or x.shape[-3] == 0 or q.shape[-3] % x.shape[-3]:
        raise ValueError(
            f"attention: with enable_gqa the heads of query must be a multiple of those of {name}; "
            f"shapes {q.shape} and {x.shape}"
        )
    times = q.shape[-3] // x.shape[-3]
    *batch, heads, tokens, width = x.shape
    return x.unsqueeze(-3).expand(*batch, heads, times, tokens, width).reshape(*batch, heads * times, tokens, width)


# --- losses


def cross_entropy(
    input: Tensor,
    target: Any,
    weight: Any = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """input (V,), (N, V) or (N, V, …): logits, classes on axis 1 as in PyTorch.

    Args:
        target: class ids (), (N,) or (N, …); or probabilities, floating-point and shaped like input.
        weight: (V,), how much each class counts; it gets no gradient.
        reduction: "mean" over the targets that are not ignore_index, by their weights; "sum"; or "none".
    """
    _require_loss("cross_entropy", reduction, label_smoothing)
    logits = _classes_last("cross_entropy", input)
    classes = logits.shape[-1]
    is_soft = _kind(target) == "f"
    if weight is None and not is_soft:
        targets = _targets("cross_entropy", target, logits, classes, ignore_index)
        return apply(CrossEntropy(ignore_index, reduction, label_smoothing), logits, targets)
    log_p = log_softmax(logits, -1)
    each = _class_weights("cross_entropy", weight, log_p)
    if is_soft:
        if ignore_index != -100:
            raise ValueError("cross_entropy: ignore_index is an id of a class, but the targets are probabilities")
        if as_tensor(target).shape != as_tensor(input).shape:
            shapes = f"{as_tensor(target).shape}, expected input's {as_tensor(input).shape}"
            raise ValueError(f"cross_entropy: the target's probabilities have shape {shapes}")
        wanted = _classes_last("cross_entropy", target) * (1 - label_smoothing) + label_smoothing / classes
        return _reduced(-(wanted * log_p * each).sum(-1), logits.size // classes, reduction)
    targets = _targets("cross_entropy", target, logits, classes, ignore_index)
    losses, counts = _negative_log_likelihood(log_p, targets, each, ignore_index)
    if label_smoothing:
        smooth = where(targets != ignore_index, -(log_p * each).sum(-1), 0.0)
        losses = losses * (1 - label_smoothing) + smooth * (label_smoothing / classes)
    return _reduced(losses, counts, reduction)


def nll_loss(
    input: Tensor, target: Any, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    """-input at the target's class: the loss of logarithms of probabilities, as `log_softmax` gives them.

    Shapes, weight, ignore_index and reduction are those of `cross_entropy` with class ids.
    """
    _require_loss("nll_loss", reduction, 0.0)
    log_p = _classes_last("nll_loss", input)
    targets = _targets("nll_loss", target, log_p, log_p.shape[-1], ignore_index)
    losses, counts = _negative_log_likelihood(log_p, targets, _class_weights("nll_loss", weight, log_p), ignore_index)
    return _reduced(losses, counts, reduction)


def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """(input - target)², averaged; the shapes broadcast. reduction: "mean", "sum" or "none"."""
    _require_loss("mse_loss", reduction, 0.0)
    difference = sub(input, target)
    return _reduced(difference * difference, difference.size, reduction)


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Any,
    *,
    linear_bias: Tensor | None = None,
    weight: Any = None,
    reduction: str = "mean",
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Tensor:
    """cross_entropy(linear(input, linear_weight, linear_bias), target), faster and in a third of the memory.

    input (…, D), linear_weight (V, D), linear_bias (V,); target (…): class ids. With probabilities as the target, with
    the classes' weights, or a linear_weight (V, …, D) for as many losses a vector, it is the two functions in a chain.
    """
    name = "linear_cross_entropy"
    _require_loss(name, reduction, label_smoothing)
    if weight is not None or _kind(target) == "f" or getattr(linear_weight, "ndim", 2) > 2:
        logits = _scores(name, input, linear_weight, linear_bias)
        options = {"ignore_index": ignore_index, "reduction": reduction, "label_smoothing": label_smoothing}
        return cross_entropy(logits, target, weight, **options)  # type: ignore[arg-type]
    x, table, *bias = _linear_inputs(name, input, linear_weight, linear_bias)
    targets = _targets(name, target, x, table.shape[0], ignore_index)
    return apply(LinearCrossEntropy(ignore_index, reduction, label_smoothing), x, table, targets, *bias)


def _scores(function: str, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """input (N, D), weight (V, …, D), bias (V, …) -> (N, V, …)."""
    x, w = floats(function, input=input, weight=weight)
    if w.ndim > 2 and x.ndim != 2:
        raise ValueError(f"{function}: a weight of shape {w.shape} needs an input (N, D), got shape {x.shape}")
    flat = w.reshape(-1, w.shape[-1]) if w.ndim > 2 else w
    b = None if bias is None or as_tensor(bias).ndim < 2 else as_tensor(bias).flatten()
    scores = linear(x, flat, bias if b is None else b)
    return scores.reshape(*scores.shape[:-1], *w.shape[:-1]) if w.ndim > 2 else scores


def _kind(value: Any) -> str:
    """The kind of numbers: "f", "i", "b", …"""
    return str(getattr(value, "dtype", np.dtype(object)).kind)


def _classes_last(function: str, input: Tensor) -> Tensor:
    """(V,), (N, V) or (N, V, …) -> (V,), (N, V) or (N, …, V)."""
    (x,) = floats(function, input=input)
    if x.ndim == 0 or x.shape[builtins.min(x.ndim - 1, 1)] == 0:
        raise ValueError(f"{function}: input has no classes, its shape is {x.shape}")
    return x.permute(0, *range(2, x.ndim), 1) if x.ndim > 2 else x


def _class_weights(function: str, weight: Any, log_p: Tensor) -> Array:
    """How much each class counts (V,); 1 where nothing is said."""
    if weight is None:
        return array_module(log_p.data).ones(log_p.shape[-1], log_p.dtype)
    if isinstance(weight, Tensor) and weight.requires_grad:
        raise TypeError(f"{function}: weight gets no gradient; use weight.detach()")
    (each,) = floats(function, weight=weight)
    require_shape(function, "weight", each, log_p.shape[-1:])
    return each.data


def _negative_log_likelihood(log_p: Tensor, targets: Array, each: Array, ignore_index: int) -> tuple[Tensor, Any]:
    """-w_y log_p_y for each target, 0 where it is ignored; and the sum of the weights w_y that count."""
    xp, counted = array_module(targets), targets != ignore_index
    y = xp.where(counted, targets, 0).reshape(-1)
    weights = each[y].reshape(targets.shape)
    picked = log_p.reshape(-1, log_p.shape[-1])[xp.arange(len(y)), y].reshape(targets.shape)
    return where(counted, -picked * weights, 0.0), xp.where(counted, weights, 0).sum()


def _reduced(losses: Tensor, count: Any, reduction: str) -> Tensor:
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.sum() / count


def _linear_inputs(function: str, input: Tensor, weight: Tensor, bias: Tensor | None) -> list[Tensor]:
    """The inputs of a linear layer as Tensors; refuses those that do not fit together."""
    given = {"input": input, "weight": weight} if bias is None else {"input": input, "weight": weight, "bias": bias}
    inputs = floats(function, **given)
    x, w, *b = [tensor.data.shape for tensor in inputs]
    if not x or len(w) != 2 or x[-1] != w[1]:
        raise ValueError(f"{function}: input (…, I) and weight (O, I) expected, their shapes are {x} and {w}")
    if b and b[0] != w[:1]:
        raise ValueError(f"{function}: bias has shape {b[0]}, expected {w[:1]}")
    return inputs


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


def _root(x: Tensor) -> Tensor:
    """√x with slope 0 at 0, where lengths and deviations have none."""
    is_zero = x == 0
    return where(is_zero, 0.0, sqrt(where(is_zero, 1.0, x)))


subtract, multiply, divide = sub, mul, div


# --- functions of NumPy that follow a Tensor; minattn/trace/unfollowed_numpy.py says what becomes of the others


def _dot(a: Tensor, b: Tensor) -> Tensor:
    a, b = as_tensors((a, b))
    if builtins.max(a.ndim, b.ndim) > 2:
        raise TypeError("np.dot follows Tensors of up to two axes; use F.matmul or F.einsum")
    return a * b if builtins.min(a.ndim, b.ndim) == 0 else a @ b


def _norm(x: Tensor, ord: Any = None, axis: Dims = None, keepdims: bool = False) -> Tensor:
    if ord is not None:
        raise TypeError("np.linalg.norm follows a Tensor for the length alone; leave ord away")
    return _root(sum(x * x, axis, keepdims))


NUMPY_FUNCTIONS |= {
    **{np.add: add, np.subtract: sub, np.multiply: mul, np.divide: div, np.power: pow, np.matmul: matmul},
    **{np.negative: neg, np.exp: exp, np.log: log, np.sqrt: sqrt, np.tanh: tanh, np.absolute: abs},
    **{np.maximum: maximum, np.minimum: minimum, np.square: lambda x: mul(x, x), np.positive: as_tensor},
    **{np.sum: sum, np.mean: mean, np.max: amax, np.min: amin, np.stack: lambda x, axis=0: stack(x, axis)},
    np.var: lambda x, axis=None, ddof=0, keepdims=False: var(x, axis, keepdim=keepdims, correction=ddof),
    np.std: lambda x, axis=None, ddof=0, keepdims=False: std(x, axis, keepdim=keepdims, correction=ddof),
    np.concatenate: lambda x, axis=0: cat(x, axis) if axis is not None else cat([flatten(each) for each in x]),
    np.where: lambda mask, *values: where(mask, *values) if values else np.nonzero(mask.data),
    np.clip: lambda x, a_min=None, a_max=None, *, min=None, max=None: clamp(
        x, min if a_min is None else a_min, max if a_max is None else a_max
    ),
    **{np.einsum: einsum, np.dot: _dot, np.linalg.norm: _norm, np.broadcast_to: broadcast_to},
    **{np.reshape: reshape, np.swapaxes: lambda x, axis1, axis2: transpose(x, axis1, axis2)},
    np.transpose: lambda x, axes=None: x.T if axes is None else permute(x, axes),
    **{np.ravel: lambda x: flatten(x), np.expand_dims: lambda x, axis: unsqueeze(x, axis)},
    np.squeeze: lambda x, axis=None: squeeze(x, axis),
}
