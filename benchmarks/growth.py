"""How the time and memory of a training step grow with T, V, B and D, one at a time: minattn and PyTorch.

    python benchmarks/growth.py                    all, in some minutes; writes growth.json and growth.svg
    python benchmarks/growth.py --axes T           one, the others as growth.json has them
    python benchmarks/growth.py --draw growth.png  only the figure, from growth.json

Engines, checks and turns are those of `train_step.py`. A process's peak is reduced by that of the same process with a
model of next to nothing: what is left is the step's. A column ^ holds the exponent n of cost ~ sizeⁿ from the row above
to this one; "math" is the exponent of the work there is: for time the operations in the matrix products, for memory the
numbers that backpropagation has to hold, with no T×T array among them. Steeper than the math by more than 0.2: !
"""

import argparse
import json
import math
import statistics
from contextlib import ExitStack
from pathlib import Path

from peers import missing
from train_step import started
from workers import take_turns

BASE = {"layers": 2, "D": 128, "heads": 4, "T": 64, "B": 8, "V": 4000}  # in the order of the engines' sizes
NEXT_TO_NOTHING = (1, 8, 1, 1, 1, 8)
AXES = {
    "T": (16, 32, 64, 128, 256, 512, 1024),
    "V": (1000, 2000, 5000, 10000, 20000, 50000),
    "B": (1, 2, 4, 8, 16, 32, 64),
    "D": (32, 64, 128, 256, 512),
}
LABELS = {"T": "tokens T", "V": "vocabulary V", "B": "batch B", "D": "width D"}
ENGINES = {"minattn": "minattn", "torch": "PyTorch"}
UNITS = {"ms": "time (ms)", "mib": "memory (MiB)"}
WORK = {"ms": "operations", "mib": "numbers"}
STEEPER = 0.2
HERE = Path(__file__).parent


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--axes", nargs="+", choices=AXES, default=list(AXES))
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--draw", metavar="FILE", type=Path, help="measure nothing")
    options = options.parse_args()
    file = HERE / "growth.json"
    growth = json.loads(file.read_text()) if file.exists() else {}
    if not options.draw:
        if missing("torch"):
            raise SystemExit(f"this compares with PyTorch: {missing('torch')}")
        for axis in options.axes:
            growth[axis] = measure(axis, options.threads, options.rounds)
            report(axis, growth[axis])
        file.write_text(json.dumps(growth, indent=1) + "\n")
    draw(growth, options.draw or HERE / "growth.svg")


def measure(axis: str, threads: int, rounds: int) -> list[dict]:
    """A row for each value on the axis. All sizes take turns, so that a slow minute bends no curve."""
    points = {value: tuple((BASE | {axis: value}).values()) for value in AXES[axis]}
    workers = {}
    with ExitStack() as stack:
        for value, sizes in {0: NEXT_TO_NOTHING, **points}.items():
            engines, _ = stack.enter_context(started(list(ENGINES), sizes, threads, False))
            workers |= {(value, engine): worker for engine, worker in engines.items()}
        times = take_turns(workers, rounds, 0.3)
        peaks = {key: worker.ask("peak")["mib"] for key, worker in workers.items()}
    return [
        {
            "value": value,
            "threads": threads,
            "ms": {engine: statistics.median(times[value, engine]) for engine in ENGINES},
            "mib": {engine: peaks[value, engine] - peaks[0, engine] for engine in ENGINES},
            "operations": operations(*sizes),
            "numbers": numbers(*sizes),
        }
        for value, sizes in points.items()
    ]


def operations(layers: int, width: int, heads: int, tokens: int, size: int, vocabulary: int) -> int:
    """Multiplications and additions in the step's matrix products: forward, and twice as many backward."""
    projections, attention = 12 * width**2, 2 * tokens * width
    return 6 * size * tokens * (layers * (projections + attention) + width * vocabulary)


def numbers(layers: int, width: int, heads: int, tokens: int, size: int, vocabulary: int) -> int:
    """Weights, their gradients and two moments; the inputs that the layers keep for backward (16 D); the logits."""
    weights = 2 * vocabulary * width + tokens * width + layers * 12 * width**2
    return 4 * weights + size * tokens * (layers * 16 * width + vocabulary)


