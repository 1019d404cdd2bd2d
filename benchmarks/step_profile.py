"""Where one training step of minattn spends its time: matrix products, elementwise, reductions, moves, Python; and ops.

    python benchmarks/step_profile.py
    python benchmarks/step_profile.py --size tiny --tied

minattn is imported twice, as it is and with a stopwatch at every operator, NumPy call and index in its source
(`stopwatch.py`; arrays, code paths and results stay what they are), and the two take turns. Steps and ops are timed in
the first, operations on arrays in the second; Python is what they leave of the step. One thread, on one core; means.
"""

import argparse
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable

import stopwatch
from train_step import SIZES
from workers import environment, pinned

NAMED = 10


Shares = dict[tuple[str, str], float]
"""What ops have taken, by label and direction."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--size", choices=SIZES, default="book")
    options.add_argument("--tied", action="store_true")
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--pinned", action="store_true", help=argparse.SUPPRESS)
    options = options.parse_args()
    if options.pinned:
        profile(options.size, options.tied, options.rounds)
    else:
        with pinned(1):
            done = subprocess.run([sys.executable, __file__, "--pinned", *sys.argv[1:]], env=environment(1))
        raise SystemExit(done.returncode)


def profile(size: str, tied: bool, rounds: int) -> None:
    """Run steps of the one minattn and the other, and say where the time went."""
    from engines import Minattn

    plain = Minattn(*SIZES[size], threads=1, tied=tied)
    seconds = watch_ops(time.perf_counter)
    for name in [name for name in sys.modules if name.partition(".")[0] == "minattn"]:
        del sys.modules[name]
    idle = stopwatch.idle()
    stopwatch.watch("minattn")
    watched = Minattn(*SIZES[size], threads=1, tied=tied)
    products = watch_ops(lambda: stopwatch.spent[stopwatch.PRODUCTS])

    started = time.perf_counter()
    for engine in (plain, plain, watched, watched):
        engine.step()
    turn = max(1, round(1 / (time.perf_counter() - started)))  # steps: about a quarter of a second
    for record in (seconds, products, stopwatch.spent, stopwatch.calls):
        record.clear()
    total = 0.0
    for _ in range(rounds):
        for engine in (plain, watched):
            started = time.perf_counter()
            for _ in range(turn):
                engine.step()
            total += time.perf_counter() - started if engine is plain else 0
    steps = rounds * turn
    print(f"A step at {size} size {SIZES[size]}, {'tied' if tied else 'untied'}, one thread; mean of {steps}\n")
    report_kinds(total, steps, idle)
    report_ops(seconds, products, total, steps)


def watch_ops(meter: Callable[[], float]) -> Shares:
    """What the meter advances in each op of the minattn that was imported last, from now on.

    An op is labelled with the shapes of its first two inputs; one that runs inside another is part of it.
    """
    from minattn.ops import Op
    from minattn.optim import Optimizer

    shares: Shares = defaultdict(float)
    labels: dict[int, str] = {}
    running: list[str] = []

    def watch(function, direction, label):
        def run(self, *inputs, **options):
            if running:
                return function(self, *inputs, **options)
            running.append(label(self, inputs))
            before = meter()
            try:
                return function(self, *inputs, **options)
            finally:
                shares[running.pop(), direction] += meter() - before

        return run

    def with_shapes(op, inputs):
        shapes = ["x".join(map(str, x.shape)) for x in inputs if getattr(x, "shape", ())]
        labels[id(op)] = f"{op} {', '.join(shapes[:2])}"
        return labels[id(op)]

    Op.__call__ = watch(Op.__call__, "forward", with_shapes)
    Op.gradients = watch(Op.gradients, "backward", lambda op, _: labels[id(op)])
    Optimizer.step = watch(Optimizer.step, "update", lambda optimizer, _: type(optimizer).__name__)
    return shares


def report_kinds(total: float, steps: int, idle: float) -> None:
    """The step by kind of work: milliseconds, share, operations a step."""
    shares = {kind: stopwatch.spent[kind] - idle * stopwatch.calls[kind] for kind in stopwatch.KINDS}
    shares["Python"] = total - sum(shares.values())
    print(f"{'kind':28} {'ms':>8} {'share':>7} {'operations':>11}")
    for kind, seconds in shares.items():
        count = f"{stopwatch.calls[kind] / steps:11.0f}" if kind in stopwatch.calls else ""
        print(f"{kind:28} {seconds * 1000 / steps:8.2f} {seconds / total:7.1%} {count}".rstrip())
    print(f"{'step':28} {total * 1000 / steps:8.2f}\n")


def report_ops(seconds: Shares, products: Shares, total: float, steps: int) -> None:
    """The most expensive ops, and what share of each is matrix products."""
    labels = {label for label, _ in seconds}
    sums = {label: sum(value for (other, _), value in seconds.items() if other == label) for label in labels}
    ranked = sorted(labels, key=sums.__getitem__, reverse=True)
    width = max(map(len, ranked[:NAMED]))
    print(f"{'op, its first inputs':{width}} {'forward':>8} {'backward':>8} {'ms':>8} {'share':>6} {'products':>8}")
    for label in ranked[:NAMED]:
        ways = [seconds.get((label, way)) for way in ("forward", "backward")]
        cells = ["" if way is None else f"{way * 1000 / steps:.2f}" for way in (*ways, sums[label])]
        inside = sum(products.get((label, way), 0.0) for way in ("forward", "backward", "update"))
        times = " ".join(f"{cell:>8}" for cell in cells)
        print(f"{label:{width}} {times} {sums[label] / total:6.1%} {inside / sums[label]:8.0%}")
    rest = sum(sums[label] for label in ranked[NAMED:])
    print(f"{f'{len(ranked[NAMED:])} others':{width}} {rest * 1000 / steps:26.2f} {rest / total:6.1%}")


if __name__ == "__main__":
    main()
