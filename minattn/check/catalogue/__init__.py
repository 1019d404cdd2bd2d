"""The catalogue: the wrong backward passes that people write, op by op, and how one is recognised."""

from . import (
    activations,
    arithmetic,
    attention,
    cross_entropy,
    dropout,
    einsum,
    embedding,
    joining,
    layer_norm,
    linear_cross_entropy,
    multiplication,
    pointwise,
    products,
    selection,
    shape,
    softmax,
)
from . import reduction as reduce
from .base import Mistake, catalogue, mistake
from .match import match, matches
from .op_names import find_op
from .options import fitting_options

__all__ = [
    "Mistake",
    "activations",
    "arithmetic",
    "attention",
    "catalogue",
    "cross_entropy",
    "dropout",
    "einsum",
    "embedding",
    "find_op",
    "fitting_options",
    "joining",
    "layer_norm",
    "linear_cross_entropy",
    "match",
    "matches",
    "mistake",
    "multiplication",
    "pointwise",
    "products",
    "reduce",
    "selection",
    "shape",
    "softmax",
]
