"""What makes the engine fast: kernels that stand in for ops, and memory that is used again. The one door to it."""

from .products import (
    LOG2_E,
    blocks,
    column_sums,
    features_first,
    gather,
    in_memory_order,
    is_features_first,
    is_moderate,
    product,
    row_dots,
    row_sums,
)
from .workspace import Workspace, copy, empty, empty_like, physical_memory, reuse_memory

__all__ = [
    "LOG2_E",
    "Workspace",
    "blocks",
    "column_sums",
    "copy",
    "empty",
    "empty_like",
    "features_first",
    "gather",
    "in_memory_order",
    "is_features_first",
    "is_moderate",
    "physical_memory",
    "product",
    "reuse_memory",
    "row_dots",
    "row_sums",
]
