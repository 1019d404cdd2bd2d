"""What makes the engine fast: kernels that stand in for ops, and memory that is used again. The one door to it.

Every module here is imported, so that a new kernel is one file.
"""

from importlib import import_module
from pkgutil import iter_modules

from .flat_optimizer import FlatOptimizer, UpdatePiece, flat_optimizer_of
from .products import blocks, features_first
from .workspace import Workspace, physical_memory, reuse_memory

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = [
    "FlatOptimizer",
    "UpdatePiece",
    "Workspace",
    "blocks",
    "features_first",
    "flat_optimizer_of",
    "physical_memory",
    "reuse_memory",
]
