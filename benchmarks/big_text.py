"""A text larger than the memory it may take: memory, speed beside `tokenizers`, seconds to a second start.

    python benchmarks/big_text.py --folder /tmp/big

Makes a text of --megabytes from the shipped readers, in which every sentence is different: in each, one word is one
that never comes again (in Chinese, three characters), which is harder than real text, where most words come again.
Then it trains on it, kills the training, goes on with it, and trains a second model beside the first.

Memory is the sum of PSS over the process and all it started, read ten times a second: pages that several of them share
count once.
"""

import argparse
import io
import itertools
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

from minattn.text import WordPiece, parts_of, read_pieces, shipped
from minattn.text.dividing import text_keys
from minattn.text.tokenizing import Spool, WordEncoder

SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u")]
SLICE = 1 << 20
STEPS, SAVED, KILLED = 20, 5, 8


def main() -> None:
    """Make the text where it is missing, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where the text and the runs go")
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--slices", type=int, default=24, help="MiB whose tokenizing is timed beside tokenizers")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    text = options.folder / f"big-{options.megabytes}.txt"
    if not text.exists():
        make_text(text, options.megabytes * 10**6)
    print(f"{text.stat().st_size:,} bytes; {os.cpu_count()} cores", flush=True)
    shutil.rmtree(options.folder / "runs", ignore_errors=True)
    ours, theirs = speeds(text, options.slices)
    print(f"{'':34}{'minattn':>10}  {'tokenizers':>10}")
    print(f"{'tokenizing, MB/s':34}{ours:10.2f}  {theirs:10.2f}", flush=True)
    runs = options.folder / "runs"
    train = (str(text), "--steps", str(STEPS), "--save-every", str(SAVED))
    first = watched(options.folder, "train", *train, "--out", "runs/one", kill_at=KILLED)
    row("first start: s to the first step", first[0])
    again = watched(options.folder, "train", "--resume", "runs/one")
    row("--resume after a kill", again[0])
    beside = watched(options.folder, "train", *train, "--out", "runs/two")
    row("a new run beside the first", beside[0])
    row("peak memory, MB of PSS", max(first[1], again[1], beside[1]))
    row("  of each of the three", *(run[1] for run in (first, again, beside)))
    same = os.path.samefile(runs / "one/text.ids", runs / "two/text.ids")
    print(f"ids: {(runs / 'one/text.ids').stat().st_size:,} bytes, {'one file' if same else 'two files'} for both runs")


def row(name: str, *values: float) -> None:
    """Print a line of the table."""
    print(f"{name:34}" + "".join(f"{value:10.1f}" for value in values), flush=True)


def make_text(path: Path, size: int) -> None:
    """Write a text of about this size, always the same."""
    rng = random.Random(0)
    english = [piece.sentences for piece in read_pieces(shipped("reader.en.txt"))]
    chinese = [piece.sentences for piece in read_pieces(shipped("reader.zh.txt"))]
    characters = sorted({c for s in itertools.chain(*chinese) for c in s if "\u4e00" <= c <= "\u9fff"})
    number, written = 0, 0
    with open(path, "w", encoding="utf-8") as file:
        while written < size:
            is_chinese = rng.random() < 0.1
            lines = []
            for sentence in rng.choice(chinese if is_chinese else english):
                number += 1
                if is_chinese:
                    at = rng.randrange(len(sentence))
                    lines.append(sentence[:at] + digits(number, characters) + sentence[at:])
                else:
                    words = sentence.split(" ")
                    at = rng.randrange(len(words))
                    words[at] = digits(number, SYLLABLES) + re.sub(r"\w", "", words[at])
                    lines.append(" ".join(words))
            piece = "\n".join(lines) + "\n\n"
            written += len(piece.encode())
            file.write(piece)


def digits(number: int, signs: list[str]) -> str:
    """A number as a word that no other number has."""
    word = ""
    while number:
        number, rest = divmod(number, len(signs))
        word += signs[rest]
    return word


def speeds(text: Path, slices: int) -> tuple[float, float]:
    """MB/s from bytes to ids, and of `tokenizers` alone on the sentences of the same bytes, interleaved."""
    tokenizer = WordPiece.load(shipped("en/tokenizer.json"))
    encode, spool = WordEncoder(tokenizer, np.dtype("<u2")), Spool("<u2", io.BytesIO)
    taken: tuple[list[float], list[float]] = [], []
    with open(text, "rb") as file:
        for i in range(slices):
            file.seek(text.stat().st_size // slices * i)
            block = file.read(SLICE)
            block = block[block.find(b"\n\n") : block.rfind(b"\n\n")]
            started = time.perf_counter()
            sentences = [sentence for part in parts_of([block], text) for sentence in part.sentences]
            text_keys(sentences)
            for first in range(0, len(sentences), 4096):
                spool.append(encode(sentences[first : first + 4096])[0])
            taken[0].append((time.perf_counter() - started) / len(block))
            started = time.perf_counter()
            tokenizer._tokenizer.encode_batch_fast(sentences, add_special_tokens=False)
            taken[1].append((time.perf_counter() - started) / len(block))
    return tuple(1e-6 / statistics.median(seconds) for seconds in taken)  # type: ignore[return-value]


def watched(folder: Path, *arguments: str, kill_at: int | None = None) -> tuple[float, float]:
    """Seconds to the first step of a command, and the peak of its memory in MB; killed once it shows a step, or not."""
    started, first, peak = time.perf_counter(), 0.0, 0.0
    log = open(folder / "log.txt", "a", encoding="utf-8")  # noqa: SIM115
    command = [sys.executable, "-m", "minattn", *arguments]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def watch() -> None:
        nonlocal peak
        while process.poll() is None:
            peak = max(peak, sum(map(pss, family(process.pid))) / 1e6)
            time.sleep(0.1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for line in process.stdout or ():
        log.write(f"{time.perf_counter() - started:8.1f} {peak:6.0f} {line}")
        log.flush()
        if line.startswith("step ") and "  loss" in line:
            first = first or time.perf_counter() - started
            if kill_at is not None and int(line.split("/")[0].split()[1]) >= kill_at:
                for pid in reversed(family(process.pid)):
                    os.kill(pid, signal.SIGKILL)
    process.wait()
    watcher.join()
    if process.returncode not in (0, -signal.SIGKILL):
        raise SystemExit(f"minattn {' '.join(arguments)} ended with {process.returncode}; see {folder}/log.txt")
    return first, peak


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(one for child in children for one in family(int(child)))]


def pss(pid: int) -> int:
    """The bytes of a process's memory, what it shares counted in part."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    found = re.search(r"^Pss: +(\d+) kB", rollup, re.M)
    return 1024 * int(found[1]) if found else 0


if __name__ == "__main__":
    main()
