"""Parts of a batch, computed at once by several workers. The one door to it."""

from .parts import SplittableModel
from .processes import can_fork
from .rank_workers import RankCrew
from .ranks import Ranks, join, joined, launched
from .share import Shared, SharedModel, SharedOptimizer, share_batches
from .threads import MOST_THREADS, Threads, cores

__all__ = [
    "MOST_THREADS",
    "RankCrew",
    "Ranks",
    "Shared",
    "SharedModel",
    "SharedOptimizer",
    "SplittableModel",
    "Threads",
    "can_fork",
    "cores",
    "join",
    "joined",
    "launched",
    "share_batches",
]
