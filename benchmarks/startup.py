"""How long until something happens: `import minattn`, and a process's first training step, in milliseconds.

    python benchmarks/startup.py
    python benchmarks/startup.py --rounds 60

Fresh processes on one core, every kind in turn, with bytecode caches on (a round that fills them is not counted).
CPU time is the process's own, wall time is from the start of the process to its end; medians, and a difference or ratio
is the median over rounds. The step is the tiny one of `train_step.py`: imports, model, one step with AdamW.
"""

import argparse
import operator
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from peers import missing
from train_step import SIZES
from workers import environment, pinned

HERE = Path(__file__).parent
STEP = "import sys; sys.path.append({here!r}); from {module} import {engine}; {engine}(*{sizes}, {options}).step()"
OPTIONS = "threads=1, tied=False"
COMMANDS = {
    "python": "pass",
    "import numpy": "import numpy",
    "import minattn": "import minattn",
    "minattn, first step": STEP.format(
        here=str(HERE), module="engines", engine="Minattn", sizes=SIZES["tiny"], options=OPTIONS
    ),
    "PyTorch, first step": STEP.format(
        here=str(HERE), module="peers", engine="Torch", sizes=SIZES["tiny"], options=f"{OPTIONS}, weights=None"
    ),
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=30)
    rounds = options.parse_args().rounds
    commands = dict(COMMANDS)
    if missing("torch"):
        print(f"PyTorch is skipped: {missing('torch')}")
        del commands["PyTorch, first step"]
    for command in commands.values():
        run(command)
    times = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            times[name].append(run(command))
    print(f"| {'process':19} | CPU ms | wall ms |\n|{'-' * 21}|--------|---------|")
    for name in times:
        cpu, wall = map(statistics.median, zip(*times[name], strict=True))
        print(f"| {name:19} | {cpu:6.1f} | {wall:7.1f} |")
    cpu, wall = paired(operator.sub, times["import minattn"], times["import numpy"])
    print(f"\nimport minattn: {cpu:.1f} ms CPU, {wall:.1f} ms wall more than import numpy")
    if "PyTorch, first step" in times:
        cpu, wall = paired(operator.truediv, times["minattn, first step"], times["PyTorch, first step"])
        print(f"minattn, first step: {cpu:.3f} of PyTorch's CPU time, {wall:.3f} of its wall time")


def run(command: str) -> tuple[float, float]:
    """CPU and wall milliseconds of a fresh Python process that runs this."""
    with pinned(1):
        started = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-c", command], env=environment(1))
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
    if status:
        raise SystemExit(f"this failed: {command}")
    process.returncode = 0
    return (used.ru_utime + used.ru_stime) * 1000, wall * 1000


def paired(compare: Callable[[float, float], float], ours: list, theirs: list) -> list[float]:
    """CPU and wall time, ours compared to theirs: the medians over rounds."""
    columns = zip(zip(*ours, strict=True), zip(*theirs, strict=True), strict=True)
    return [statistics.median(map(compare, mine, other)) for mine, other in columns]


if __name__ == "__main__":
    main()
