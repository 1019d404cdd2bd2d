"""Ctrl-C in the command `minattn`: it ends it at once and in one line, from the first moment on, wherever it is.

No exception is raised for it: half-loaded C extensions turn one into another, and there is code that keeps it.
"""

# As few imports as can be: until the last one is done, Ctrl-C is Python's, and a traceback.
import os
import signal
import sys


def end_in_one_line() -> None:
    """Let Ctrl-C end the command `minattn` in one line, also while it is still importing; nothing in other programs."""
    is_module = any(sys.orig_argv[i : i + 2] == ["-m", "minattn"] for i in range(1, len(sys.orig_argv)))
    is_script = os.path.basename(sys.argv[0] if sys.argv else "") in ("minattn", "minattn.exe")
    if (is_module or is_script) and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def ended() -> None:
    """The last line of the command is about to be printed: from now on Ctrl-C adds none."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _end(number: int, frame: object) -> None:
    # of the ranks of an MPI job, which all get it, one says so
    is_other_rank = any(os.environ.get(name, "0") != "0" for name in ("PMI_RANK", "OMPI_COMM_WORLD_RANK"))
    try:
        if not is_other_rank:
            os.write(2, b"\r\x1b[K" * os.isatty(2) + b"minattn: interrupted\n")  # instead of a line of progress
    finally:  # also where nobody takes it
        os._exit(128 + number)
