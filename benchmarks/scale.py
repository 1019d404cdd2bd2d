"""Where adding ranks stops paying: a model of a step's time, held to what ranks on this machine take.

    python benchmarks/scale.py                    measures, compares with 1, 2 and 4 ranks here, prints the tables
    python benchmarks/scale.py --sizes small book --rounds 9

A batch of B rows on R ranks, a part on each, of N parameters (4 bytes each):

    t(R) = part(B / R)                     forward and backward of so many rows; of fewer than were measured, on a line
         + add · N (R - 1) / R             adding up one's share of what R ranks have computed
         + update · N / R                  clipping and AdamW on one's share
         + 2 · 4 N (R - 1) / R / bandwidth + 2 (R - 1) latency      sums go out and come in, then parameters
         + 3 (R - 1) ask                   rank 0 asks the others three times a step

All but latency and bandwidth of the networks is measured here, on all cores at once, since ranks compute at once: they
share caches and memory. What is left out: batches whose
parts take unequally long, a network that is shared with others, and rank 0's own work between two steps.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np
from parts import Job, model_of, start
from train_step import SIZES
from workers import environment, take_turns

SIZES["bert"] = 12, 768, 12, 128, 32, 30522
NETWORKS = {"10 Gb/s": (30e-6, 1.1e9), "100 Gb/s": (5e-6, 11e9)}
"""Latency in seconds and bytes a second, as programs see them on Ethernet of that speed: assumed, not measured."""

RANKS = [2**power for power in range(11)]
BATCHES = {"tiny": 32, "small": 32, "book": 16, "bert": 32}
PAYS = 0.5
"""Of the time that a rank has, the share in which it must do what one rank alone would do."""


def measured(size: str, seconds: float) -> dict[str, float]:
    """What the parts of a step take on one core, in seconds: of a row, of an element."""
    from minattn.fast import flat_optimizer_of, reuse_memory
    from minattn.parallel.parts import Dealt, Part, PartGradients, add_gradients
    from minattn.parallel.workers import lengths_of

    model, optimizer, batch = model_of(size)
    part_gradients, flat = PartGradients(model), flat_optimizer_of(optimizer)
    count = sum(parameter.size for parameter in optimizer.parameters.values())
    total = len(batch[0])
    numbers = sorted(
        {total, max(total // 2, 1), max(total // 4, 1), max(total // 8, 1)} if size != "bert" else {1, 2, 4}
    )
    times: dict[object, list[float]] = {}

    def timed(key: object, work, *arguments):
        began = time.perf_counter()
        result = work(*arguments)
        times.setdefault(key, []).append(time.perf_counter() - began)
        return result

    steps = dict.fromkeys(optimizer.steps, 1)

    def update(gradients) -> None:
        lengths_of(flat.pieces(gradients), gradients)
        flat.update_pieces(flat.pieces(gradients, steps), gradients, 0.5)

    with reuse_memory():
        until = time.perf_counter() + seconds
        while time.perf_counter() < until or len(times.get("update", ())) < 3:
            for rows in numbers:
                dealt = Dealt(0, 1.0, Part(batch[0][:rows], None, batch[2][:rows]))
                _, gradients = timed(rows, part_gradients.of, dealt, part_gradients.modes(), [1])
            other = {name: gradient.copy() for name, gradient in gradients.items()}
            timed("add", add_gradients, gradients, other)
            timed("update", update, gradients)
    medians = {key: statistics.median(own) for key, own in times.items()}
    return {
        "count": count,
        "part": [[rows, medians[rows]] for rows in numbers],
        "add": medians["add"] / count,
        "update": medians["update"] / count,
    }


def measured_on_all_cores(size: str, seconds: float) -> dict:
    """The mean of what as many processes as there are cores measure at once."""
    command = [sys.executable, __file__, "measure", size, str(seconds)]
    cores = len(os.sched_getaffinity(0))
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(1)) for _ in range(cores)]
    found = [json.loads(process.communicate()[0]) for process in processes]
    mean = {name: statistics.mean(own[name] for own in found) for name in ("count", "add", "update")}
    rows = [rows for rows, _ in found[0]["part"]]
    return mean | {"part": [[n, statistics.mean(own["part"][i][1] for own in found)] for i, n in enumerate(rows)]}


def part_time(parts: dict, rows: float) -> float:
    """Seconds of a part of so many rows."""
    (first, took), (second, took_then), *_ = parts["part"]
    slope = (took_then - took) / (second - first)
    if rows < first:
        return took - slope * (first - rows)
    (most, longest), (before, shorter) = parts["part"][-1], parts["part"][-2]
    if rows > most:
        return longest + (longest - shorter) / (most - before) * (rows - most)
    return float(np.interp(rows, *zip(*parts["part"], strict=True)))


def step_time(
    size: str, parts: dict[str, float], ranks: int, link: tuple[float, float], ask: float, rows: int
) -> float:
    """Seconds of a step, as the model has it; `rows` in the whole batch."""
    latency, bandwidth = link
    count, others = parts["count"], (ranks - 1) / ranks
    compute = part_time(parts, rows / ranks)
    share = parts["add"] * count * others + parts["update"] * count / ranks
    sent = 2 * 4 * count * others / bandwidth + 2 * (ranks - 1) * latency
    return compute + share + sent + 3 * (ranks - 1) * ask


def link_here() -> tuple[tuple[float, float], float]:
    """Latency and bandwidth of an exchange between two ranks of this machine, and the seconds that a request takes."""
    job = Job("link", count=2, script=__file__)
    answer = job.ask("link")
    job.end()
    return (answer["latency"], answer["bandwidth"]), answer["ask"]


def serve_link() -> None:
    """On two ranks: exchange little and much, in both directions at once."""
    from contextlib import nullcontext

    from minattn.parallel import join

    ranks = join()
    memories = {size: [np.zeros(size, np.uint8), np.zeros(size, np.uint8)] for size in (64, 1 << 24)}

    class Target:
        def begin(self, description):
            pass

        def nothing(self):
            pass

        def exchange(self, size):
            mine, theirs = memories[size]
            ranks.exchange([(1 - ranks.rank, 0, mine)], [(1 - ranks.rank, 0, theirs)])

    if ranks.rank:
        sys.exit(ranks.follow(lambda description, ranks: nullcontext(Target())))
    target = Target()
    ranks.ask(target, "begin", [(None,)] * 2)

    def seconds(method, *arguments, times):
        found = []
        for _ in range(times):
            began = time.perf_counter()
            ranks.ask(target, method, [arguments] * 2)
            found.append(time.perf_counter() - began)
        return statistics.median(found)

    for _ in sys.stdin:
        ask = seconds("nothing", times=300)
        little, much = seconds("exchange", 64, times=300), seconds("exchange", 1 << 24, times=30)
        latency = max(little - ask, 1e-6)
        print(json.dumps({"ask": ask, "latency": latency, "bandwidth": (1 << 24) / (much - little)}), flush=True)
    ranks.end(0)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sizes", nargs="+", choices=BATCHES, default=list(BATCHES))
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--seconds", type=float, default=10.0, help="for measuring the parts of each size")
    options = options.parse_args()
    here, ask = link_here()
    print(
        f"between two ranks here: {here[0] * 1e6:.0f} µs, {here[1] / 1e9:.1f} GB/s each way; "
        f"a request takes {ask * 1e6:.0f} µs\n"
    )
    print("| size | parameters | rows: ms | add ns | update ns |\n|---|---|---|---|---|")
    parts = {}
    for size in options.sizes:
        parts[size] = own = measured_on_all_cores(size, options.seconds)
        rows = ", ".join(f"{rows}: {1e3 * took:.1f}" for rows, took in own["part"])
        print(
            f"| {size} | {own['count']:,.0f} | {rows} | {own['add'] * 1e9:.2f} | {own['update'] * 1e9:.2f} |",
            flush=True,
        )
    print("\n| size | ranks | here ms | model ms | model / here |\n|---|---|---|---|---|")
    for size in [size for size in options.sizes if size != "bert"]:
        jobs = {ranks: start("ranks" if ranks > 1 else "threads", ranks, size, ranks) for ranks in (1, 2, 4)}
        for ranks, times in take_turns(jobs, options.rounds, 0.5).items():
            took = statistics.median(times)
            crowd = max(
                ranks / len(os.sched_getaffinity(0)), 1.0
            )  # ranks that wait for a core take as many times as long
            expected = 1e3 * crowd * step_time(size, parts[size], ranks, here, ask, BATCHES[size])
            print(f"| {size} | {ranks} | {took:.1f} | {expected:.1f} | {expected / took:.2f} |", flush=True)
        for job in jobs.values():
            job.end()
    for title, grows in (("The same batch on more ranks", False), ("A batch that grows with the ranks", True)):
        print(f"\n{title}: times as fast as one rank, and the share of it that is exchange\n")
        print("| size | network | " + " | ".join(map(str, RANKS[1:])) + " | pays up to |")
        print("|---|---|" + "---|" * len(RANKS))
        for size in options.sizes:
            for network, link in NETWORKS.items():
                print(row(size, parts[size], network, link, ask, grows))


def row(size: str, parts: dict[str, float], network: str, link: tuple[float, float], ask: float, grows: bool) -> str:
    """A line of the table."""
    alone, cells, best = step_time(size, parts, 1, link, 0.0, BATCHES[size]), [], 1
    for ranks in RANKS[1:]:
        if not grows and ranks > BATCHES[size]:
            cells.append("-")
            continue
        took = step_time(size, parts, ranks, link, ask, BATCHES[size] * (ranks if grows else 1))
        quiet = step_time(size, parts, ranks, (0.0, np.inf), 0.0, BATCHES[size] * (ranks if grows else 1))
        times = (ranks if grows else 1) * alone / took
        best = ranks if times / ranks >= PAYS else best
        cells.append(f"{times:.1f} ({1 - quiet / took:.0%})")
    return f"| {size} | {network} | " + " | ".join(cells) + f" | {best} |"


if __name__ == "__main__":
    if sys.argv[1:2] == ["link"]:
        serve_link()
    elif sys.argv[1:2] == ["measure"]:
        print(json.dumps(measured(sys.argv[2], float(sys.argv[3]))))
    else:
        main()
