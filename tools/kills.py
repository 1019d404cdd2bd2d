"""Send signals at random moments to trainings, or to other commands, and count what they break: python tools/kills.py

A training is killed, and resumed, until it is done; then its weights must be those of one that was left alone, bit for
bit. With --commands all other commands that take a second or more are disturbed. The last line counts; all but the
first numbers of it must be 0. On Linux alone.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from disturbed import ASKING, Ending, disturb, prepare

from minattn.learn import course
from minattn.pretrained import BertForMaskedLM, save_tokenizer
from minattn.pretrained.config import EncoderConfig
from minattn.text import WordPiece, read_pieces, shipped

STEPS = 60
SIZES = ("--width", "32", "--heads", "2", "--layers", "1")
TRAINING = ("train", "text", "--steps", str(STEPS), "--batch", "32", "--save-every", "5", "--no-figures")
KINDS = {
    "one worker": (*TRAINING, *SIZES, "--threads", "1"),
    "two processes": (*TRAINING, *SIZES, "--threads", "2"),
    "fine-tuning": (*TRAINING, "--from", "bert", "--threads", "2"),
}
COMMANDS = {
    "info": ("info", "run"),
    "reconstruct": ("reconstruct", "The old [MASK] slept.", "--run", "run"),
    "vocab": ("vocab", "en", "--size", "3000", "--out", "made"),
    "check": ("check",),
    "check softmax": ("check", "softmax", "--curve"),
    "embed": ("embed", "bert", *["The old cat slept by the fire."] * 200, "--out", "made.npy"),
    "deembed": ("deembed", "bert", "--table"),
    "fill": ("fill", "bert", "The old [MASK] slept."),
    "figures": ("train", "--resume", "run", "--steps", str(STEPS + 5)),
    "learn check": ("learn", "check", "--all", "--dir", "anna", "--seconds", "2"),
    "learn grade": ("learn", "grade", "anna", "ben", "--csv", "made.csv", "--seconds", "2"),
    "learn": ("learn", "--dir", "anna"),
}
FAULTS = {
    "traceback": "tracebacks",
    "lines": "times more than a line",
    "code": "wrong exit codes",
    "hanging": "hanging",
    "orphan": "orphans",
    "terminal": "terminals not given back",
    "torn": "torn files",
    "lost": "that cannot be resumed",
    "different": "with other weights",
}
PYTHON = "python"
"""A traceback of Python while it starts, before minattn can take care of Ctrl-C: nothing can be done about it."""

Say = Callable[[str, Ending], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what was asked, with a line for each signal; returns 1 where something was broken."""
    parser = argparse.ArgumentParser(prog="python tools/kills.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20, metavar="N", help="signals in all (20)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the moments (0)")
    parser.add_argument("--commands", action="store_true", help="disturb all other commands, not trainings")
    options = parser.parse_args(arguments)
    prepare()
    counts: Counter[str] = Counter()

    def say(name: str, ending: Ending) -> None:
        counts["signals"] += ending.sent is not None
        counts.update(ending.faults)
        print(f"{counts['signals']:4}/{options.kills}  {name}: {ending}", flush=True)
        if ending.faults:
            print(ending.out[-2000:] + ending.err, flush=True)

    with tempfile.TemporaryDirectory() as folder:
        place, rng = Path(folder), random.Random(options.seed)
        make_place(place, options.commands)
        disturb_all = disturb_commands if options.commands else disturb_trainings
        works = disturb_all(place, rng, lambda: options.kills - counts["signals"], say)
    told = ", ".join(f"{counts[fault]} {meaning}" for fault, meaning in FAULTS.items())
    early = f" (and {counts[PYTHON]} tracebacks of Python's own start)" if counts[PYTHON] else ""
    print(f"{counts['signals']} signals to {works} {'commands' if options.commands else 'trainings'}: {told}{early}")
    return int(any(counts[fault] for fault in FAULTS))


def make_place(place: Path, for_commands: bool) -> None:
    """A text, a small pretrained model of it, and what commands need."""
    sentences = [sentence for piece in read_pieces(shipped("reader.en.txt"))[:12] for sentence in piece.sentences]
    (place / "text").write_text("\n".join(sentences), encoding="utf-8")
    tokenizer = WordPiece.train(sentences, 400)
    config = EncoderConfig(tokenizer.vocab_size, width=32, layers=1, heads=2, hidden=64, max_tokens=64)
    BertForMaskedLM(config, generator=np.random.default_rng(0)).save_pretrained(place / "bert")
    save_tokenizer(tokenizer, place / "bert")
    if for_commands:
        for name, loop in (("anna", ""), ("ben", "\nwhile True:\n    pass")):
            (place / name).mkdir()
            for exercise in course():
                source = exercise.fill(exercise.solution) + (loop if exercise.number % 5 == 1 else "")
                (place / name / exercise.file).write_text(source, encoding="utf-8")
        run(place, *KINDS["one worker"], "--out", "run")


def run(place: Path, *arguments: str) -> float:
    """Run a command that nothing disturbs; returns the seconds that it took."""
    started = time.monotonic()
    ending = disturb(arguments, place, signal.SIGTERM, 300)
    assert ending.sent is None and (ending.code == 0 or "check" in arguments), ending.err or ending.out
    return time.monotonic() - started


def disturb_trainings(place: Path, rng: random.Random, left: Callable[[], int], say: Say) -> int:
    """Start trainings and disturb them, until no signals are left to be sent; returns how many there were."""
    takes = {kind: run(place, *KINDS[kind], "--out", f"whole {kind}") for kind in KINDS}
    kinds, works = list(KINDS), 0
    while left() > 0:
        kind, folder = kinds[works % len(kinds)], place / "new"
        works += 1
        while True:
            is_begun = (folder / "config.json").exists() and ("--from" not in KINDS[kind] or saved(folder))
            if not is_begun:
                shutil.rmtree(folder, ignore_errors=True)
            command = ("train", "--resume", "new", "--no-figures") if is_begun else (*KINDS[kind], "--out", "new")
            number = rng.choice((signal.SIGKILL, *ASKING))
            seconds = rng.uniform(0, takes[kind]) if left() > 0 else 300
            ending = disturb(command, place, number, seconds, to_other=rng.random() < 0.3)
            is_done = ending.code == 0 or result(folder) is not None  # it may be killed on its very last way
            if is_done and result(folder) != result(place / f"whole {kind}"):
                ending.faults.append("different")
            if ending.code == 2 or (ending.code and ending.sent is None):
                ending.faults.append("lost")
            say(f"{kind}, after {seconds:.2f} s" if ending.sent else f"{kind}, to its end", ending)
            if is_done or ending.faults:
                break
        shutil.rmtree(folder, ignore_errors=True)
    return works


def saved(folder: Path) -> list[Path]:
    """The whole checkpoints of a run."""
    return sorted((folder / "checkpoints").glob("step-*"))


def result(folder: Path) -> Any:
    """All that two trainings must have in common: weights, optimizer, losses, scores; None without a report."""
    if not (folder / "report.json").exists():
        return None
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    losses = [{key: value for key, value in row.items() if key != "tokens_per_second"} for row in rows]
    files = [path.read_bytes() for path in sorted(saved(folder)[-1].glob("*.safetensors"))]
    return files, losses, json.loads((folder / "report.json").read_text())["held_out"]


def disturb_commands(place: Path, rng: random.Random, left: Callable[[], int], say: Say) -> int:
    """Disturb the other commands in turn; returns how many are disturbed."""
    fresh = place.with_suffix(".fresh")
    shutil.copytree(place, fresh)
    names, takes, works = list(COMMANDS), dict.fromkeys(COMMANDS, 0.0), 0
    while left() > 0:
        name = names[works % len(names)]
        works += 1
        if not takes[name]:
            takes[name] = 2.0 if name == "learn" else run(place, *COMMANDS[name])
            replace(place, fresh)
        number, seconds = rng.choice(ASKING), rng.uniform(0, takes[name])
        ending = disturb(COMMANDS[name], place, number, seconds, on_terminal=name == "learn")
        ending.faults += ["torn"] * sum(not is_whole(path) for path in place.rglob("*") if path.is_file())
        say(f"{name}, after {seconds:.2f} s", ending)
        replace(place, fresh)
    shutil.rmtree(fresh)
    return works


def replace(place: Path, fresh: Path) -> None:
    """Make a folder what another one is."""
    shutil.rmtree(place)
    shutil.copytree(fresh, place)


def is_whole(path: Path) -> bool:
    """Whether a file is what its name says to the end; those that are being written have names with a dot."""
    content = path.read_bytes()
    if any(part.startswith(".") for part in path.parts[-3:]):
        return True
    try:
        if path.suffix == ".json":
            json.loads(content)
        elif path.suffix == ".npy":
            np.load(path)
    except ValueError:
        return False
    ends = {".png": b"IEND\xaeB`\x82", ".svg": b"</svg>\n", ".csv": b"\n", ".jsonl": b"\n"}
    return content.endswith(ends.get(path.suffix, b""))


if __name__ == "__main__":
    sys.exit(main())
