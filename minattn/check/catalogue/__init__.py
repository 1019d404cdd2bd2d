"""The catalogue: the wrong backward passes that people write, op by op, and how one is recognised.

Each file of this folder is read, so that mistakes in a new file are in the catalogue.
"""

from importlib import import_module
from pkgutil import iter_modules

from .base import Mistake, catalogue, mistake, samples_of, telling_samples
from .match import match, matches
from .registered_op import find_op, fitting_options

__all__ = [
    "Mistake",
    "catalogue",
    "find_op",
    "fitting_options",
    "match",
    "matches",
    "mistake",
    "samples_of",
    "telling_samples",
]

for _module in iter_modules(__path__):
    import_module(f".{_module.name}", __name__)
