"""A teaching engine: a self-attention model in NumPy with hand-written backward passes.

`check`, `learn`, `models`, `optim`, `pretrained`, `show`, `text` and `training`, and the functions `train` and
`open_run`, are imported when they are first named: `minattn.optim.AdamW`.
"""

# imported first: it lets Ctrl-C end the command in one line while the rest is imported
from . import terminal as _terminal  # noqa: F401

# isort: split

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import functional, nn
from .fast import reuse_memory
from .ops.kernels import textbook
from .tensor import Tensor, apply, no_grad

if TYPE_CHECKING:
    from . import check, learn, models, optim, pretrained, show, text, training
    from .pretrained import open_run, train

__version__ = "0.1.0"
__all__ = [
    "Tensor",
    "__version__",
    "apply",
    "check",
    "functional",
    "learn",
    "models",
    "nn",
    "no_grad",
    "open_run",
    "optim",
    "pretrained",
    "reuse_memory",
    "show",
    "text",
    "textbook",
    "train",
    "training",
]


def __getattr__(name: str) -> Any:
    """Import a room, or a function of one, when it is first named."""
    if name in ("open_run", "train"):
        found = globals()[name] = getattr(import_module(f"{__name__}.pretrained"), name)
        return found
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """All public names, those that are not imported yet as well."""
    return __all__
