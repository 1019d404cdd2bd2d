"""A teaching engine: a self-attention model in NumPy with hand-written backward passes."""

# ruff: noqa: E402 - what is imported first lets Ctrl-C end the command quietly while the rest is imported
from .terminal import quiet_while_loading  # isort: split

quiet_while_loading()

from . import functional, nn
from .fast import reuse_memory
from .graph import no_grad
from .ops.kernels import textbook
from .tensor import Tensor, apply

__all__ = ["Tensor", "__version__", "apply", "functional", "nn", "no_grad", "reuse_memory", "textbook"]
__version__ = "0.1.0"
