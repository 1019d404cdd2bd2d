"""Wrong backward passes of scaled dot-product attention.

Right is: dv = pᵀ g, dp = g vᵀ, ds = p (dp - Σ dp p), dq = ds k / √d, dk = dsᵀ q / √d.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...backend import Array
from ...ops.attention import attention_weights, causal_mask
from ...ops.base import transposed
from .base import Gradients, mistake, unbroadcast


def _factor(q: Array, causal: bool = False, scale: float | None = None) -> float:
    return 1 / math.sqrt(q.shape[-1]) if scale is None else scale


def _weights(
    q: Array, k: Array, mask: Array | None = None, *, causal: bool = False, scale: float | None = None
) -> Array:
    """Softmax of the scores; a query that may look nowhere gets zeros."""
    mask = causal_mask(q, k, mask) if causal else mask
    return attention_weights(q, k, mask, _factor(q, scale=scale))


def _p_and_ds(g: Array, q: Array, k: Array, v: Array, *mask: Array, **options: Any) -> tuple[Array, Array]:
    p = _weights(q, k, *mask, **options)
    return p, _softmax_backward(p, g @ transposed(v)) * _factor(q, **options)


def _softmax_backward(p: Array, dp: Array) -> Array:
    return p * (dp - (dp * p).sum(axis=-1, keepdims=True))


def _for_inputs(dq: Array, dk: Array, dv: Array, q: Array, k: Array, v: Array, *mask: Array) -> Gradients:
    """The gradients summed to the shapes of their inputs; a mask has none."""
    summed = unbroadcast(dq, q.shape), unbroadcast(dk, k.shape), unbroadcast(dv, v.shape)
    return *summed, *(None for _ in mask)


def _backward(
    g: Array,
    q: Array,
    k: Array,
    v: Array,
    *mask: Array,
    p: Array | None = None,
    softmax: Callable[[Array, Array], Array] = _softmax_backward,
    factor: float | None = None,
    **options: Any,
) -> Gradients:
    """The right backward pass, but for what is given in place of the weights, of ds = softmax(p, dp), of the scale."""
    p = _weights(q, k, *mask, **options) if p is None else p
    ds = softmax(p, g @ transposed(v)) * (_factor(q, **options) if factor is None else factor)
    return _for_inputs(ds @ k, transposed(ds) @ q, transposed(p) @ g, q, k, v, *mask)


@mistake("ScaledDotProductAttention", "cross_terms_missing")
def attention_softmax_diagonal_only(g: Array, q: Array, k: Array, v: Array, *mask: Array, **options: Any) -> Gradients:
    """The softmax is differentiated by its diagonal alone, ds = p (1 - p) dp; every score also lowers the other weights
    of its row, and ds = p (dp - Σ dp p) belongs there."""
    return _backward(g, q, k, v, *mask, **options, softmax=lambda p, dp: p * (1 - p) * dp)


@mistake("ScaledDotProductAttention", "constant_factor")
def attention_scale_forgotten(g: Array, q: Array, k: Array, v: Array, *mask: Array, **options: Any) -> Gradients:
    """The scale is forgotten in dq and dk; the scores were multiplied by 1/√d, and so are their gradients."""
    return _backward(g, q, k, v, *mask, **options, factor=1.0)


@mistake("ScaledDotProductAttention", "constant_factor")
def attention_scale_twice(g: Array, q: Array, k: Array, v: Array, *mask: Array, **options: Any) -> Gradients:
    """The scale is applied twice, which makes it 1/d, the root forgotten; the gradients of q and k get 1/√d once."""
    return _backward(g, q, k, v, *mask, **options, factor=_factor(q, **options) ** 2)


@mistake("ScaledDotProductAttention", "constant_factor")
def attention_scale_divided(g: Array, q: Array, k: Array, v: Array, *mask: Array, **options: Any) -> Gradients:
    """The gradients of q and k are divided by the scale; the forward pass multiplied by it, and so does the backward
    pass."""
    return _backward(g, q, k, v, *mask, **options, factor=1 / _factor(q, **options))


@mistake("ScaledDotProductAttention", "constant_factor")
def attention_scale_only_in_dq(g: Array, q: Array, k: Array, v: Array, *mask: Array, **options: Any) -> Gradients:
    """The scale is applied to dq and forgotten in dk; both went into the scaled product, and both get it."""
    dq, *_ = _backward(g, q, k, v, *mask, **options)
    return dq, *_backward(g, q, k, v, *mask, **options, factor=1.0)[1:]


@mistake("ScaledDotProductAttention", "missing_transpose")
def attention_dk_not_transposed(g: Array, q: Array, k: Array, v: Array, *mask: Array, **options: Any) -> Gradients:
    """The gradient of k is ds q, which fits only where there are as many queries as keys; dsᵀ q belongs there."""
    p, ds = _p_and_ds(g, q, k, v, *mask, **options)
    return _for_inputs(ds @ k, ds @ q, transposed(p) @ g, q, k, v, *mask)


@mistake("ScaledDotProductAttention", "missing_transpose")
def attention_dv_not_transposed(g: Array, q: Array, k: Array, v: Array, *mask: Array, **options: Any) -> Gradients:
    """The gradient of v is p g, which fits only where there are as many queries as keys; pᵀ g belongs there."""
    dq, dk, _, *others = _backward(g, q, k, v, *mask, **options)
    return dq, dk, unbroadcast(_weights(q, k, *mask, **options) @ g, v.shape), *others


@mistake("ScaledDotProductAttention", "swapped_arguments")
def attention_q_and_k_swapped(g: Array, q: Array, k: Array, v: Array, *mask: Array, **options: Any) -> Gradients:
    """Queries and keys are mixed up, dq = ds q and dk = dsᵀ k; dq = ds k and dk = dsᵀ q belong there."""
    p, ds = _p_and_ds(g, q, k, v, *mask, **options)
    return _for_inputs(ds @ q, transposed(ds) @ k, transposed(p) @ g, q, k, v, *mask)


@mistake("ScaledDotProductAttention", "mask_leak")
def attention_masks_forgotten(g: Array, q: Array, k: Array, v: Array, *mask: Array, **options: Any) -> Gradients:
    """The weights are computed again without any mask, so that gradients flow where no query could look; they are those
    of the forward pass, with zeros under the mask."""
    return _backward(g, q, k, v, *mask, **options, p=_weights(q, k, scale=options.get("scale")))


@mistake("ScaledDotProductAttention", "mask_leak")
def attention_causal_mask_forgotten(g: Array, q: Array, k: Array, v: Array, *mask: Array, **options: Any) -> Gradients:
    """The padding mask is applied on the way back and the causal mask is forgotten, so that a token's gradient reaches
    the tokens after it; both masks belong in the weights."""
    return _backward(g, q, k, v, *mask, **options, p=_weights(q, k, *mask, scale=options.get("scale")))


@mistake("ScaledDotProductAttention", "treated_as_constant")
def attention_weights_constant(g: Array, q: Array, k: Array, v: Array, *mask: Array, **options: Any) -> Gradients:
    """The attention weights are treated as a constant, so that only v gets a gradient; they were computed from q and k,
    which get ds k / √d and dsᵀ q / √d."""
    return _backward(g, q, k, v, *mask, **options, softmax=lambda p, dp: np.zeros_like(p))


@mistake("ScaledDotProductAttention", "treated_as_constant")
def attention_denominator_constant(g: Array, q: Array, k: Array, v: Array, *mask: Array, **options: Any) -> Gradients:
    """The denominator of the softmax is treated as a constant, ds = p dp; it grows with every score, and ds = p (dp - Σ
    dp p) belongs there."""
    return _backward(g, q, k, v, *mask, **options, softmax=lambda p, dp: p * dp)


@mistake("ScaledDotProductAttention", "missing_path")
def attention_softmax_skipped(g: Array, q: Array, k: Array, v: Array, *mask: Array, **options: Any) -> Gradients:
    """The softmax is left out on the way back, ds = dp; ds = p (dp - Σ dp p) belongs there."""
    return _backward(g, q, k, v, *mask, **options, softmax=lambda p, dp: np.broadcast_to(dp, p.shape))


@mistake("ScaledDotProductAttention", "wrong_axis")
def attention_sum_over_queries(g: Array, q: Array, k: Array, v: Array, *mask: Array, **options: Any) -> Gradients:
    """The sum Σ dp p of the softmax runs over the queries; it runs over the keys, along the last axis."""
    return _backward(
        g, q, k, v, *mask, **options, softmax=lambda p, dp: p * (dp - (dp * p).sum(axis=-2, keepdims=True))
    )


@mistake("ScaledDotProductAttention", "wrong_variable")
def attention_sum_not_weighted(g: Array, q: Array, k: Array, v: Array, *mask: Array, **options: Any) -> Gradients:
    """The sum of the softmax's gradient is taken over dp alone, ds = p (dp - Σ dp); each dp is weighted by its p, Σ dp
    p."""
    return _backward(g, q, k, v, *mask, **options, softmax=lambda p, dp: p * (dp - dp.sum(axis=-1, keepdims=True)))


@mistake("ScaledDotProductAttention", "wrong_variable")
def attention_dv_from_scores(g: Array, q: Array, k: Array, v: Array, *mask: Array, **options: Any) -> Gradients:
    """The gradient of v is built from the scores before the softmax; from the weights it belongs, dv = pᵀ g."""
    dq, dk, _, *others = _backward(g, q, k, v, *mask, **options)
    s = q @ transposed(k) * _factor(q, **options)
    return dq, dk, unbroadcast(transposed(s) @ g, v.shape), *others


@mistake("ScaledDotProductAttention", "sign")
def attention_sign(g: Array, q: Array, k: Array, v: Array, *mask: Array, **options: Any) -> Gradients:
    """The two terms of the softmax's gradient are the wrong way round, ds = p (Σ dp p - dp), which turns the sign of dq
    and dk; ds = p (dp - Σ dp p) belongs there."""
    return _backward(g, q, k, v, *mask, **options, softmax=lambda p, dp: -_softmax_backward(p, dp))


@mistake("ScaledDotProductAttention", "not_finite")
def attention_masked_row_not_finite(g: Array, q: Array, k: Array, v: Array, *mask: Array, **options: Any) -> Gradients:
    """A query that may look nowhere gets 0/0 in the softmax, and NaN runs into the gradients; the weights of such a row
    are zeros."""
    p = _weights(q, k, *mask, **options)
    return _backward(g, q, k, v, *mask, **options, p=p / p.sum(axis=-1, keepdims=True))


@mistake("ScaledDotProductAttention", "broadcast_not_summed")
def attention_heads_not_summed(g: Array, q: Array, k: Array, v: Array, *mask: Array, **options: Any) -> Gradients:
    """Keys and values that several heads share keep one gradient for each head; the sum over the heads belongs
    there."""
    p, ds = _p_and_ds(g, q, k, v, *mask, **options)
    gradients = ds @ k, transposed(ds) @ q, transposed(p) @ g
    return *gradients, *(None for _ in mask)
