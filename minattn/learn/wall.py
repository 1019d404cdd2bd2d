"""The wall around a submission: bubblewrap, with nothing to see behind it but Python and NumPy.

Inside there is no network and no other process, all is read-only but a small /tmp, and nothing lies about: no home, no
/proc, no site-packages but NumPy, no environment. What bubblewrap does not limit itself, a filter of system calls does:
a submission cannot start processes, of which Linux sets no limit where root grades.
"""

import functools
import os
import platform
import re
import shutil
import struct
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import IO

import numpy as np

INSIDE = "/minattn"
"""Where NumPy and our side of the connection are, seen from inside."""

TMP_BYTES = 16 << 20
NOT_NEEDED = (
    "_tkinter",
    "_sqlite3",
    "_ssl",
    "_curses",
    "readline",
    "_dbm",
    "_gdbm",
    "nis",
    "_test",
    "_xx",
    "_ctypes_test",
)
"""Beginnings of the names of Python's own extension modules whose libraries stay outside."""

DENIED = {
    "x86_64": {
        **{"fork": 57, "vfork": 58, "ptrace": 101, "shmget": 29, "msgget": 68, "semget": 64, "mount": 165},
        **{"umount2": 166, "pivot_root": 155, "unshare": 272, "setns": 308, "keyctl": 250, "add_key": 248},
        **{"request_key": 249, "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "process_vm_readv": 310},
        **{"process_vm_writev": 311, "memfd_create": 319, "mq_open": 240, "socket": 41, "kcmp": 312},
    },
    "aarch64": {
        **{"ptrace": 117, "shmget": 194, "msgget": 186, "semget": 190, "mount": 40, "umount2": 39, "pivot_root": 41},
        **{"unshare": 97, "setns": 268, "keyctl": 219, "add_key": 217, "request_key": 218, "bpf": 280},
        **{"perf_event_open": 241, "userfaultfd": 282, "process_vm_readv": 270, "process_vm_writev": 271},
        **{"memfd_create": 279, "mq_open": 180, "socket": 198, "kcmp": 272},
    },
}
"""System calls that are refused, by their numbers on each machine; `clone` but for threads comes on top."""

DENIED_EVERYWHERE = {"io_uring_setup": 425, "open_tree": 428, "move_mount": 429, "fsopen": 430, "pidfd_open": 434}
MACHINES = {"x86_64": (0xC000003E, 56), "aarch64": (0xC00000B7, 220)}
"""How Linux marks the machine (AUDIT_ARCH), and the number of `clone`."""


def system_call_filter(machine: str) -> bytes:
    """The filter as a program of BPF, as seccomp takes it; empty for a machine whose numbers are not known here."""
    if machine not in MACHINES:
        return b""
    load, equal, at_least, has_bits, give = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, refuse, absent, kill = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000  # EPERM, ENOSYS
    mark, clone = MACHINES[machine]
    program = [(load, 0, 0, 4), (equal, 1, 0, mark), (give, 0, 0, kill), (load, 0, 0, 0)]
    if machine == "x86_64":  # the other numbers of the same calls
        program += [(at_least, 0, 1, 0x40000000), (give, 0, 0, refuse)]
    program += [(equal, 0, 1, 435), (give, 0, 0, absent)]  # clone3, whose flags cannot be seen: libc takes clone then
    program += [(equal, 0, 4, clone), (load, 0, 0, 16), (has_bits, 0, 1, 0x10000), (give, 0, 0, allow)]
    program += [(give, 0, 0, refuse)]
    for number in (DENIED[machine] | DENIED_EVERYWHERE).values():
        program += [(equal, 0, 1, number), (give, 0, 0, refuse)]
    return b"".join(struct.pack("<HBBI", *line) for line in [*program, (give, 0, 0, allow)])


@functools.cache
def why_no_wall() -> str:
    """Say why submissions cannot be walled off here; "" where they can."""
    if not sys.platform.startswith("linux"):
        return "bubblewrap needs Linux"
    if shutil.which("bwrap") is None:
        return "bubblewrap (bwrap) is not installed"
    try:
        with open_filter() as program:
            command = [*wall(program.fileno()), "-c", f"import sys; sys.path.append({INSIDE!r}); import numpy, sandbox"]
            done = subprocess.run(
                command, pass_fds=(program.fileno(),), stdin=subprocess.DEVNULL, capture_output=True, timeout=60
            )
    except (OSError, subprocess.SubprocessError) as error:
        return f"bubblewrap could not be tried: {error}"
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return "" if done.returncode == 0 else f"bubblewrap does not work here: {(lines or ['it said nothing'])[-1]}"


def open_filter() -> IO[bytes]:
    """A file with the filter of system calls, to be handed to `wall`; each start needs one of its own."""
    file = tempfile.TemporaryFile()  # noqa: SIM115
    file.write(system_call_filter(platform.machine()))
    file.seek(0)
    return file


def wall(filter_at: int) -> list[str]:
    """The command that runs Python behind the wall; its arguments are to follow.

    filter_at: the descriptor of a file with `system_call_filter`
    """
    return ["bwrap", *_flags(), "--seccomp", str(filter_at), "--", os.path.realpath(sys.executable), "-I", "-S"]


@functools.cache
def _flags() -> tuple[str, ...]:
    python, packages = Path(os.path.realpath(sys.executable)), Path(np.__file__).parents[1]
    library = Path(sysconfig.get_path("stdlib")).resolve()
    extensions = [p for p in library.glob("lib-dynload/*.so") if not p.name.startswith(NOT_NEEDED)]
    flags = ["--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    flags += ["--uid", "65534", "--gid", "65534", "--hostname", "minattn", "--clearenv"]
    places = {str(python): str(python), str(library): str(library), str(Path(__file__).parent / "sandbox"): "sandbox"}
    places |= {str(packages / name): name for name in ("numpy", "numpy.libs") if (packages / name).is_dir()}
    places |= {path: path for path in _libraries([python, *extensions, *packages.glob("numpy/*/*.so")])}
    for outside, inside in places.items():
        flags += ["--ro-bind", outside, os.path.join(INSIDE, inside)]
    for packages_of_others in ("site-packages", "dist-packages"):
        if (library / packages_of_others).is_dir():
            flags += ["--tmpfs", str(library / packages_of_others), "--remount-ro", str(library / packages_of_others)]
    flags += ["--dev-bind", os.devnull, os.devnull, "--size", str(TMP_BYTES), "--tmpfs", "/tmp", "--chdir", "/tmp"]
    folders = {os.path.dirname(path) for path in _libraries([python])}
    settings = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "HOME": "/tmp"}
    settings |= {"LD_LIBRARY_PATH": ":".join(sorted(folders))}
    for name, value in settings.items():
        flags += ["--setenv", name, value]
    return (*flags, "--remount-ro", "/")


def _libraries(files: list[Path]) -> list[str]:
    """The system's libraries that these files load, under the names by which they are looked for."""
    listed = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True, timeout=60).stdout
    found = re.findall(r"(?:=> |^\s+)(/\S+) \(0x", listed, re.MULTILINE)
    return sorted({path for path in found if "numpy.libs" not in path and os.path.exists(path)})
