"""The mathematics: ops on bare arrays, each with its forward, its derivation and its hand-written backward.

Every module here is imported, so that a new op is one file. `registry` has all ops by name; `ops.Softmax` is one.
"""

from importlib import import_module
from pkgutil import iter_modules

from .base import GradientError, Op, Registered, Sample, register, registry, sum_to_shape

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
globals().update({name: entry.op for name, entry in registry.items()})

__all__ = ["GradientError", "Op", "Registered", "Sample", "register", "registry", "sum_to_shape"]
