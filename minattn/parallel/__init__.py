"""The parts of a batch, computed at once: on threads or processes of this machine. The one door to it."""

from .data_parallel import DataParallel
from .forked import ForkedDataParallel, Parallel, sharing
from .processes import Processes, can_fork, shared, shared_copy
from .threads import Threads, cores

__all__ = [
    "DataParallel",
    "ForkedDataParallel",
    "Parallel",
    "Processes",
    "Threads",
    "can_fork",
    "cores",
    "shared",
    "shared_copy",
    "sharing",
]
