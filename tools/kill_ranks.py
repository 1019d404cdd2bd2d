"""Kill ranks of MPI trainings at random moments, and count what that breaks: python tools/kill_ranks.py

A training on a random number of ranks, each with one process or two, is disturbed: one of its processes is killed or
stopped, or the job is asked to end. It is resumed on another number of ranks, again and again, until it is done. Then
it must be what a training on one process is, bit for bit. A job must end within 30 seconds, and leave no process and a
whole checkpoint. The last line counts; all but its first two numbers must be 0. On Linux alone; needs
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
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from kills import result

from minattn.errors import InputError
from minattn.runs import Run
from minattn.text import read_pieces, shipped

STEPS, MOST_RANKS, WITHIN = 200, 4, 30.0
TRAINING = ("text", "--steps", str(STEPS), "--batch", "32", "--save-every", "5", "--no-figures", "--parts", "8")
SIZES = ("--width", "32", "--heads", "2", "--layers", "1")
FAULTS = {
    "late": f"jobs that did not end within {WITHIN:.0f} s",
    "zero": "that ended with exit code 0 all the same",
    "orphan": "with a process left",
    "torn": "with a checkpoint that is not whole",
    "traceback": "tracebacks",
    "lost": "that cannot be resumed",
    "different": "trainings with other bits",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what was asked, with a line for each job; returns 1 where something was broken."""
    parser = argparse.ArgumentParser(prog="python tools/kill_ranks.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20, metavar="N", help="in all (20)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of ranks and moments (0)")
    options = parser.parse_args(arguments)
    rng, counts, trainings = random.Random(options.seed), Counter[str](), 0
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        pieces = read_pieces(shipped("reader.en.txt"))[:12]
        sentences = [sentence for piece in pieces for sentence in piece.sentences]
        (place / "text").write_text("\n".join(sentences), encoding="utf-8")
        started = time.monotonic()
        alone = command(*TRAINING, *SIZES, "--threads", "1", "--out", "whole")
        subprocess.run(alone, cwd=place, check=True, stdout=subprocess.DEVNULL)
        takes = time.monotonic() - started
        while counts["kills"] < options.kills:
            trainings += 1
            for told, faults, is_done in jobs_of_a_training(place, rng, takes):
                counts["kills"] += told.startswith("SIG")
                counts.update(faults)
                print(f"{counts['kills']:4}/{options.kills}  {told}: {', '.join(faults) or 'fine'}", flush=True)
                if is_done or faults:
                    break
    told = ", ".join(f"{counts[fault]} {meaning}" for fault, meaning in FAULTS.items())
    print(f"{counts['kills']} kills of ranks in {trainings} trainings: {told}")
    return int(any(counts[fault] for fault in FAULTS))


def jobs_of_a_training(place: Path, rng: random.Random, takes: float) -> Iterator[tuple[str, list[str], bool]]:
    """The jobs of one training, each disturbed: what was done to it, what it broke, and whether it was the last."""
    folder, whole = place / "new", result(place / "whole")
    shutil.rmtree(folder, ignore_errors=True)
    while True:
        is_begun = (folder / "config.json").exists()
        words = ("--resume", "new", "--no-figures") if is_begun else (*TRAINING, *SIZES, "--out", "new")
        ranks, threads = rng.randint(1, MOST_RANKS), rng.randint(1, 2)
        told, code, faults = one_job(place, command(*words, "--threads", threads), ranks, rng, takes)
        if folder.exists() and not is_whole(folder):
            faults.append("torn")
        is_done = result(folder) is not None
        if is_done and result(folder) != whole:
            faults.append("different")
        if not is_done and (code == 2 or (code and not told.startswith("SIG"))):
            faults.append("lost")
        yield f"{told} {ranks} ranks of {threads}", faults, is_done


def command(*words: object) -> list[str]:
    """`minattn train` with these words."""
    return [sys.executable, "-m", "minattn", "train", *map(str, words)]


def one_job(place: Path, words: list[str], ranks: int, rng: random.Random, takes: float) -> tuple[str, int, list[str]]:
    """Run a job and disturb it at a random moment: what was done, the exit code, what it broke."""
    mpiexec = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if mpiexec is None:
        raise SystemExit("there is no mpiexec; pip install 'minattn[mpi]'")
    job = subprocess.Popen(
        [mpiexec, "-n", str(ranks), *words, "--mpi"],
        cwd=place,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # it is ignored in a background job
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    told, faults = "to its end on", []
    with contextlib.suppress(subprocess.TimeoutExpired):
        job.wait(rng.uniform(0, takes))
    if job.poll() is None:
        number = rng.choices((signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGINT), (70, 10, 10, 10))[0]
        victims = processes_below(job.pid)
        victim = job.pid if number in (signal.SIGTERM, signal.SIGINT) or not victims else rng.choice(victims)
        if number == signal.SIGSTOP and (victim == job.pid or ranks == 1):  # nobody is there to miss it
            number = signal.SIGKILL
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, number)
            told = f"{number.name} to {'the job' if victim == job.pid else 'a process'} of"
    try:
        out, _ = job.communicate(timeout=WITHIN)
    except subprocess.TimeoutExpired:
        faults.append("late")
        os.killpg(job.pid, signal.SIGKILL)
        for process in processes_in(place):
            os.kill(process, signal.SIGKILL)
        out, _ = job.communicate()
    deadline = time.monotonic() + 5
    while processes_in(place) and time.monotonic() < deadline:
        time.sleep(0.05)
    if left := processes_in(place):
        faults.append("orphan")
        for process in left:
            os.kill(process, signal.SIGKILL)
    # of Ctrl-C while Python starts, before any line of minattn, Python itself writes one
    faults += ["traceback"] * ("Traceback" in out and f"{os.sep}minattn{os.sep}" in out)
    if told.startswith("SIG") and job.returncode == 0 and result(place / "new") is None:
        faults.append("zero")
    if faults:
        print(out[-3000:])
    return told, job.returncode, faults


def is_whole(folder: Path) -> bool:
    """Whether a run can be read, and its newest checkpoint with it, if there is one."""
    try:
        run = Run.open(folder)
        return not run.saved_steps() or run.load() is not None
    except InputError:
        return not (folder / "config.json").exists()  # it was killed before it was a run


def processes_below(pid: int) -> list[int]:
    """The Python processes that a launcher has started, and theirs."""
    found = []
    for child in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        with contextlib.suppress(OSError):
            found += [child] if b"train" in Path(f"/proc/{child}/cmdline").read_bytes() else []
            found += processes_below(child)
    return [child for child in found if b"hydra" not in Path(f"/proc/{child}/cmdline").read_bytes()]


def processes_in(place: Path) -> list[int]:
    """Those that work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").resolve() == place.resolve() and (process / "cmdline").read_bytes():
                found.append(int(process.name))
    return found


if __name__ == "__main__":
    sys.exit(main())
