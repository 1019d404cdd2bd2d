"""The memory of this machine, and keeping that of freed arrays for the next ones."""

import os
import sys

_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8  # parameters of mallopt(3)


def reuse_memory() -> bool:
    """From now on, let this process keep freed memory instead of handing it back to the system; for training loops.

    A step frees and asks for the same large arrays as the step before. By default glibc returns each to the system and
    gets it back empty, page by page; that takes up to a third of a step (`benchmarks/README.md`). It concerns the whole
    process and cannot be undone. Returns whether it took effect: only glibc has it; elsewhere nothing changes.
    """
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # another C library
        return False
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, -1), (_ARENA_MAX, 1))
    return all(mallopt(parameter, value) == 1 for parameter, value in settings)


def physical_memory() -> int | None:
    """The bytes of memory that this machine has; None where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf, another system not these names
        return None
