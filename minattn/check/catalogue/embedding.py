"""Wrong backward passes of an embedding. Right is: dW = 0, then dW[id_t] += g_t for every token t."""

import numpy as np

from ...backend import Array
from .base import mistake

Pair = tuple[None, Array]


@mistake("Embedding", "overwritten_not_accumulated")
def embedding_assigned(g: Array, ids: Array, weight: Array) -> Pair:
    """The rows are assigned, or added with a buffered dW[ids] += g, so that of a token that occurs twice only the last
    gradient counts; np.add.at(dW, ids, g) adds all of them."""
    dweight = np.zeros_like(weight)
    dweight[ids] = g
    return None, dweight


@mistake("Embedding", "missing_path")
def embedding_first_occurrence(g: Array, ids: Array, weight: Array) -> Pair:
    """Only the first occurrence of a token is counted; the gradients of all its occurrences are added up."""
    dweight = np.zeros_like(weight)
    present, first = np.unique(ids, return_index=True)
    dweight[present] = g.reshape(-1, weight.shape[1])[first]
    return None, dweight


@mistake("Embedding", "constant_factor")
def embedding_divided_by_tokens(g: Array, ids: Array, weight: Array) -> Pair:
    """The gradient is divided by the number of tokens; a mean over tokens belongs in the loss, and the rows get
    sums."""
    dweight = np.zeros_like(weight)
    np.add.at(dweight, ids, g / max(ids.size, 1))
    return None, dweight


@mistake("Embedding", "missing_path")
def embedding_first_row_as_padding(g: Array, ids: Array, weight: Array) -> Pair:
    """The row of id 0 is treated as padding and gets zeros; the forward pass uses it like any other, and its gradients
    belong there."""
    dweight = np.zeros_like(weight)
    np.add.at(dweight, ids, g)
    dweight[0] = 0
    return None, dweight
