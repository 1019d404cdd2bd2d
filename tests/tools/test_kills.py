"""Trainings that are killed at random moments go on to the same bits, and leave nothing behind."""

import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "kills.py"


@pytest.mark.skipif(sys.platform != "linux", reason="it reads what Linux tells of processes")
def test_trainings_that_get_signals_at_random_moments_are_none_the_worse_for_it():
    done = subprocess.run([sys.executable, TOOL, "--kills", "10", "--seed", "3"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.startswith("10 signals to ") and ": 0 tracebacks, 0 times more than a line, 0 wrong exit codes" in last
    assert "0 orphans" in last and "0 that cannot be resumed, 0 with other weights" in last
