"""Wrong ways to fill the gap, each with the sentence that answers it."""

import numpy as np

from .solution import attention, attention_backward


def queries_only(g, x, wq, wk, wv):
    """dx has only the path through the queries; the keys and the values were made of x as well."""
    q, k, v = x @ wq, x @ wk, x @ wv
    y, p = attention(q, k, v)
    dq, dk, dv = attention_backward(g, q, k, v, p)
    dx = dq @ wq.T

    dwq = np.einsum("bti,bto->io", x, dq)
    dwk = np.einsum("bti,bto->io", x, dk)
    dwv = np.einsum("bti,bto->io", x, dv)
    return dx, dwq, dwk, dwv


def values_only(g, x, wq, wk, wv):
    """dx has only the path through the values: each assignment overwrote the one before; the three add up."""
    q, k, v = x @ wq, x @ wk, x @ wv
    y, p = attention(q, k, v)
    dq, dk, dv = attention_backward(g, q, k, v, p)
    dx = dq @ wq.T
    dx = dk @ wk.T
    dx = dv @ wv.T

    dwq = np.einsum("bti,bto->io", x, dq)
    dwk = np.einsum("bti,bto->io", x, dk)
    dwv = np.einsum("bti,bto->io", x, dv)
    return dx, dwq, dwk, dwv


def no_keys(g, x, wq, wk, wv):
    """The path through the keys is missing in dx."""
    q, k, v = x @ wq, x @ wk, x @ wv
    y, p = attention(q, k, v)
    dq, dk, dv = attention_backward(g, q, k, v, p)
    dx = dq @ wq.T + dv @ wv.T

    dwq = np.einsum("bti,bto->io", x, dq)
    dwk = np.einsum("bti,bto->io", x, dk)
    dwv = np.einsum("bti,bto->io", x, dv)
    return dx, dwq, dwk, dwv


def no_queries(g, x, wq, wk, wv):
    """The path through the queries is missing in dx."""
    q, k, v = x @ wq, x @ wk, x @ wv
    y, p = attention(q, k, v)
    dq, dk, dv = attention_backward(g, q, k, v, p)
    dx = dk @ wk.T + dv @ wv.T

    dwq = np.einsum("bti,bto->io", x, dq)
    dwk = np.einsum("bti,bto->io", x, dk)
    dwv = np.einsum("bti,bto->io", x, dv)
    return dx, dwq, dwk, dwv


def no_values(g, x, wq, wk, wv):
    """The path through the values is missing in dx."""
    q, k, v = x @ wq, x @ wk, x @ wv
    y, p = attention(q, k, v)
    dq, dk, dv = attention_backward(g, q, k, v, p)
    dx = dq @ wq.T + dk @ wk.T

    dwq = np.einsum("bti,bto->io", x, dq)
    dwk = np.einsum("bti,bto->io", x, dk)
    dwv = np.einsum("bti,bto->io", x, dv)
    return dx, dwq, dwk, dwv


def paths_averaged(g, x, wq, wk, wv):
    """The three paths are averaged; what comes along several ways is summed."""
    q, k, v = x @ wq, x @ wk, x @ wv
    y, p = attention(q, k, v)
    dq, dk, dv = attention_backward(g, q, k, v, p)
    dx = (dq @ wq.T + dk @ wk.T + dv @ wv.T) / 3

    dwq = np.einsum("bti,bto->io", x, dq)
    dwk = np.einsum("bti,bto->io", x, dk)
    dwv = np.einsum("bti,bto->io", x, dv)
    return dx, dwq, dwk, dwv


def weights_averaged(g, x, wq, wk, wv):
    """The gradients of the weights are averaged over the sentences; they add up over the batch."""
    q, k, v = x @ wq, x @ wk, x @ wv
    y, p = attention(q, k, v)
    dq, dk, dv = attention_backward(g, q, k, v, p)
    dx = dq @ wq.T + dk @ wk.T + dv @ wv.T

    dwq = np.einsum("bti,bto->io", x, dq)
    dwk = np.einsum("bti,bto->io", x, dk)
    dwv = np.einsum("bti,bto->io", x, dv)

    dwq, dwk, dwv = dwq / len(x), dwk / len(x), dwv / len(x)
    return dx, dwq, dwk, dwv
