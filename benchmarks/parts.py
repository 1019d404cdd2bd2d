"""What it costs to deal a batch into parts, and what threads, forked processes and ranks of MPI make of them.

    python benchmarks/parts.py                            one worker, 1 to 8 parts; then two workers of each kind
    python benchmarks/parts.py --sizes small book --workers 2 --parts 2 --rounds 15

A step is forward, backward, clipping and AdamW in float32. "recipe" is what `minattn train` makes of the shipped text:
its model, and batches of 64 sentences of 13 tokens. All that share a row take turns, half a second each; medians, in
brackets over the first column. Memory is the peak of all processes together; what they share counts once.
"""

import argparse
import json
import os
import statistics
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from train_step import SIZES
from workers import Worker, kib, peak_mib, take_turns, time_steps

KINDS = {"threads": "threads", "processes": "forked processes", "ranks": "MPI ranks"}
RECIPE_BATCH = 64, 13


def model_of(size: str):
    """The model of a size, its optimizer, and a batch."""
    from minattn.models import ReconstructionConfig, ReconstructionModel
    from minattn.optim import AdamW
    from minattn.training.settings import RECIPE

    if size == "recipe":
        config, (rows, tokens) = ReconstructionConfig(1000, **RECIPE), RECIPE_BATCH
    else:
        layers, width, heads, tokens, rows, vocabulary = SIZES[size]
        config = ReconstructionConfig(vocabulary, width, layers, heads, 4 * width, tokens, de_embedding="tied")
    model = ReconstructionModel(config, generator=np.random.default_rng(0))
    rng = np.random.default_rng(1)
    ids = rng.integers(5, config.vocab_size, (rows, tokens))
    return model, AdamW(model.named_parameters(), 1e-4), (ids, None, np.where(rng.random(ids.shape) < 0.5, ids, -100))


def serve(kind: str, size: str, parts: int, count: int) -> None:
    """Be one engine: answer "time SECONDS" and "peak" until the pipe is closed."""
    from minattn.fast import flat_optimizer_of
    from minattn.parallel import RankCrew, Threads, join, share_batches
    from minattn.training.step import train_step

    model, optimizer, batch = model_of(size)
    ranks = join() if kind == "ranks" else None
    if ranks is not None and ranks.rank:

        @contextmanager
        def build(description, ranks):
            arguments = parts, 1, description["least_update"]
            with Threads(1), RankCrew(model, optimizer, flat_optimizer_of(optimizer), *arguments, ranks) as crew:
                crew.peak = pss_mib
                yield crew

        sys.exit(ranks.follow(build))
    options = {"processes": {"threads": False, "processes": True}.get(kind), "description": {}}
    with (
        Threads(1 if ranks else count) as threads,
        share_batches(model, optimizer, threads, parts, **options) as shared,
    ):
        if ranks is not None:
            shared.workers.crew.peak = pss_mib
        for request in sys.stdin:
            verb, _, seconds = request.strip().partition(" ")
            if verb == "time":
                step = time_steps(lambda: train_step(shared.model, shared.optimizer, *batch, 1.0), float(seconds))
                answer = {"ms": step}
            else:
                answer = {"mib": sum(shared.workers.ask("peak")) if ranks else peak_mib()}
            print(json.dumps(answer), flush=True)
    if ranks is not None:
        ranks.end(0)


def pss_mib() -> float:
    """What this process has of memory, with its share of what it shares."""
    return kib(Path(f"/proc/{os.getpid()}/smaps_rollup"), "Pss") / 1024


class Job(Worker):
    """An engine on several ranks."""

    def __init__(self, *arguments: object, count: int, script: str = __file__) -> None:
        mpiexec = Path(sys.executable).with_name("mpiexec")
        self.launcher = [str(mpiexec) if mpiexec.exists() else "mpiexec", "-n", str(count)]
        super().__init__(Path(script), *arguments, threads=min(count, len(os.sched_getaffinity(0))))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sizes", nargs="+", choices=["recipe", *SIZES], default=["recipe", *SIZES])
    options.add_argument("--parts", nargs="+", type=int, default=[1, 2, 4, 8])
    options.add_argument("--workers", nargs="+", type=int, default=[1, 2])
    options.add_argument("--rounds", type=int, default=9)
    options = options.parse_args()
    print("| size | workers | parts | kind | ms | MiB |\n|---|---|---|---|---|---|", flush=True)
    for size in options.sizes:
        for count in options.workers:
            rows = [("threads", parts) for parts in options.parts] if count == 1 else []
            rows += [(kind, parts) for kind in KINDS for parts in options.parts if parts > 1] if count > 1 else []
            workers = {row: start(*row, size, count) for row in rows}
            times = {row: statistics.median(own) for row, own in take_turns(workers, options.rounds, 0.5).items()}
            first = times["processes" if count > 1 else "threads", min(parts for _, parts in rows)]
            for (kind, parts), ms in times.items():
                mib = workers[kind, parts].ask("peak")["mib"]
                print(
                    f"| {size} | {count} | {parts} | {KINDS[kind]} | {ms:.1f} ({ms / first:.2f}) | {mib:.0f} |",
                    flush=True,
                )
            for worker in workers.values():
                worker.end()


def start(kind: str, parts: int, size: str, count: int) -> Worker:
    arguments = "serve", kind, size, parts, count
    return Job(*arguments, count=count) if kind == "ranks" else Worker(Path(__file__), *arguments, threads=count)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    else:
        main()
