"""A pretrained encoder's forward pass in float32, at DistilBERT-base's shapes: minattn, PyTorch eager, ONNX Runtime.

    pip install transformers onnx onnxscript onnxruntime      beside PyTorch; without the last three, no ONNX Runtime
    python benchmarks/inference.py
    python benchmarks/inference.py --shapes 8,128 --threads 2 --rounds 15

The same random weights, ids and a mask without padding for all (see `encoders.py`); outputs are compared first. Engines
run in processes of their own, pinned to as many cores as they may use threads, half a second each in turn; medians, in
brackets over PyTorch eager's. GF/s counts the matrix products, two operations for a multiplication and an addition.
"""

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from encoders import HIDDEN, LAYERS, WIDTH
from workers import Worker, disagreement, environment, take_turns

ENCODERS = Path(__file__).with_name("encoders.py")
NAMES = {"minattn": "minattn", "torch": "PyTorch", "onnx": "ONNX Runtime"}
NEEDS = {"torch": ("torch", "transformers"), "onnx": ("torch", "transformers", "onnx", "onnxscript", "onnxruntime")}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--shapes", nargs="+", default=["1,128", "8,128"], metavar="BATCH,TOKENS")
    options.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--json", metavar="FILE", help="also write the numbers here")
    options = options.parse_args()
    engines = ["minattn"]
    for engine, packages in NEEDS.items():
        absent = [package for package in packages if importlib.util.find_spec(package) is None]
        if absent:
            print(f"{NAMES[engine]} is skipped: {', '.join(absent)} is not installed")
        else:
            engines.append(engine)
    if "torch" not in engines:
        raise SystemExit("the weights come from transformers: pip install torch transformers")

    rows = []
    print("| B, T   | threads | engine       | ms              | GF/s   | peak MiB    |")
    print("|--------|---------|--------------|-----------------|--------|-------------|")
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(name), "onnx" in engines)
        for shape in options.shapes:
            for threads in options.threads:
                size, tokens = map(int, shape.split(","))
                rows.append(compare(engines, size, tokens, threads, options.rounds, Path(name)))
                report(rows[-1])
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1) + "\n")


def prepare(folder: Path, with_onnx: bool) -> None:
    """Make the weights, in a process whose chatter is shown only if it fails."""
    command = [sys.executable, ENCODERS, "prepare", folder, *["onnx"] * with_onnx]
    done = subprocess.run(command, env=environment(1), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"the weights were not made:\n{done.stderr}")


def compare(engines: list[str], size: int, tokens: int, threads: int, rounds: int, folder: Path) -> dict:
    """Check that the engines compute the same, then time them in turns."""
    workers = {engine: Worker(ENCODERS, engine, size, tokens, threads, folder, threads=threads) for engine in engines}
    numbers = {engine: worker.ask("first")["number"] for engine, worker in workers.items()}
    difference = disagreement(folder, numbers)
    times = take_turns(workers, rounds, 0.5)
    peaks = {engine: worker.ask("peak")["mib"] for engine, worker in workers.items()}
    for worker in workers.values():
        worker.end()
    return {
        "batch": size,
        "tokens": tokens,
        "threads": threads,
        "gflop": operations(size, tokens) / 1e9,
        "ms": {engine: statistics.median(values) for engine, values in times.items()},
        "peak_mib": peaks,
        "largest_difference": difference,
        "turns_ms": times,
    }


def operations(size: int, tokens: int) -> int:
    """Multiplications and additions in the matrix products of a forward pass."""
    projections, feed_forward, attention = 4 * WIDTH**2, 2 * WIDTH * HIDDEN, 2 * tokens * WIDTH
    return 2 * size * tokens * LAYERS * (projections + feed_forward + attention)


def report(row: dict) -> None:
    ms, peaks = row["ms"], row["peak_mib"]
    for engine in ms:
        time = f"{ms[engine]:.1f} ({ms[engine] / ms['torch']:.2f})"
        peak = f"{peaks[engine]:.0f} ({peaks[engine] / peaks['torch']:.2f})"
        rate = row["gflop"] / ms[engine] * 1000
        place = f"{row['batch']}, {row['tokens']}"
        print(
            f"| {place:6} | {row['threads']:7} | {NAMES[engine]:12} | {time:>15} | {rate:6.1f} | {peak:>11} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
