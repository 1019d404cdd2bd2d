"""A text and a model so small that a training takes a moment, and what the tests of whole runs share."""

import contextlib
import errno
import io
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from minattn.terminal import Progress
from minattn.text import WordPiece
from minattn.training import TrainingConfig, load_data

SUBJECTS = ["cat", "dog", "bird", "horse", "farmer", "baker", "child", "teacher", "sailor", "girl"]
VERBS = ["sees", "likes", "finds", "calls", "follows", "helps"]
THINGS = ("red house", "old bridge", "small garden", "warm bread", "long river")
STEPS = 12
OPTIONS = ("--width", "16", "--heads", "2", "--layers", "1", "--steps", str(STEPS), "--batch", "8")
PLAIN = (*OPTIONS, "--no-figures")  # which would take most of the time
TRAINING = TrainingConfig(
    steps=STEPS, batch=8, lr=2e-3, weight_decay=0.01, blanks=0.15, copies=1.0, swapped=None, seed=0, save_every=500
)
MODEL = {"width": 16, "heads": 2, "layers": 1, "hidden": 64}

# The tests may run in the background, where SIGINT is ignored, which processes inherit.
LAUNCHER = (
    "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "runpy.run_module('minattn', run_name='__main__', alter_sys=True)"
)


def write_text(path):
    """Ten pieces of six sentences, no two alike."""
    lines = []
    for i, subject in enumerate(SUBJECTS):
        lines.append(f"# The {subject}")
        lines += [f"The {subject} {verb} the {THINGS[(i + j) % len(THINGS)]}." for j, verb in enumerate(VERBS)]
        lines.append("")
    Path(path).write_text("\n".join(lines), encoding="utf-8")
    return Path(path)


def small_data(folder):
    text = write_text(Path(folder) / "small.txt")
    sentences = [line for line in text.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    return load_data(text, WordPiece.train(sentences, 200), 64)


def losses(folder):
    """The rows of metrics.jsonl without the speed, which is never the same twice."""
    rows = [json.loads(line) for line in (Path(folder) / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "tokens_per_second"} for row in rows]


def checkpoint(folder):
    """The step of a run's newest checkpoint, and the bytes of all files of it and of the best one."""
    saved = contents(Path(folder) / "checkpoints")
    return max(int(name.removeprefix("step-").partition("/")[0]) for name in saved), saved


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def start(*arguments, cwd, **options):
    """`python -m minattn` with these arguments, in a process of its own."""
    command = [sys.executable, "-c", LAUNCHER, *map(str, arguments)]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    defaults = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment}
    return subprocess.Popen(command, cwd=cwd, **(defaults | options))


def run(*arguments, cwd, **options):
    """The same, to its end: exit code, standard output, standard error."""
    process = start(*arguments, cwd=cwd, **options)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def interrupt(process):
    process.send_signal(signal.SIGINT)


def assert_one_sentence(err):
    assert err.startswith("minattn: ") and err.endswith("\n") and err.count("\n") == 1, err
    assert "Traceback" not in err and "Error:" not in err


def edit_config(folder, change):
    """Let a change be made to the config of a run by hand."""
    path = Path(folder) / "config.json"
    stored = json.loads(path.read_text())
    change(stored["config"])
    path.write_text(json.dumps(stored))


@contextlib.contextmanager
def ctrl_c_at(step=None):
    """Inside, a training gets Ctrl-C when it shows this step, or any."""

    def show(self, row):
        if step in (None, row["step"]):
            signal.raise_signal(signal.SIGINT)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Progress, "show", show)
        yield


@contextlib.contextmanager
def files_of_at_most(size):
    """A disk that really refuses bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def listing(folder):
    return sorted(entry.name for entry in folder.iterdir())


def disk_is_full(*_, **__):
    """What a call of the system does on a full disk."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Terminal(io.StringIO):
    """A stream that is taken for a terminal."""

    def isatty(self):
        return True
