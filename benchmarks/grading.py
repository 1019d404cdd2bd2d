"""How long a class takes to grade: 200 learners with eight exercises each, right, wrong, empty, broken and endless.

    python benchmarks/grading.py
    python benchmarks/grading.py --learners 20 --keep class    and keep what was handed in, and the report

What each wrote is known, so that the grader is graded too: files that did not come out as they were meant are counted.
"""

import argparse
import contextlib
import csv
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from minattn.learn import find
from minattn.learn.wall import why_no_wall

EXERCISES = ("matmul", "scores", "softmax", "mask", "attention", "residual", "layer_norm", "cross_entropy")
SHARES = {"passed": 0.55, "wrong": 0.25, "to do": 0.10, "missing": 0.04, "error": 0.0575, "time": 0.0025}


def write_class(folder: Path, learners: int, seed: int) -> dict[tuple[str, str], str]:
    """Write what a class hands in; returns what is meant by each learner and exercise."""
    rng, meant = np.random.default_rng(seed), {}
    for number in range(learners):
        name = f"{number:03}"
        (folder / name).mkdir(parents=True)
        for exercise in map(find, EXERCISES):
            right = [exercise.solution, *exercise.alternatives.values()]
            wrong = [mistake.gap for mistake in exercise.mistakes] or [
                f"{exercise.solution}\n{exercise.answers[0]} *= 2"
            ]
            often = 1 / np.arange(1, len(wrong) + 1) ** 2
            gaps = {
                "passed": f"{rng.choice(right)}\n# {name}",
                "wrong": rng.choice(wrong, p=often / often.sum()),
                "error": "result = nothing_of_that_name",
                "time": "while True:\n    pass",
            }
            meant[name, exercise.name] = what = str(rng.choice(list(SHARES), p=list(SHARES.values())))
            if what != "missing":
                text = exercise.fill(gaps[what]) if what in gaps else exercise.text
                (folder / name / exercise.file).write_text(text, encoding="utf-8")
    return meant


def main() -> None:
    """Make the class, grade it as a teacher does, and print how long that took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--learners", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", metavar="DIR", help="a new folder for the class, the table and the report")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        place = Path(options.keep or stack.enter_context(tempfile.TemporaryDirectory()))
        meant = write_class(place / "class", options.learners, options.seed)
        words = [
            "class",
            "--only",
            ",".join(EXERCISES),
            "--csv",
            "grades.csv",
            "--report",
            "report.html",
            "--seed",
            "1",
        ]
        load, started = os.getloadavg()[0], time.perf_counter()
        command = [sys.executable, "-m", "minattn", "learn", "grade", *words]
        subprocess.run(command, cwd=place, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - started
        with open(place / "grades.csv", encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    results = {(Path(row["folder"]).name, row["exercise"]): row["result"] for row in rows}
    unlike = sum(results[key] != what for key, what in meant.items())
    mix = ", ".join(f"{count} {what}" for what, count in Counter(meant.values()).most_common())
    wall = f"without a wall ({why})" if (why := why_no_wall()) else "each behind a wall"
    print(f"{options.learners} learners, {len(rows):,} exercises ({mix}), {wall}")
    print(f"{seconds:.0f} s on {os.cpu_count()} cores, of which {load:.1f} were at work before")
    print(f"{unlike} not as they were meant")


if __name__ == "__main__":
    main()
