"""A training step (forward, backward, AdamW) in float32: minattn against PyTorch and against its own matrix products.

    python benchmarks/train_step.py                       all sizes, one and two threads
    python benchmarks/train_step.py --sizes tiny --threads 2 --rounds 15 --tied

Every engine runs in a process of its own, on the same weights and the same batches. The processes take turns, a block
of steps each, so that a busy machine slows all of them; the table shows medians over all blocks and ratios of medians.
Before timing, the losses and all gradients of the first step are compared.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

SIZES = {  # layers, width, heads, tokens, batch, vocabulary
    "tiny": (1, 64, 4, 16, 32, 1000),
    "small": (2, 128, 4, 32, 32, 4000),
    "book": (2, 256, 8, 64, 16, 30522),
}
STEPS = {"tiny": 40, "small": 8, "book": 2}  # in a block: about half a second
ENGINES = ("minattn", "torch", "products")
LR = 3e-4


class Worker:
    """An engine in a process of its own, which answers each line with a line of JSON."""

    def __init__(self, engine: str, size: str, threads: int, tied: bool, folder: Path) -> None:
        environment = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
        count = str(threads)
        environment |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), count)
        command = [sys.executable, __file__, "--worker", engine, size, count, str(int(tied)), str(folder)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def ask(self, request: str) -> dict:
        """Send a request and wait for the answer."""
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"a worker ended: {self.process.args}")
        return json.loads(answer)

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    options.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--tied", action="store_true", help="de-embedding with the embedding's table")
    options.add_argument("--json", metavar="FILE", help="also write the numbers here")
    options = options.parse_args()
    print(f"{'size':6} {'threads':>7} {'minattn ms':>11} {'PyTorch ms':>11} {'products ms':>12} "
          f"{'/ PyTorch':>10} {'/ products':>11} {'peak MiB':>9} {'PyTorch':>8} {'ratio':>6}")  # fmt: skip
    rows = []
    for size in options.sizes:
        for threads in options.threads:
            rows.append(compare(size, threads, options.tied, options.rounds))
            print(line(rows[-1]), flush=True)
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1))


def compare(size: str, threads: int, tied: bool, rounds: int) -> dict:
    """Check that the engines compute the same, then time them in turns."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workers = {engine: Worker(engine, size, threads, tied, folder) for engine in ENGINES}
        first = {engine: workers[engine].ask("first") for engine in ("minattn", "torch")}
        difference = check(folder, first)
        times = {engine: [] for engine in ENGINES}
        for _ in range(rounds):
            for engine, worker in workers.items():
                times[engine].append(worker.ask(f"time {STEPS[size]}")["ms"])
        peaks = {engine: worker.ask("peak")["mib"] for engine, worker in workers.items()}
        for worker in workers.values():
            worker.end()
    medians = {engine: statistics.median(values) for engine, values in times.items()}
    return {
        "size": size,
        "threads": threads,
        "tied": tied,
        "ms": medians,
        "blocks": times,
        "peak_mib": peaks,
        "gradient_difference": difference,
    }


def check(folder: Path, first: dict) -> float:
    """The largest difference of a gradient, relative to its largest entry. Stops if anything is off by 1e-4.

    A key's bias has the gradient 0 (softmax does not see a shift): a thousandth of the largest entry anywhere counts.
    """
    losses = [first[engine]["loss"] for engine in ("minattn", "torch")]
    ours, theirs = (np.load(folder / f"{engine}.npz") for engine in ("minattn", "torch"))
    largest = {name: float(abs(theirs[name]).max()) for name in theirs}
    floor = 1e-3 * max(largest.values())
    differences = {n: float(abs(ours[n] - theirs[n]).max()) / max(largest[n], floor) for n in theirs}
    worst = max(differences, key=differences.get)
    if abs(losses[0] - losses[1]) > 1e-4 * losses[1] or differences[worst] > 1e-4:
        raise SystemExit(f"the engines disagree: losses {losses}, gradient of {worst} by {differences[worst]:.1e}")
    return differences[worst]


def line(row: dict) -> str:
    ms, peak = row["ms"], row["peak_mib"]
    return (
        f"{row['size']:6} {row['threads']:7} {ms['minattn']:11.1f} {ms['torch']:11.1f} {ms['products']:12.1f} "
        f"{ms['minattn'] / ms['torch']:10.2f} {ms['minattn'] / ms['products']:11.2f} "
        f"{peak['minattn']:9.0f} {peak['torch']:8.0f} {peak['minattn'] / peak['torch']:6.2f}"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        from engines import serve

        serve(*sys.argv[2:])
    else:
        main()
