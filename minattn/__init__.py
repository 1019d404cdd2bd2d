"""A teaching engine: a self-attention model in NumPy with hand-written backward passes."""

from . import functional, nn
from .fast import reuse_memory
from .graph import no_grad
from .ops.kernels import textbook
from .tensor import Tensor, apply

__all__ = ["Tensor", "__version__", "apply", "functional", "nn", "no_grad", "reuse_memory", "textbook"]
__version__ = "0.1.0"