def exponents(rows: list[dict], values: list[float]) -> list[float | None]:
    """n in value ~ sizeⁿ, from each row to the next; None in the first, and where there was nothing to compare."""
    found: list[float | None] = [None]
    for i in range(1, len(rows)):
        is_known = values[i - 1] > 0 and values[i] > 0
        times = rows[i]["value"] / rows[i - 1]["value"]
        found.append(math.log(values[i] / values[i - 1]) / math.log(times) if is_known else None)
    return found


def report(axis: str, rows: list[dict]) -> None:
    """The table of an axis, in Markdown."""
    columns = {axis: [str(row["value"]) for row in rows]}
    for unit, name in (("ms", "ms"), ("mib", "MiB")):
        expected = exponents(rows, [row[WORK[unit]] for row in rows])
        for engine, title in ENGINES.items():
            values = [row[unit][engine] for row in rows]
            columns[f"{title} {name}"] = [f"{value:.1f}" for value in values]
            found = exponents(rows, values)
            columns[f"^ {title} {name}"] = [mark(n, limit) for n, limit in zip(found, expected, strict=True)]
        columns[f"math {name}"] = [mark(n, n) for n in expected]
    titles = ["^" if title.startswith("^") else title for title in columns]
    widths = [max(map(len, [title, *cells])) for title, cells in zip(titles, columns.values(), strict=True)]
    print(f"\n{LABELS[axis]}, others {', '.join(f'{k} {v}' for k, v in BASE.items() if k != axis)}\n")
    for cells in (titles, ["-" * width for width in widths], *zip(*columns.values(), strict=True)):
        print(
            "| " + " | ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True)) + " |", flush=True
        )


def mark(exponent: float | None, limit: float | None) -> str:
    if exponent is None or limit is None:
        return ""
    return f"{exponent:.2f}" + "!" * (exponent > limit + STEEPER)


def draw(growth: dict[str, list[dict]], file: Path) -> None:
    """A row of panels for each axis: time, memory; the math is a line through minattn's last point."""
    import matplotlib

    matplotlib.rcParams.update(
        {
            "font.size": 15,
            "svg.hashsalt": "growth",
            "svg.fonttype": "none",
            "font.sans-serif": ["DejaVu Sans"],
            "lines.linewidth": 2.2,
        }
    )
    from matplotlib import pyplot as plt
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    axes = [axis for axis in AXES if axis in growth]
    figure, panels = plt.subplots(
        len(axes), 2, figsize=(10, 3.6 * len(axes) + 0.8), sharey="col", squeeze=False, layout="constrained"
    )
    for axis, pair in zip(axes, panels, strict=True):
        rows = growth[axis]
        sizes = [row["value"] for row in rows]
        for (unit, label), panel in zip(UNITS.items(), pair, strict=True):
            scale = rows[-1][unit]["minattn"] / rows[-1][WORK[unit]]
            panel.plot(
                sizes, [row[WORK[unit]] * scale for row in rows], "--", color="0.5", label="slope of the mathematics"
            )
            for (engine, name), style in zip(ENGINES.items(), ("o-", "s-"), strict=True):
                panel.plot(sizes, [row[unit][engine] for row in rows], style, label=name)
            panel.set(xscale="log", yscale="log", xlabel=LABELS[axis], ylabel=label)
            panel.set_title(f"{label.split()[0]} over {axis}")
            panel.set_xticks(sizes, [f"{size // 1000}k" if size % 1000 == 0 else str(size) for size in sizes])
            panel.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
            panel.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            panel.minorticks_off()
            panel.grid(alpha=0.3)
    base = ", ".join(f"{name} {value}" for name, value in BASE.items())
    figure.suptitle(f"A training step as it grows ({base}, one varied)", fontsize=15)
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.savefig(file, **({"metadata": {"Date": None}} if file.suffix == ".svg" else {"dpi": 100}))


if __name__ == "__main__":
    main()
