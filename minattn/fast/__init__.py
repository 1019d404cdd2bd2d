"""What makes the engine fast: kernels that stand in for ops, and memory that is used again. The one door to it.

Every module here is imported, so that a new kernel is one file.
"""

from importlib import import_module
from pkgutil import iter_modules

from .products import features_first
from .workspace import Workspace, physical_memory, reuse_memory

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["Workspace", "features_first", "physical_memory", "reuse_memory"]
