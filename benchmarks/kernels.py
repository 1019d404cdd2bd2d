"""What each kernel of `minattn/fast` gains: a training step, and inference, with all kernels and with all but one.

    python benchmarks/kernels.py                                     all kernels, three sizes of step, two of inference
    python benchmarks/kernels.py --columns small --kernels GELU --rounds 15

Everything runs in one process and one thread. The variants take turns, some steps each; the table shows by how much
longer a step takes without the kernel, in percent of the step with all, as a median over the rounds. "workspace" is
`reuse_memory`; "all" is `with minattn.textbook():`, which the kernels are held equal to, without the workspace.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

if os.environ.keys() & {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"}:  # they slow NumPy; they are read when it is imported
    rest = {key: value for key, value in os.environ.items() if key not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    os.execve(sys.executable, [sys.executable, *sys.argv], rest)

import numpy as np
from threadpoolctl import threadpool_limits

import minattn
from minattn.models import ReconstructionConfig, ReconstructionModel
from minattn.ops.kernels import kernels
from minattn.optim import AdamW, clip_grad_norm_
from minattn.pretrained import BertModel, EncoderConfig

SIZES = {  # layers, width, heads, tokens, batch, vocabulary; those of train_step.py
    "tiny": (1, 64, 4, 16, 32, 1000),
    "small": (2, 128, 4, 32, 32, 4000),
    "book": (2, 256, 8, 64, 16, 30522),
}
BATCHES = {"MiniLM (1, 128)": (1, 128), "MiniLM (8, 128)": (8, 128)}
SECONDS = 0.25
"""How long a turn of one variant takes at least."""


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    columns, names = [*SIZES, *BATCHES], sorted({op.__name__ for op in kernels})
    parser.add_argument(
        "--columns", nargs="+", choices=columns, default=columns, metavar="SIZE", help=", ".join(columns)
    )
    parser.add_argument("--kernels", nargs="+", choices=names, default=names, metavar="OP", help=", ".join(names))
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    gains: dict[str, list[str]] = {name: [] for name in (*options.kernels, "workspace", "all")}
    for column in options.columns:
        step = training_step(*SIZES[column]) if column in SIZES else inference(*BATCHES[column])
        turns = take_turns(step, list(gains), options.rounds)
        for name in gains:
            slower = statistics.median(b / a for a, b in zip(turns["with all"], turns[name], strict=True))
            gains[name].append(f"{100 * (slower - 1):+.0f} %")
        print(f"{column}: {statistics.median(turns['with all']) * 1e3:.1f} ms with all kernels", flush=True)
    print(f"\n| without | {' | '.join(options.columns)} |\n|---|{'---|' * len(options.columns)}")
    for name, cells in gains.items():
        print(f"| {name} | {' | '.join(cells)} |")


def training_step(layers: int, width: int, heads: int, tokens: int, size: int, vocabulary: int) -> Callable[[], None]:
    """A step of the model that train_step.py times, with dropout, so that its kernel has work."""
    config = ReconstructionConfig(
        vocabulary, width, layers, heads, 4 * width, tokens, positions="learned", embedding_std=1.0, dropout=0.1
    )
    model = ReconstructionModel(config, generator=np.random.default_rng(0)).train()
    ids = np.random.default_rng(1).integers(0, vocabulary, (size, tokens))
    optimizer = AdamW(model.named_parameters(), 3e-4)

    def step() -> None:
        model.loss(ids, None, ids).backward()
        clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return step


def inference(size: int, tokens: int) -> Callable[[], None]:
    """An encoder of MiniLM's sizes with random weights."""
    config = EncoderConfig(30522, width=384, layers=6, heads=12, hidden=1536, max_tokens=512)
    model = BertModel(config, generator=np.random.default_rng(0)).eval()
    ids = np.random.default_rng(1).integers(0, 30522, (size, tokens))

    def run() -> None:
        with minattn.no_grad():
            model(ids)

    return run


@contextmanager
def without(name: str) -> Iterator[None]:
    """All kernels but those of this name."""
    taken = {op: kernels.pop(op) for op in list(kernels) if op.__name__ == name}
    try:
        yield
    finally:
        kernels.update(taken)


def take_turns(step: Callable[[], None], names: list[str], rounds: int) -> dict[str, list[float]]:
    """Seconds of a step for each variant, round by round."""
    turns: dict[str, list[float]] = {name: [] for name in ("with all", *names)}
    with threadpool_limits(1):
        for round_ in range(rounds + 1):
            for name, seconds in turns.items():
                memory = nullcontext() if name in ("workspace", "all") else minattn.reuse_memory()
                with memory, minattn.textbook() if name == "all" else without(name):
                    step()  # fills the workspace
                    started, count = time.perf_counter(), 0
                    while time.perf_counter() - started < SECONDS:
                        step()
                        count += 1
                if round_:  # the first warms up
                    seconds.append((time.perf_counter() - started) / count)
    return turns


if __name__ == "__main__":
    main()
