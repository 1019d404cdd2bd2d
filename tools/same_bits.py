"""Do the bits of a training depend on who computes it? python tools/same_bits.py

A training of 200 steps with dropout, whose batches are dealt into 8 parts, runs on 1, 2, 3, 4 and 8 threads, forked
processes and ranks of MPI. Each is killed on the way and goes on as another kind, on another number. All weights and
moments must be those of one process that was left alone. The exit code is 1 where one differs. On Linux alone; needs
pip install 'minattn[mpi]'.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kill_ranks import processes_in
from kills import result

from minattn.runs import Run
from minattn.text import read_pieces, shipped

STEPS, KINDS, NUMBERS = 200, ("threads", "processes", "ranks"), (1, 2, 3, 4, 8)
SIZES = ("--width", "32", "--heads", "2", "--layers", "2", "--batch", "32")
WAYS = ("--parts", "8", "--steps", str(STEPS), "--save-every", "10", "--no-figures")
NO_FORK = "import minattn.parallel.share as share, sys; share.can_fork = lambda: False; "
RUN = "from minattn.cli import main; sys.exit(main(sys.argv[1:]))"


def start(place: Path, kind: str, number: int, *words: str) -> subprocess.Popen[bytes]:
    """`minattn train` on so many workers of a kind, in a folder."""
    begin = NO_FORK if kind == "threads" else "import sys; "
    command = [sys.executable, "-c", begin + RUN, "train", *words]
    if kind == "ranks":
        mpiexec = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or "mpiexec"
        command = [mpiexec, "-n", str(number), *command, "--threads", "1", "--mpi"]
    else:
        command += ["--threads", str(number)]
    return subprocess.Popen(command, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main() -> int:
    """Run them all, with a line for each; returns 1 where one gives other bits."""
    argparse.ArgumentParser(prog="python tools/same_bits.py", description=__doc__.partition("\n")[0]).parse_args()
    rng, differ = random.Random(0), 0
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        sentences = [sentence for piece in read_pieces(shipped("reader.en.txt"))[:12] for sentence in piece.sentences]
        (place / "text").write_text("\n".join(sentences), encoding="utf-8")
        start(place, "processes", 1, "text", *SIZES, *WAYS, "--out", "whole").wait()
        whole = result(place / "whole")
        assert whole is not None
        ways = [(kind, number) for kind in KINDS for number in NUMBERS]
        for kind, number in ways:
            shutil.rmtree(place / "new", ignore_errors=True)
            job = start(place, kind, number, "text", *SIZES, *WAYS, "--out", "new")
            saved, wanted = 0, rng.randrange(10, STEPS - 20)
            while saved < wanted and job.poll() is None:
                time.sleep(0.05)
                saved = newest(place / "new")
            for process in processes_in(place):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            job.wait()
            other = rng.choice([way for way in ways if way[0] != kind and way[1] != number])
            start(place, *other, "--resume", "new", "--no-figures").wait()
            is_same = result(place / "new") == whole
            differ += not is_same
            begun = f"{number} {kind}, killed after step {saved}"
            print(f"{begun:40} then {other[1]} {other[0]:10} {'the same' if is_same else 'OTHER BITS'}", flush=True)
    print(f"{len(ways)} trainings of {STEPS} steps, {differ} with other bits")
    return int(differ > 0)


def newest(folder: Path) -> int:
    """The newest step that a run has saved; 0 before the first."""
    return max(Run.open(folder).saved_steps(), default=0) if (folder / "config.json").exists() else 0


if __name__ == "__main__":
    sys.exit(main())
