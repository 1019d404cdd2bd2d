"""Starting MPI jobs, and finding their processes."""

import os
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from .small_run import LAUNCHER

MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")

needs_mpi = pytest.mark.skipif(
    MPIEXEC is None or find_spec("mpi4py") is None, reason="there is no mpiexec or no mpi4py; pip install '.[mpi]'"
)


def training(*arguments):
    """The command `minattn train`, in which Ctrl-C is not ignored."""
    return [sys.executable, "-c", LAUNCHER, "train", *map(str, arguments), "--mpi"]


def start_job(ranks, command, cwd, **options):
    """The same command on so many ranks; or a list of (ranks, options of mpiexec, command)."""
    groups = ranks if isinstance(ranks, list) else [(ranks, [], command)]
    words = [MPIEXEC]
    for i, (count, own, words_of_rank) in enumerate(groups):
        words += [*([":"] if i else []), "-n", str(count), *own, *words_of_rank]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    return subprocess.Popen(words, cwd=cwd, **pipes | options)


def end_of(job, seconds=120):
    """Exit code, standard output and standard error of a job."""
    try:
        out, err = job.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(job.pid, signal.SIGKILL)
        out, err = job.communicate()
        raise AssertionError(f"the job did not end within {seconds} s: {out}\n{err}") from None
    return job.returncode, out, err


def run_job(ranks, command, cwd, seconds=120):
    return end_of(start_job(ranks, command, cwd), seconds)


def ranks_of(folder):
    """The processes by rank that a launcher has started in a folder, or below; forked ones are of their rank."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if not str((place / "cwd").resolve()).startswith(str(folder)):
                continue
            lines = (place / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        for line in lines:
            if line.startswith(b"PMI_RANK="):
                found.setdefault(int(line[9:]), []).append(int(place.name))
    return {rank: sorted(pids) for rank, pids in found.items()}
