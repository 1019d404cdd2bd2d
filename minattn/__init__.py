"""A teaching engine: a self-attention model in NumPy with hand-written backward passes."""

from . import functional, nn
from .graph import no_grad
from .memory import reuse_memory
from .tensor import Tensor, apply

__all__ = ["Tensor", "__version__", "apply", "functional", "nn", "no_grad", "reuse_memory"]
__version__ = "0.1.0"
