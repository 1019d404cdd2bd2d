"""What a submission may not do, and the limits of what it may use."""

import contextlib
import math
import os
import sys
from typing import Any

import numpy as np


class Refused(RuntimeError):
    """A submission did something that is outside of what a check is for."""


class RefusedImport(ImportError):
    """A submission imported something else than NumPy and the standard library."""


REFUSED_EVENTS = (
    *("subprocess.", "os.system", "os.exec", "os.spawn", "os.posix_spawn", "os.fork", "os.kill", "pty.", "signal.pthr"),
    *("socket.", "ctypes.", "sqlite3.", "shutil.", "tempfile.", "os.remove", "os.rename", "os.rmdir", "os.mkdir"),
    *("os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown", "webbrowser.", "gc.get", "sys.addaudithook"),
    "cpython.PyInterpreterState_New",
)
"""Beginnings of the names of audit events (PEP 578) that are refused."""

REFUSED_MODULES = {
    *("subprocess", "_posixsubprocess", "multiprocessing", "_multiprocessing", "_tkinter", "readline", "_dbm", "_gdbm"),
    *("_xxsubinterpreters", "_interpreters", "_testcapi", "_testinternalcapi"),
}
"""Of the standard library: what starts programs, reads files without saying so, or makes interpreters without hooks."""


def restrict() -> None:
    """Let this process open no file but Python's own, start nothing, and import NumPy and Python only, from now on.

    It cannot be undone from Python: the hook uses nothing that a submission could replace, no global, no builtin by its
    name, no variable of a closure, which frames give access to; its defaults are its own.
    """
    stdlib, numpy = os.path.dirname(os.__file__), os.path.dirname(np.__file__)

    def hook(
        event: str,
        arguments: tuple[Any, ...],
        known: frozenset[str] = frozenset(sys.stdlib_module_names | {"numpy"}) - REFUSED_MODULES,
        own_python: tuple[str, ...] = tuple({place + os.sep for place in (stdlib, os.path.realpath(stdlib))}),
        own_numpy: tuple[str, ...] = tuple({place + os.sep for place in (numpy, os.path.realpath(numpy))}),
        others: tuple[str, str] = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}"),
        up: str = f"{os.sep}..{os.sep}",
        writing: int = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND,
        closed: tuple[str, ...] = REFUSED_EVENTS,
        refused: type[Exception] = Refused,
        refused_import: type[Exception] = RefusedImport,
        kind: Any = type,
        text: Any = str,
        octets: Any = bytes,
        number: Any = int,
    ) -> None:
        if event == "import":
            name = arguments[0].partition(".")[0]
            if name not in known:
                raise refused_import(f"{name} is out of reach: a check has NumPy and Python's standard library")
        elif event == "open":
            path, _, flags = arguments
            if kind(path) is octets:
                path = path.decode("utf-8", "surrogateescape")
            if kind(path) is number:  # a descriptor that is open already
                return
            is_own = kind(path) is text and up not in path and path.startswith(own_python + own_numpy)
            if is_own and not path.startswith(own_numpy):
                is_own = others[0] not in path and others[1] not in path
            if not is_own or (flags or 0) & writing:
                raise refused(f"{path} cannot be opened: in a check no file is read or written")
        elif event.startswith(closed):
            raise refused(
                f"{event} is closed: a check only computes, it starts nothing and reaches for nothing outside"
            )

    sys.dont_write_bytecode = True
    sys.addaudithook(hook)


def limit_resources(seconds: float, megabytes: int) -> None:
    """Hold this process to a processor time and to so much more memory than it has, where the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(seconds) + 1, math.ceil(seconds) + 2))
        used = 0
        with contextlib.suppress(OSError), open("/proc/self/statm") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (megabytes << 20),) * 2)
