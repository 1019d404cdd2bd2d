"""Engines in processes of their own that take turns: what every comparison here has in common.

An engine is an object with `step()`, which is timed, and `first()`, which gives one number and arrays by name that all
engines must agree on. A busy machine slows everyone in turn, so medians of turns compare where single times do not.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

LINUX = sys.platform.startswith("linux")
TOLERANCE = 1e-4


class Worker:
    """A script that serves one engine, in a process that has as many cores as it may use threads."""

    launcher: tuple[str, ...] | list[str] = ()
    """What starts it, where that is another program."""

    def __init__(self, script: Path, *arguments: object, threads: int, checkout: Path | None = None) -> None:
        """checkout: where another version of minattn lies, which the script is to import."""
        command = [*self.launcher, sys.executable, str(script), *map(str, arguments)]
        variables = environment(threads) | ({"PYTHONPATH": str(checkout)} if checkout else {})
        with pinned(threads):
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=variables
            )

    def ask(self, request: str) -> dict[str, float]:
        """Send a request and wait for the answer: "first", "time SECONDS" (gives ms) or "peak" (gives mib)."""
        try:
            self.process.stdin.write(request + "\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())
        except (BrokenPipeError, json.JSONDecodeError):
            raise SystemExit(f"a worker ended: {' '.join(self.process.args)}") from None

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait()


@contextmanager
def pinned(threads: int) -> Iterator[None]:
    """Processes started inside get only so many cores: the one limit that every library's thread pool respects."""
    if not LINUX:
        yield
        return
    cores = os.sched_getaffinity(0)
    if threads > len(cores):
        raise SystemExit(f"{threads} threads need as many cores, and there are {len(cores)}")
    os.sched_setaffinity(0, sorted(cores)[-threads:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def environment(threads: int) -> dict[str, str]:
    """The environment of a worker: thread counts, and nothing that would change what the libraries do by default."""
    unset = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "PYTHONDONTWRITEBYTECODE")
    inherited = {name: value for name, value in os.environ.items() if name not in unset}
    return inherited | dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))


def take_turns(workers: dict[str, Worker], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Milliseconds of a step, a number a round: each engine runs for so many seconds, backwards every other round."""
    times: dict[str, list[float]] = {name: [] for name in workers}
    for turn in range(rounds):
        for name in list(workers)[:: -1 if turn % 2 else 1]:
            times[name].append(workers[name].ask(f"time {seconds}")["ms"])
    return times


def serve(engine: Any, file: Path) -> None:
    """Answer the requests of the parent process until it closes the pipe; arrays to compare go into `file`."""
    for request in sys.stdin:
        verb, _, argument = request.strip().partition(" ")
        if verb == "first":
            number, arrays = engine.first()
            np.savez(file, **arrays)
            answer = {"number": float(number)}
            del arrays
            forget_peak()  # what a compiler took is not what a step takes
        elif verb == "time":
            answer = {"ms": time_steps(engine.step, float(argument))}
        else:
            answer = {"mib": peak_mib()}
        print(json.dumps(answer), flush=True)


def time_steps(step: Callable[[], object], seconds: float) -> float:
    """The mean milliseconds of steps over so many seconds, two steps at least."""
    repeat(step, 0.05, 1)  # wakes caches and threads after the others' turn
    return repeat(step, seconds, 2)


def repeat(step: Callable[[], object], seconds: float, at_least: int) -> float:
    count, started = 0, time.perf_counter()
    while count < at_least or time.perf_counter() - started < seconds:
        step()
        count += 1
    return (time.perf_counter() - started) * 1000 / count


def forget_peak() -> None:
    """Let the peak of resident memory start again from now on, where Linux allows it."""
    if LINUX:
        Path("/proc/self/clear_refs").write_text("5")


def peak_mib() -> float:
    """The peak of this process's resident memory, with that of its children. Not `ru_maxrss` on Linux, which also
    counts the parent's.

    With children, memory that several of them share counts once: each one's share of what is resident now, and what
    each has given back since its peak.
    """
    if not LINUX:
        unit = 2**20 if sys.platform == "darwin" else 2**10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    own = Path("/proc/self")
    children = [Path("/proc", pid) for pid in (own / "task" / str(os.getpid()) / "children").read_text().split()]
    if not children:
        return kib(own / "status", "VmHWM") / 1024
    given_back = [kib(process / "status", "VmHWM") - kib(process / "status", "VmRSS") for process in (own, *children)]
    return (sum(kib(process / "smaps_rollup", "Pss") for process in (own, *children)) + sum(given_back)) / 1024


def kib(file: Path, name: str) -> int:
    """A size in one of the files that Linux describes a process with."""
    fields = dict(line.split(":", 1) for line in file.read_text().splitlines() if ":" in line)
    return int(fields[name].split()[0])


def disagreement(folder: Path, numbers: dict[str, float]) -> float:
    """The largest difference from the first engine in `numbers`, an array's relative to the array's largest entry.

    Stops at 1e-4. An array that is 0 but for rounding (the gradient of a key's bias: softmax does not see a shift) is
    held to a thousandth of the largest entry anywhere.
    """
    reference, *others = numbers
    expected = np.load(folder / f"{reference}.npz")
    largest = {name: float(abs(expected[name]).max()) for name in expected}
    floor = 1e-3 * max(largest.values())
    worst = 0.0
    for engine in others:
        found = np.load(folder / f"{engine}.npz")
        differences = {n: float(abs(found[n] - expected[n]).max()) / max(largest[n], floor) for n in expected}
        differences["the number"] = abs(numbers[engine] / numbers[reference] - 1)
        name = max(differences, key=differences.__getitem__)
        if not differences[name] < TOLERANCE:
            raise SystemExit(f"{engine} and {reference} disagree: {name} by {differences[name]:.1e} ({numbers})")
        worst = max(worst, differences[name])
    return worst
