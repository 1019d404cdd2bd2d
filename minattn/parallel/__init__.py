"""Parts of a batch, computed at once by several workers. The one door to it."""

from .processes import can_fork
from .share import Shared, SharedModel, SharedOptimizer, share_batches
from .threads import MOST_THREADS, Threads, cores
from .workers import SplittableModel

__all__ = [
    "MOST_THREADS",
    "Shared",
    "SharedModel",
    "SharedOptimizer",
    "SplittableModel",
    "Threads",
    "can_fork",
    "cores",
    "share_batches",
]
