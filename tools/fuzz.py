"""Damages files and makes up command lines, and counts what minattn makes of them.

python tools/fuzz.py                                    5,000 files and 500 command lines, a minute or two
python tools/fuzz.py --seed 7 --files 20000             others, and more of them
python tools/fuzz.py --seed 7 --commands 0 --only run   only files of runs

Each file is a good one that is damaged in one way: a bit, a part that is missing, a number that is another, a key that
stands twice, another file in its place. What loads it must refuse it in one sentence, or read from it what stands in
it: tools/fuzzing/independent.py reads the same files in another way. A traceback, a hang, and an acceptance of what
is not so are shown with all that is needed to see them again, and the exit code is 1.

seed N, the number of a try and the name of what is tried make the random numbers, so that a finding stays what it is
when something else is changed: --only NAME --first NUMBER --files 1 shows it alone.
"""

from __future__ import annotations

import argparse
import faulthandler
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from fuzzing.commands import Commands
from fuzzing.encoder_files import encoder_subjects
from fuzzing.outcome import WAITING, Outcomes
from fuzzing.run_files import run_subject
from fuzzing.subjects import Subject
from fuzzing.text_files import exercise_subject, pass_subject, progress_subject, text_subject, vocabulary_subject

from minattn.learn.runner import Runner
from minattn.terminal import Count

WEIGHTS = {"run": 25, "fine-tuned run": 5, "text": 8, "vocabulary": 8, "backward pass": 3, "exercise": 2, "progress": 4}
"""How many of a hundred files are of each kind; 10 unless it stands here."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code: 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of all that is random (0)")
    parser.add_argument("--files", type=int, default=5000, metavar="N", help="how many files to damage (5000)")
    parser.add_argument(
        "--commands", type=int, default=500, metavar="N", help="how many command lines to make up (500)"
    )
    parser.add_argument("--only", metavar="NAME", help="only what has this in its name, such as run, encoder, text")
    parser.add_argument("--first", type=int, default=0, metavar="NUMBER", help="the first try (0)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        outcomes = fuzz(Path(folder), options.seed, options.files, options.commands, options.only, options.first)
    for finding in outcomes.findings:
        print(finding)
    print(outcomes)
    return 1 if outcomes.findings else 0


def fuzz(
    folder: Path, seed: int = 0, files: int = 5000, commands: int = 500, only: str | None = None, first: int = 0
) -> Outcomes:
    """Damage so many files, run so many command lines, and count what came of them.

    Args:
        folder: an empty one to work in
        only: a part of the names of what is damaged; None for all
        first: the number of the first try
    """
    outcomes = Outcomes()
    with Runner() as runner:
        if files:
            chosen = [subject for subject in subjects(folder, runner) if only is None or only in subject.name]
            for subject in chosen:
                subject.start(Random(0))
            names = [subject.name for subject in chosen]
            weights = [WEIGHTS.get(name, 10) for name in names]

            def damage_one(number: int, rng: Random) -> None:
                (subject,) = rng.choices(chosen, weights)
                subject.try_once(Random(f"{seed} {number} {subject.name}"), outcomes, f"--seed {seed} --first {number}")

            repeat(files, first, "files", seed, damage_one)
        if commands:
            lines = Commands(folder / "commands")
            repeat(
                commands,
                first,
                "command lines",
                seed,
                lambda number, rng: lines.try_once(rng, outcomes, f"--files 0 --seed {seed} --first {number}"),
            )
    return outcomes


def subjects(folder: Path, runner: Runner) -> list[Subject]:
    """Everything that is damaged."""
    encoders = encoder_subjects(folder)
    return [
        run_subject(folder / "a run"),
        run_subject(folder / "tuned", encoders[0].folder),
        *encoders,
        text_subject(folder / "text"),
        vocabulary_subject(folder / "vocabulary"),
        pass_subject(folder / "pass"),
        exercise_subject(folder / "exercise", runner),
        progress_subject(folder / "progress"),
    ]


def repeat(count: int, first: int, what: str, seed: int, once: Callable[[int, Random], None]) -> None:
    """Call a function so many times, each with random numbers of its own, and show how far it is."""
    with Count(count, what, sys.stderr) as shown:
        try:
            for number in range(first, first + count):
                # What hangs in a library hears no signal of Python's.
                faulthandler.dump_traceback_later(2 * WAITING, exit=True, file=2)
                once(number, Random(f"{seed} {number} {what}"))
                shown.show(number + 1 - first)
        finally:
            faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    started = time.monotonic()
    code = main()
    print(f"in {time.monotonic() - started:.0f} s", file=sys.stderr)
    sys.exit(code)
