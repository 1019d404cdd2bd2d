"""Starting MPI jobs, and finding their processes."""

import contextlib
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


@contextlib.contextmanager
def two_hosts(folder):
    """Options of mpiexec for two hosts that share nothing but a network: network namespaces, and what stands for ssh.

    Yields them and a function that pulls the cable of the second host. Skips where namespaces cannot be made.
    """

    def ip(*words):
        return subprocess.run(["ip", *words], capture_output=True).returncode == 0

    if shutil.which("ip") is None or os.geteuid() != 0 or not ip("link", "add", "minattn0", "type", "bridge"):
        pytest.skip("network namespaces need root and iproute2")
    try:
        ip("addr", "add", "10.77.0.1/24", "dev", "minattn0"), ip("link", "set", "minattn0", "up")
        for host in ("2", "3"):
            name, cable = f"minattn{host}", f"minattn{host}c"
            if not (
                ip("netns", "add", name) and ip("link", "add", cable, "type", "veth", "peer", "eth0", "netns", name)
            ):
                pytest.skip("this system makes no network namespaces")
            ip("link", "set", cable, "master", "minattn0", "up"), ip("-n", name, "link", "set", "lo", "up")
            (
                ip("-n", name, "addr", "add", f"10.77.0.{host}/24", "dev", "eth0"),
                ip("-n", name, "link", "set", "eth0", "up"),
            )
        ssh = folder / "ssh"
        ssh.write_text(
            '#!/bin/sh\nwhile [ "${1#-}" != "$1" ]; do shift; done\nhost=$1; shift\n'
            'exec ip netns exec "minattn${host##*.}" sh -c "$*"\n'
        )
        ssh.chmod(0o755)
        hosts = ["-launcher", "ssh", "-launcher-exec", str(ssh), "-iface", "minattn0", "-hosts", "10.77.0.2,10.77.0.3"]
        # or it would see that both are one machine, and take no network at all
        yield [*hosts, "-genv", "UCX_TLS", "tcp"], lambda: ip("link", "set", "minattn3c", "down")
    finally:
        for host in ("2", "3"):
            # the launcher's own process on a host whose cable is pulled waits for the network to come back
            pids = subprocess.run(["ip", "netns", "pids", f"minattn{host}"], capture_output=True, text=True).stdout
            for pid in map(int, pids.split()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            ip("link", "del", f"minattn{host}c"), ip("netns", "del", f"minattn{host}")
        ip("link", "del", "minattn0")


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
