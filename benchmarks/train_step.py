"""A training step (forward, backward, AdamW) in float32: minattn, its own matrix products alone, PyTorch, JAX.

    python benchmarks/train_step.py                       all sizes, one and two threads, all engines that are installed
    python benchmarks/train_step.py --sizes tiny --threads 2 --tied both --engines torch --rounds 15

Every engine runs in a process of its own, pinned to as many cores as it may use threads, on the same weights and ids.
The processes take turns, half a second each; the table shows medians over all turns, in brackets over PyTorch eager's.
Before timing, the loss and all gradients of the first step are compared; compilation is neither timed nor measured.
"textbook" is minattn with its ops and optimizer as they are read. "products" are only the matrix products of the step,
of the same shapes, into buffers that are reused: the floor. "on_threads" is minattn on threads of one process, which it
is where the system cannot fork.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from engines import starting_weights
from peers import PEERS, missing
from workers import Worker, disagreement, take_turns

SIZES = {  # layers, width, heads, tokens, batch, vocabulary
    "tiny": (1, 64, 4, 16, 32, 1000),
    "small": (2, 128, 4, 32, 32, 4000),
    "book": (2, 256, 8, 64, 16, 30522),
}
TIED = {"no": [False], "yes": [True], "both": [False, True]}
ENGINES = Path(__file__).with_name("engines.py")
CHOICES = ["textbook", "on_threads", *PEERS]
NAMES = {
    "minattn": "minattn",
    "before": "before",
    "textbook": "textbook",
    "on_threads": "on threads",
    "torch": "PyTorch",
    "compile": "compile",
    "jax": "JAX",
    "products": "products",
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    options.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    options.add_argument(
        "--tied", choices=TIED, nargs="?", const="yes", default="no", help="de-embed with the embedding's table"
    )
    options.add_argument(
        "--engines", nargs="*", choices=CHOICES, default=["textbook", *PEERS], help="beside minattn and its products"
    )
    options.add_argument("--before", type=Path, metavar="DIR", help="a checkout of another version, to take turns with")
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--json", metavar="FILE", help="also write the numbers here")
    options = options.parse_args()

    peers = [engine for engine in CHOICES if engine in options.engines]
    for engine in [engine for engine in peers if missing(engine)]:
        print(f"{NAMES[engine]} is skipped: {missing(engine)}")
        peers.remove(engine)
    engines = ["minattn", *["before"] * bool(options.before), *peers, "products"]
    print(heading(engines, "ms"), flush=True)
    rows = []
    for size in options.sizes:
        for threads in options.threads:
            for tied in TIED[options.tied]:
                rows.append(
                    {"size": size, **compare(engines, SIZES[size], threads, tied, options.rounds, options.before)}
                )
                print(line(rows[-1], rows[-1]["ms"], 1), flush=True)
    print("\nThe peak of memory while an engine steps:\n\n" + heading(engines[:-1], "MiB"))
    for row in rows:
        print(line(row, row["peak_mib"], 0))
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1) + "\n")


def compare(
    engines: list[str], sizes: tuple[int, ...], threads: int, tied: bool, rounds: int, before: Path | None = None
) -> dict:
    """Check that the engines compute the same, then time them in turns."""
    with started(engines, sizes, threads, tied, before) as (workers, difference):
        times = take_turns(workers, rounds, 0.5)
        peaks = {engine: worker.ask("peak")["mib"] for engine, worker in workers.items() if engine != "products"}
    return {
        "threads": threads,
        "tied": tied,
        "ms": {engine: statistics.median(values) for engine, values in times.items()},
        "peak_mib": peaks,
        "largest_difference": difference,
        "turns_ms": times,
    }


@contextmanager
def started(
    engines: list[str], sizes: tuple[int, ...], threads: int, tied: bool, before: Path | None = None
) -> Iterator[tuple[dict[str, Worker], float]]:
    """A worker for each engine, and the largest difference between what they compute; the products compute nothing."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.savez(folder / "weights.npz", **starting_weights(*sizes, tied))
        place = ",".join(map(str, sizes)), threads, tied, folder
        workers = {e: Worker(ENGINES, e, *place, threads=threads) for e in engines if e != "before"}
        if before:
            (folder / "before").mkdir()
            script, place = before / "benchmarks" / "engines.py", (*place[:-1], folder / "before")
            workers["before"] = Worker(script, "minattn", *place, threads=threads, checkout=before)
        workers = {engine: workers[engine] for engine in engines}
        models = sorted(set(engines) - {"products"}, key=lambda engine: engine != "torch")  # the first is the reference
        numbers = {engine: workers[engine].ask("first")["number"] for engine in models}
        if before:
            (folder / "before" / "minattn.npz").rename(folder / "before.npz")
        yield workers, disagreement(folder, numbers)
        for worker in workers.values():
            worker.end()


def heading(engines: list[str], unit: str) -> str:
    """The first two lines of a table in Markdown; `line` fills it."""
    cells = ["size ", "threads", "tied", *(f"{NAMES[engine]} {unit}".center(13) for engine in engines)]
    cells += ["minattn / products"] * ("products" in engines)
    return f"| {' | '.join(cells)} |\n|{'|'.join('-' * (len(cell) + 2) for cell in cells)}|"


def line(row: dict, values: dict[str, float], digits: int) -> str:
    cells = [f"{row['size']:5}", f"{row['threads']:7}", "yes " if row["tied"] else "no  "]
    cells += [beside(values, engine, digits).rjust(13) for engine in values]
    cells += [f"{values['minattn'] / values[engine]:18.2f}" for engine in values if engine == "products"]
    return f"| {' | '.join(cells)} |"


def beside(values: dict[str, float], engine: str, digits: int) -> str:
    """A value and, in brackets, its ratio to PyTorch's."""
    value = f"{values[engine]:.{digits}f}"
    return value if engine == "torch" or "torch" not in values else f"{value} ({values[engine] / values['torch']:.2f})"


if __name__ == "__main__":
    main()
